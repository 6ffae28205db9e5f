//! A reproduction's folder: what is written to it, and how it is read again.

use std::path::{Component, Path};

use super::record::{SCHEMA, Summary, summary};
use super::{Reproduction, Settings, Studied, Study, page, plates, tables};
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::output::{subfolder, write_atomic};
use crate::record::check_figures;
use crate::report::{csv, json, markdown, run};

/// The name of the summary.
const RESULTS: &str = "results.json";

/// Writes `tables/`, `figures/`, `report.html` and, last, `results.json`. The studies' own folders are not touched.
///
/// # Errors
/// `Io` when the folder cannot be written, or `tables` or `figures` leads out of it; `Numerical` for a number that JSON
/// cannot hold.
///
/// # Determinism
/// Equal reproductions give equal bytes, file by file.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::write;
/// # use weakspot::report::reproduction::{Missing, Reproduction};
/// # let why = "its files are not there".to_owned();
/// # let missing = vec![Missing { what: "mnist".to_owned(), why, next: "weakspot fetch mnist".to_owned() }];
/// # let all = Reproduction { reduced: Vec::new(), subjects: Vec::new(), missing };
/// let folder = tempfile::tempdir().unwrap();
/// write(folder.path(), &all)?;
/// assert!(folder.path().join("results.json").is_file() && folder.path().join("report.html").is_file());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn write(dir: &Path, all: &Reproduction) -> Result<()> {
    let found = summary(all);
    let bytes = json::bytes(RESULTS, &found)?;
    let [tables_dir, figures_dir] = [subfolder(dir, "tables")?, subfolder(dir, "figures")?];
    let sheets = tables::all(all);
    for sheet in &sheets {
        let path = |ending: &str| tables_dir.join(format!("{}.{ending}", sheet.shown.name));
        write_atomic(&path("csv"), &csv::table(&sheet.exact)?)?;
        write_atomic(&path("md"), markdown::table(&sheet.shown).as_bytes())?;
    }
    let plates = plates::all(all)?;
    for plate in &plates {
        write_atomic(&figures_dir.join(format!("{}.png", plate.name)), &plate.png)?;
    }
    write_atomic(&dir.join("report.html"), page::page(all, &found, &sheets, &plates).as_bytes())?;
    write_atomic(&dir.join(RESULTS), &bytes)
}

/// Whether a folder's `results.json` is that of a reproduction and not of one study.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{is_reproduction, write};
/// # use weakspot::report::reproduction::{Missing, Reproduction};
/// # let why = "its files are not there".to_owned();
/// # let missing = vec![Missing { what: "mnist".to_owned(), why, next: "weakspot fetch mnist".to_owned() }];
/// # let all = Reproduction { reduced: Vec::new(), subjects: Vec::new(), missing };
/// let folder = tempfile::tempdir().unwrap();
/// assert!(!is_reproduction(folder.path()));
/// write(folder.path(), &all)?;
/// assert!(is_reproduction(folder.path()));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn is_reproduction(dir: &Path) -> bool {
    read(dir).is_ok_and(|value| value.get("schema").and_then(serde_json::Value::as_str) == Some(SCHEMA))
}

/// Reads the studies that a reproduction's `results.json` names, from their own files.
///
/// # Errors
/// `Io` and `Format` for a summary that cannot be read; the errors of reading a study, with its folder's name.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{load, write};
/// # use weakspot::report::reproduction::{Missing, Reproduction};
/// # let why = "its files are not there".to_owned();
/// # let missing = vec![Missing { what: "mnist".to_owned(), why, next: "weakspot fetch mnist".to_owned() }];
/// # let all = Reproduction { reduced: Vec::new(), subjects: Vec::new(), missing };
/// let folder = tempfile::tempdir().unwrap();
/// write(folder.path(), &all)?;
/// assert_eq!(load(folder.path())?, all);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load(dir: &Path) -> Result<Reproduction> {
    let damaged = |what: String| {
        let hint = Hint::new()
            .say("run the reproduction again with the same ")
            .setting("out")
            .say(": the file is written again, and finished studies are kept");
        Error::format(format!("{}: {what}", dir.join(RESULTS).display())).with_hint(hint)
    };
    let value = read(dir)?;
    check_figures(&value).map_err(|e| damaged(e.to_string()))?;
    let found: Summary = serde_json::from_value(value).map_err(|e| damaged(e.to_string()))?;
    if found.schema != SCHEMA {
        return Err(damaged(format!("expected the schema {SCHEMA}; got {:?}", found.schema)));
    }
    let mut subjects: Vec<Studied> = Vec::new();
    for row in found.studies {
        let inside = Path::new(&row.folder).components().all(|part| matches!(part, Component::Normal(_)));
        let settings = Settings::BOTH.into_iter().find(|settings| settings.name() == row.settings);
        let (true, Some(settings)) = (inside && !row.folder.is_empty(), settings) else {
            return Err(damaged(format!(
                "{:?} with settings {:?} is not one of its studies",
                row.folder, row.settings
            )));
        };
        let run = run::load(&dir.join(&row.folder)).map_err(|e| e.context(&row.folder))?;
        let study = Study { settings, folder: row.folder, run };
        match subjects.iter_mut().find(|subject| subject.name == row.dataset) {
            Some(subject) => subject.studies.push(study),
            None => subjects.push(Studied { name: row.dataset, studies: vec![study] }),
        }
    }
    Ok(Reproduction { reduced: found.reduced, subjects, missing: found.missing })
}

/// Makes tables, plates and page again from the studies' files, without a model.
///
/// # Errors
/// As [`load`] and [`write()`].
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{rebuild, write};
/// # use weakspot::report::reproduction::{Missing, Reproduction};
/// # let why = "its files are not there".to_owned();
/// # let missing = vec![Missing { what: "mnist".to_owned(), why, next: "weakspot fetch mnist".to_owned() }];
/// # let all = Reproduction { reduced: Vec::new(), subjects: Vec::new(), missing };
/// let folder = tempfile::tempdir().unwrap();
/// let page = folder.path().join("report.html");
/// write(folder.path(), &all)?;
/// std::fs::remove_file(&page).unwrap();
/// rebuild(folder.path())?;
/// assert!(page.is_file());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn rebuild(dir: &Path) -> Result<()> {
    write(dir, &load(dir)?)
}

fn read(dir: &Path) -> Result<serde_json::Value> {
    let path = dir.join(RESULTS);
    let bytes = json::read_summary(&path)?;
    serde_json::from_slice(&bytes).map_err(|e| Error::format(format!("{}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::report;
    use crate::report::reproduction::fixture;

    /// A folder with the studies' own folders in it.
    fn whole(all: &Reproduction) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for study in all.studies() {
            report::write(&dir.path().join(&study.folder), &study.run).unwrap();
        }
        write(dir.path(), all).unwrap();
        dir
    }

    #[test]
    fn what_was_written_is_read_again_and_rebuilt_with_the_same_bytes() {
        let all = fixture::some();
        let dir = whole(&all);
        assert_eq!(load(dir.path()).unwrap(), all);
        assert!(is_reproduction(dir.path()) && !is_reproduction(&dir.path().join("mnist/default")));
        let names = [
            "report.html",
            "results.json",
            "tables/claims.csv",
            "tables/table-1-similarity.md",
            "figures/fig10-blob.png",
        ];
        let before = names.map(|name| std::fs::read(dir.path().join(name)).unwrap());
        rebuild(dir.path()).unwrap();
        assert_eq!(before, names.map(|name| std::fs::read(dir.path().join(name)).unwrap()));
        if let Some(keep) = std::env::var_os("WEAKSPOT_KEEP_REPORT") {
            // For looking at the pages: `WEAKSPOT_KEEP_REPORT=folder cargo test`.
            write(&Path::new(&keep).join("reproduction"), &all).unwrap();
        }
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let all = fixture::some();
        let dir = tempfile::tempdir().unwrap();
        for bad in ["../mnist/default", "/etc", "", "mnist/../../x", "./mnist"] {
            let mut found = summary(&all);
            bad.clone_into(&mut found.studies[0].folder);
            write_atomic(&dir.path().join(RESULTS), &json::bytes(RESULTS, &found).unwrap()).unwrap();
            let error = load(dir.path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{bad}");
            assert!(error.hint().is_some(), "{bad}");
        }
    }

    #[test]
    fn a_summary_that_contradicts_itself_is_refused() {
        let all = fixture::some();
        let dir = whole(&all);
        let mut found = serde_json::to_value(summary(&all)).unwrap();
        let place =
            found["rows"].as_array().unwrap().iter().position(|row| row["default"]["ours"]["k"].is_u64());
        found["rows"][place.unwrap()]["default"]["ours"]["n"] = 0.into();
        write_atomic(&dir.path().join(RESULTS), found.to_string().as_bytes()).unwrap();
        let error = load(dir.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.to_string().contains("default/ours: k: expected at most n, 0"), "{error}");
    }

    #[test]
    fn a_missing_study_is_named() {
        let mut all = fixture::some();
        all.subjects.drain(..2);
        let dir = whole(&all);
        std::fs::remove_file(dir.path().join("malaria/default/results.json")).unwrap();
        let error = load(dir.path()).unwrap_err();
        assert!(error.to_string().contains("malaria/default"), "{error}");
    }
}
