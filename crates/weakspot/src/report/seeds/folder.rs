//! The folder of several seeds: what is written to it, and how it is read again.

use std::path::Path;

use super::record::{SCHEMA, Summary, summary};
use super::{SeedStudy, Seeds, folder_of, page, tables};
use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::output::{subfolder, write_atomic};
use crate::record::check_figures;
use crate::report::{csv, json, markdown, run};

/// The name of the summary, by which such a folder is recognised.
pub const NAME: &str = "seeds.json";

/// Writes `seeds.json`, `tables/` and `report.html`. The studies' own folders are not touched. `seeds.json` is written
/// first, because the rest can be made from it again.
///
/// # Errors
/// `Io` when the folder cannot be written, or `tables` leads out of it; `Numerical` for a number that JSON cannot hold.
///
/// # Determinism
/// Equal studies give equal bytes, file by file.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{Seeds, write};
///
/// let all = Seeds { shared: "a digest".to_owned(), split_seed: 0, studies: Vec::new(), missing: Vec::new() };
/// let folder = tempfile::tempdir().unwrap();
/// write(folder.path(), &all)?;
/// assert!(folder.path().join("seeds.json").is_file() && folder.path().join("report.html").is_file());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn write(dir: &Path, all: &Seeds) -> Result<()> {
    let found = summary(all);
    let bytes = json::bytes(NAME, &found)?;
    let folder = subfolder(dir, "tables")?;
    write_atomic(&dir.join(NAME), &bytes)?;
    write_atomic(&folder.join("seeds.csv"), &csv::table(&tables::exact(all, &found))?)?;
    write_atomic(&folder.join("seeds.md"), markdown::table(&tables::shown(all, &found)).as_bytes())?;
    write_atomic(&dir.join("report.html"), page::page(all, &found).as_bytes())
}

/// Whether a folder holds the studies of several seeds.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{Seeds, is_seeds, write};
///
/// let all = Seeds { shared: "a digest".to_owned(), split_seed: 0, studies: Vec::new(), missing: Vec::new() };
/// let folder = tempfile::tempdir().unwrap();
/// assert!(!is_seeds(folder.path()));
/// write(folder.path(), &all)?;
/// assert!(is_seeds(folder.path()));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn is_seeds(dir: &Path) -> bool {
    read(dir).is_ok_and(|value| value.get("schema").and_then(serde_json::Value::as_str) == Some(SCHEMA))
}

/// Reads a folder's `seeds.json`.
///
/// # Errors
/// `Io` and `Format` for a file that cannot be read.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{MissingSeed, Seeds, read_summary, write};
///
/// let missing = vec![MissingSeed { seed: 4, why: "stopped".to_owned() }];
/// let all = Seeds { shared: "a digest".to_owned(), split_seed: 0, studies: Vec::new(), missing };
/// let folder = tempfile::tempdir().unwrap();
/// write(folder.path(), &all)?;
/// assert_eq!(read_summary(folder.path())?.missing, all.missing);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn read_summary(dir: &Path) -> Result<Summary> {
    let value = read(dir)?;
    check_figures(&value).map_err(|e| damaged(dir, &e.to_string()))?;
    let found: Summary = serde_json::from_value(value).map_err(|e| damaged(dir, &e.to_string()))?;
    if found.schema != SCHEMA {
        return Err(damaged(dir, &format!("expected the schema {SCHEMA}; got {:?}", found.schema)));
    }
    Ok(found)
}

/// Reads the studies that a folder's `seeds.json` names, from their own files.
///
/// # Errors
/// `Io` and `Format` for a summary that cannot be read; the errors of reading a study, with its folder's name.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{MissingSeed, Seeds, load, write};
///
/// let missing = vec![MissingSeed { seed: 4, why: "stopped".to_owned() }];
/// let all = Seeds { shared: "a digest".to_owned(), split_seed: 0, studies: Vec::new(), missing };
/// let folder = tempfile::tempdir().unwrap();
/// write(folder.path(), &all)?;
/// assert_eq!(load(folder.path())?, all);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load(dir: &Path) -> Result<Seeds> {
    let found = read_summary(dir)?;
    let mut studies = Vec::new();
    for row in found.studies {
        // Nothing outside the folder is read.
        if row.folder != folder_of(row.seed) {
            return Err(damaged(dir, &format!("{:?} is not the folder of seed {}", row.folder, row.seed)));
        }
        let record = run::load_record(&dir.join(&row.folder)).map_err(|e| e.context(&row.folder))?;
        if record.seed != row.seed {
            return Err(damaged(dir, &format!("{} holds a study of seed {}", row.folder, record.seed)));
        }
        studies.push(SeedStudy { seed: row.seed, folder: row.folder, record });
    }
    Ok(Seeds { shared: found.shared, split_seed: found.split_seed, studies, missing: found.missing })
}

/// Makes tables and page again from the studies' files, without a model.
///
/// # Errors
/// As [`load`] and [`write()`].
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{Seeds, rebuild, write};
///
/// let all = Seeds { shared: "a digest".to_owned(), split_seed: 0, studies: Vec::new(), missing: Vec::new() };
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

fn damaged(dir: &Path, what: &str) -> Error {
    let hint = Hint::new()
        .say("run the study with ")
        .setting("seeds")
        .say(" again, with another ")
        .setting("out")
        .say(" or with ")
        .setting("force");
    Error::format(format!("{}: {what}", dir.join(NAME).display())).with_hint(hint)
}

fn read(dir: &Path) -> Result<serde_json::Value> {
    let bytes = json::read_summary(&dir.join(NAME))?;
    serde_json::from_slice(&bytes).map_err(|e| damaged(dir, &e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::error::ErrorKind;
    use crate::report;

    /// A folder with the studies' own folders in it.
    fn whole(all: &Seeds) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for study in &all.studies {
            let run = crate::record::Run { record: study.record.clone(), ..report::fixture::demo() };
            report::write(&dir.path().join(&study.folder), &run).unwrap();
        }
        write(dir.path(), all).unwrap();
        dir
    }

    #[test]
    fn what_was_written_is_read_again_and_rebuilt_with_the_same_bytes() {
        let all = fixture::changing();
        let dir = whole(&all);
        assert_eq!(load(dir.path()).unwrap(), all);
        assert!(is_seeds(dir.path()) && !is_seeds(&dir.path().join("seed-1")));
        let names = ["seeds.json", "report.html", "tables/seeds.csv", "tables/seeds.md"];
        let before = names.map(|name| std::fs::read(dir.path().join(name)).unwrap());
        for name in &names[1..] {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
        rebuild(dir.path()).unwrap();
        assert_eq!(before, names.map(|name| std::fs::read(dir.path().join(name)).unwrap()));
        if let Some(keep) = std::env::var_os("WEAKSPOT_KEEP_REPORT") {
            // For looking at the pages: `WEAKSPOT_KEEP_REPORT=folder cargo test`.
            write(&Path::new(&keep).join("seeds"), &all).unwrap();
        }
    }

    #[test]
    fn nothing_outside_the_folder_and_no_other_seeds_study_is_read() {
        let all = fixture::changing();
        let dir = whole(&all);
        for bad in ["../seed-0", "/etc", "", "seed-0/../seed-0", "seed-1", "./seed-0"] {
            let mut found = summary(&all);
            bad.clone_into(&mut found.studies[0].folder);
            write_atomic(&dir.path().join(NAME), &json::bytes(NAME, &found).unwrap()).unwrap();
            let error = load(dir.path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{bad}");
            assert!(error.hint().is_some(), "{bad}");
        }
        write(dir.path(), &all).unwrap();
        std::fs::remove_dir_all(dir.path().join("seed-1")).unwrap();
        std::fs::rename(dir.path().join("seed-5"), dir.path().join("seed-1")).unwrap();
        let error = load(dir.path()).unwrap_err();
        assert!(error.to_string().contains("holds a study of seed 5"), "{error}");
    }

    #[test]
    fn a_summary_that_contradicts_itself_is_refused() {
        let all = fixture::changing();
        let dir = whole(&all);
        let mut found = serde_json::to_value(summary(&all)).unwrap();
        found["studies"] = serde_json::Value::from(vec![0; 1_000_001]);
        write_atomic(&dir.path().join(NAME), found.to_string().as_bytes()).unwrap();
        let error = load(dir.path()).unwrap_err();
        assert!(error.to_string().contains("studies: expected at most 1000000 entries"), "{error}");
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_refused_before_anything_is_written() {
        let mut all = fixture::changing();
        all.studies[0].record.tests[0].difference = f64::NAN;
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("new"), &all).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Numerical);
        assert!(!dir.path().join("new").exists());
    }
}
