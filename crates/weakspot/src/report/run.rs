//! A run's folder: what is written to it, in which order, and how it is read again.

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::Axis;

use crate::checks;
use crate::error::{Error, ErrorKind, Result};
use crate::input::read_bounded;
use crate::output::{subfolder, write_atomic};
use crate::record::maps::StudyMaps;
use crate::record::{Record, Run, SCHEMA, SCHEMA_BEFORE};
use crate::report::{csv, figures, html, json, markdown, tables};

/// Reads `results.json`, `ledger.csv` and `maps.safetensors` from a run's folder.
///
/// # Errors
/// `Io` for a file that is not there, `Format` for one that is damaged or contradicts itself, `Unsupported` for one of
/// another version, `Shape` when the files do not belong together.
///
/// # Examples
/// ```
/// use weakspot::report::{csv, load};
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = |name: &str| folder.path().join(name);
/// std::fs::write(path("results.json"), serde_json::to_vec(&run.record).unwrap()).unwrap();
/// std::fs::write(path("ledger.csv"), csv::ledger(&run.ledger)?).unwrap();
/// std::fs::write(path("maps.safetensors"), run.maps.to_safetensors()?).unwrap();
/// assert_eq!(load(folder.path())?, run);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load(dir: &Path) -> Result<Run> {
    let record = load_record(dir)?;
    let ledger = csv::read_ledger(&read(dir, "ledger.csv", LARGEST_LEDGER)?)?;
    let maps = StudyMaps::from_safetensors(&read(dir, "maps.safetensors", LARGEST_MAPS)?)?;
    let [_, h, w] = record.data.image_shape;
    if maps.size() != (h, w) {
        let (mh, mw) = maps.size();
        return Err(Error::shape(format!(
            "maps.safetensors has {mh}x{mw} maps, results.json {h}x{w} images"
        ))
        .with_hint("the files are from different runs; run the study again"));
    }
    Ok(Run { record, ledger, maps })
}

/// Reads `results.json` from a run's folder.
///
/// # Errors
/// As [`load`].
///
/// # Examples
/// ```
/// use weakspot::report::load_record;
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("results.json");
/// std::fs::write(&path, serde_json::to_vec(&run.record).unwrap()).unwrap();
/// assert_eq!(load_record(folder.path())?, run.record);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn load_record(dir: &Path) -> Result<Record> {
    read_record(&read(dir, "results.json", LARGEST_RECORD)?)
}

/// Writes a run's folder: `results.json`, `ledger.csv`, `maps.safetensors`, `blob-<class>.png`, `tables/`,
/// `figures/`, `report.html`. Each file is written whole or not at all; `results.json` comes last, so that a folder
/// that has one has everything.
///
/// # Errors
/// `Io` when the folder cannot be written, or `tables` or `figures` leads out of it; `Numerical` when the record holds
/// a number that JSON cannot (NaN, infinity).
///
/// # Determinism
/// Equal runs give equal bytes, file by file.
///
/// # Examples
/// ```
/// use weakspot::report::write;
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let folder = tempfile::tempdir().unwrap();
/// write(folder.path(), &run)?;
/// for name in ["results.json", "ledger.csv", "maps.safetensors", "report.html", "blob-left.png"] {
///     assert!(folder.path().join(name).is_file(), "{name}");
/// }
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn write(dir: &Path, run: &Run) -> Result<()> {
    let record = json::bytes("results.json", &run.record)?;
    let [tables_dir, figures_dir] = [subfolder(dir, "tables")?, subfolder(dir, "figures")?];
    write_atomic(&dir.join("maps.safetensors"), &run.maps.to_safetensors()?)?;
    write_atomic(&dir.join("ledger.csv"), &csv::ledger(&run.ledger)?)?;
    let names = blob_names(&run.record.data.classes);
    let (h, w) = run.maps.size();
    for (class, name) in names.iter().enumerate() {
        let mask = run.maps.blob.index_axis(Axis(0), class);
        let pixels: Vec<u8> = mask.iter().map(|&m| if m > 0 { 255 } else { 0 }).collect();
        write_atomic(&dir.join(name), &figures::grey_png(w, h, &pixels)?)?;
    }
    let tables = tables::all(&run.record);
    for table in &tables {
        write_atomic(&tables_dir.join(format!("{}.csv", table.name)), &csv::table(table)?)?;
        write_atomic(&tables_dir.join(format!("{}.md", table.name)), markdown::table(table).as_bytes())?;
    }
    let figures = figures::all(&run.record, &run.maps)?;
    for figure in &figures {
        write_atomic(&figures_dir.join(format!("{}.png", figure.name)), &figure.png)?;
    }
    write_atomic(&dir.join("report.html"), html::page(&run.record, &tables, &figures).as_bytes())?;
    write_atomic(&dir.join("results.json"), &record)
}

/// Makes every table, figure and page of a run's folder again, from its own files and without a model.
///
/// # Errors
/// As [`load`] and [`write()`].
///
/// # Examples
/// ```
/// use weakspot::report::{csv, rebuild};
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = |name: &str| folder.path().join(name);
/// std::fs::write(path("results.json"), serde_json::to_vec(&run.record).unwrap()).unwrap();
/// std::fs::write(path("ledger.csv"), csv::ledger(&run.ledger)?).unwrap();
/// std::fs::write(path("maps.safetensors"), run.maps.to_safetensors()?).unwrap();
/// // Tables, figures and the page follow from these three.
/// rebuild(folder.path())?;
/// assert!(path("report.html").is_file() && path("figures/fig10-blob.png").is_file());
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn rebuild(dir: &Path) -> Result<()> {
    write(dir, &load(dir)?)
}

fn read_record(bytes: &[u8]) -> Result<Record> {
    let damaged = |e: serde_json::Error| {
        Error::format(format!("results.json: {e}")).with_hint("run the study again; the file is damaged")
    };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(damaged)?;
    let schema = value.get("schema").and_then(serde_json::Value::as_str).unwrap_or("none");
    if schema != SCHEMA && schema != SCHEMA_BEFORE {
        let message = format!("results.json: expected schema {SCHEMA}, got {schema}");
        return Err(
            Error::new(ErrorKind::Unsupported, message).with_hint("run the study again with this version")
        );
    }
    let mut record: Record = serde_json::from_value(value).map_err(damaged)?;
    record.check().map_err(|e| {
        e.context("results.json").with_hint("run the study again; the file is damaged or was changed by hand")
    })?;
    checks::upgrade(&mut record);
    Ok(record)
}

/// The largest files that are read: a record with a million skipped files; a row for each of ten million images; maps
/// of every image.
const LARGEST_RECORD: u64 = 256 << 20;
const LARGEST_LEDGER: u64 = 4 << 30;
const LARGEST_MAPS: u64 = 32 << 30;

fn read(dir: &Path, name: &str, most: u64) -> Result<Vec<u8>> {
    read_bounded(&dir.join(name), most).map_err(|e| match e.kind() {
        ErrorKind::Io => e.with_hint("give the folder of a finished study"),
        _ => e,
    })
}

/// `blob-<class>.png` for each class, safe on every file system and never twice the same.
fn blob_names(classes: &[String; 2]) -> [String; 2] {
    let plain = classes.each_ref().map(|class| {
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
        class.chars().take(60).map(safe).collect::<String>()
    });
    let distinct: BTreeSet<String> = plain.iter().map(|name| name.to_ascii_lowercase()).collect();
    let numbered = distinct.len() < 2 || plain.iter().any(String::is_empty);
    let mut i = 0;
    plain.map(|name| {
        i += 1;
        if numbered { format!("blob-{}-{name}.png", i - 1) } else { format!("blob-{name}.png") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use std::collections::BTreeMap;

    /// Every file below a folder with its bytes.
    fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
                    found.insert(name, std::fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    #[test]
    fn what_was_written_is_read_again() {
        for run in [
            fixture::one_pixel(),
            fixture::demo(),
            fixture::tuned(),
            fixture::named("mnist", ["0", "1"]),
            fixture::bare(),
        ] {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), &run).unwrap();
            assert_eq!(load(dir.path()).unwrap(), run);
        }
    }

    #[test]
    fn a_report_is_rebuilt_from_the_sources_alone_with_the_same_bytes() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(first.path(), &fixture::demo()).unwrap();
        let before = files(first.path());
        for name in ["results.json", "ledger.csv", "maps.safetensors"] {
            std::fs::copy(first.path().join(name), second.path().join(name)).unwrap();
        }
        rebuild(second.path()).unwrap();
        assert_eq!(before, files(second.path()));
        for name in [
            "report.html",
            "blob-disc.png",
            "blob-ring.png",
            "tables/table-1-similarity.csv",
            "tables/table-3-attack.md",
            "tables/protocols.csv",
            "tables/tests.md",
            "tables/flags.csv",
            "figures/fig10-blob.png",
        ] {
            assert!(before.contains_key(name), "{name} is missing");
        }
        if let Some(keep) = std::env::var_os("WEAKSPOT_KEEP_REPORT") {
            // For looking at the pages: `WEAKSPOT_KEEP_REPORT=folder cargo test`.
            write(Path::new(&keep), &fixture::tuned()).unwrap();
        }
    }

    #[test]
    fn a_search_is_rebuilt_too_and_a_run_without_one_has_no_trace_of_it() {
        let (searched, plain) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(searched.path(), &fixture::tuned()).unwrap();
        let before = files(searched.path());
        rebuild(searched.path()).unwrap();
        assert_eq!(before, files(searched.path()));
        let grid = String::from_utf8(before["tables/tuning.csv"].clone()).unwrap();
        assert_eq!(grid.lines().count(), 1 + 8, "the whole grid");
        let (chosen, front) = (grid.matches(",chosen,").count(), grid.matches(",yes,").count());
        assert_eq!((chosen, grid.matches(",without a search,").count()), (1, 1), "{grid}");
        assert!(front > 0 && before.contains_key("figures/tuning.png"));
        let page = String::from_utf8(before["report.html"].clone()).unwrap();
        assert!(page.contains("id=\"tuning\"") && page.contains("The whole grid: 8 points"));
        write(plain.path(), &fixture::demo()).unwrap();
        let without = files(plain.path());
        assert!(without.keys().all(|name| !name.contains("tuning")));
        assert!(!String::from_utf8(without["results.json"].clone()).unwrap().contains("tuning"));
    }

    #[test]
    fn a_blob_picture_has_the_masks_size_and_two_values() {
        let run = fixture::demo();
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &run).unwrap();
        let file = std::fs::File::open(dir.path().join("blob-disc.png")).unwrap();
        let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (32, 32));
        let expected: Vec<u8> = run.maps.blob.index_axis(Axis(0), 0).iter().map(|&b| b * 255).collect();
        assert_eq!(pixels, expected);
        assert!(pixels.contains(&255), "the fixture's first blob is not empty");
    }

    #[test]
    fn class_names_never_leave_the_folder_nor_meet_in_one_file() {
        let names = |a: &str, b: &str| blob_names(&[a.to_owned(), b.to_owned()]);
        assert_eq!(names("0", "1"), ["blob-0.png", "blob-1.png"]);
        assert_eq!(names("Trouser", "trouser"), ["blob-0-Trouser.png", "blob-1-trouser.png"]);
        assert_eq!(names("../../x", "a b"), ["blob-______x.png", "blob-a_b.png"]);
        assert_eq!(names("", "b"), ["blob-0-.png", "blob-1-b.png"]);
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("run");
        write(&inside, &fixture::hostile()).unwrap();
        assert_eq!(load(&inside).unwrap(), fixture::hostile());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was written outside");
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_refused_before_anything_is_written() {
        let mut run = fixture::demo();
        run.record.tests[0].p = f64::NAN;
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("run"), &run).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Numerical);
        assert!(!dir.path().join("run").exists());
    }

    #[test]
    fn a_record_of_the_first_version_is_read_and_told_that_it_compares_unlike_attacks() {
        let run = fixture::demo();
        let mut old = serde_json::to_value(&run.record).unwrap();
        let top = old.as_object_mut().unwrap();
        top["schema"] = "weakspot-results/1".into();
        for field in ["differences", "worst_of", "separation"] {
            top.remove(field);
        }
        for test in top["tests"].as_array_mut().unwrap() {
            if test["comparison"] == "adaptive_worst-adv_worst" {
                test["comparison"] = "adaptive_worst-adv".into();
            }
        }
        for d in top["directions"].as_array_mut().unwrap() {
            for place in ["scores", "asr"] {
                d[place].as_object_mut().unwrap().remove("adv_worst");
            }
            for fill in d["by_fill"].as_array_mut().unwrap() {
                fill["scores"].as_object_mut().unwrap().remove("adv_worst");
                fill["asr"].as_object_mut().unwrap().remove("adv_worst");
            }
        }
        for point in top["sweep"].as_array_mut().unwrap() {
            for field in ["adv_worst", "adaptive_worst", "worst"] {
                point.as_object_mut().unwrap().remove(field);
            }
        }
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &run).unwrap();
        write_atomic(&dir.path().join("results.json"), old.to_string().as_bytes()).unwrap();
        let read = load(dir.path()).unwrap().record;
        for d in &read.directions {
            assert_eq!(d.flags.last().map(|flag| flag.id.as_str()), Some("weak-baseline"));
        }
        // Written and read again, it has the flag once.
        rebuild(dir.path()).unwrap();
        assert_eq!(load(dir.path()).unwrap().record, read);
        let page = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
        assert!(page.contains("says nothing about an attacker who knows the mask"));
        // The record of this version has the same attacks twice, unless one is taken from the baseline.
        let mut record = run.record;
        assert_eq!(checks::weak_baseline(&record), None);
        record.worst_of.get_mut("adv_worst").unwrap().pop();
        assert_eq!(checks::weak_baseline(&record).unwrap().value, 1.0);
    }

    #[test]
    fn a_record_that_contradicts_itself_is_refused_before_anything_is_made_of_it() {
        let whole = serde_json::to_value(fixture::demo().record).unwrap();
        for (k, n) in [(201_u64, 200_u64), (3, 1_000_000_000), (3, 1 << 62), (1 << 62, 200), (6, 0)] {
            let mut record = whole.clone();
            let score = &mut record["directions"][0]["by_fill"][1]["scores"]["mod_adv"];
            (score["k"], score["n"]) = (k.into(), n.into());
            let error = read_record(record.to_string().as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{k} of {n}");
            assert!(error.to_string().contains("directions/0/by_fill/1/scores/mod_adv"), "{error}");
            assert!(error.hint().is_some(), "{k} of {n}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link_out_of_the_folder() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = |name: &str, to: &Path| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
        for name in ["tables", "figures"] {
            link(name, outside.path());
            let error = write(dir.path(), &fixture::demo()).unwrap_err();
            assert!(error.to_string().contains(name) && error.hint().is_some(), "{error}");
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        // A link to a file is replaced and not followed.
        let mine = outside.path().join("mine");
        write_atomic(&mine, b"mine").unwrap();
        link("report.html", &mine);
        write(dir.path(), &fixture::demo()).unwrap();
        assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_or_a_device_in_a_files_place_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &fixture::demo()).unwrap();
        for name in ["maps.safetensors", "ledger.csv", "results.json"] {
            let path = dir.path().join(name);
            std::fs::remove_file(&path).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            let error = load(dir.path()).unwrap_err();
            assert!(error.to_string().contains("got a named pipe"), "{error}");
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
            let error = load(dir.path()).unwrap_err();
            assert!(error.to_string().contains("got a device"), "{error}");
        }
    }

    #[test]
    fn damaged_and_foreign_files_are_errors_with_a_hint() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let error = load(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.hint().is_some() && error.to_string().contains("results.json"));

        write(path, &fixture::demo()).unwrap();
        write_atomic(&path.join("results.json"), b"{\"schema\": \"weakspot-results/99\"}").unwrap();
        let error = load(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("weakspot-results/99"));

        write_atomic(&path.join("results.json"), b"{\"schema\": ").unwrap();
        assert_eq!(load(path).unwrap_err().kind(), ErrorKind::Format);

        write_atomic(
            &path.join("results.json"),
            &json::bytes("results.json", &fixture::demo().record).unwrap(),
        )
        .unwrap();
        let ledger = std::fs::read(path.join("ledger.csv")).unwrap();
        write_atomic(&path.join("ledger.csv"), b"id,label\n1,2,3\n").unwrap();
        assert_eq!(load(path).unwrap_err().kind(), ErrorKind::Format);

        write_atomic(&path.join("ledger.csv"), &ledger).unwrap();
        load(path).unwrap();
        let other = fixture::named("mnist", ["0", "1"]);
        write_atomic(&path.join("maps.safetensors"), &other.maps.to_safetensors().unwrap()).unwrap();
        assert_eq!(load(path).unwrap_err().kind(), ErrorKind::Shape);
    }
}
