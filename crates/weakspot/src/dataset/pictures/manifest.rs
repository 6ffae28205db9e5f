//! A list of picture files with their labels: CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use super::listing::Entry;
use super::table;
use crate::dataset::Origin;
use crate::dataset::brief::{brief, brief_list};
use crate::error::{Error, Result};
use crate::input::open_regular;

/// The known columns; the first two must be there.
const COLUMNS: [&str; 4] = ["path", "label", "split", "group"];

/// The longest list, in bytes: millions of pictures, whose pixels would fit no disk.
const MAX_LIST: u64 = 1 << 28;

/// Other common names of the first two.
const PATHS: [&str; 12] = [
    "file",
    "files",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "image",
    "images",
    "image_path",
    "image_name",
    "img",
    "img_path",
];
const LABELS: [&str; 10] =
    ["labels", "class", "classes", "class_name", "category", "target", "y", "species", "breed", "diagnosis"];

/// What a list says.
#[derive(Debug)]
pub(super) struct Manifest {
    /// In the order of their names.
    pub(super) class_names: Vec<String>,
    /// In the order of the list.
    pub(super) entries: Vec<Entry>,
    /// What a reader of the results should know about it.
    pub(super) notes: Vec<String>,
}

/// Reads a list.
pub(super) fn read(file: &Path) -> Result<Manifest> {
    let wrong = |expected: &str, came: &str| {
        Error::format(format!("{}: expected {expected}; got {came}", file.display()))
            .with_hint("the first line is path,label or path,label,split or path,label,split,group")
    };
    let (list, length) = open_regular(file)
        .map_err(|e| e.with_hint("name an existing CSV file whose first line is path,label"))?;
    if length > MAX_LIST {
        return Err(wrong(&format!("a list of at most {MAX_LIST} bytes"), &length.to_string()));
    }
    // A list that grows meanwhile is read no further.
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(list.take(MAX_LIST));
    let damaged = |e: &csv::Error| wrong("CSV in UTF-8", &brief(&e.to_string().replace('\n', " ")));
    let header = reader.headers().map_err(|e| damaged(&e))?.clone();
    // A byte order mark is not part of a column's name.
    let columns: Vec<&str> =
        header.iter().map(|column| column.trim_start_matches('\u{feff}').trim()).collect();
    let named = |name: &str| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
    let [path, label, split, group] = COLUMNS.map(named);
    let (Some(path), Some(label)) = (path, label) else {
        if let Some(error) = table::of_pixels(file, &columns) {
            return Err(error);
        }
        let error = wrong("the columns path and label", &brief_list(columns.iter().copied()));
        let to_path = path.map_or_else(|| rename(&columns, &PATHS, "path"), |_| None);
        let to_label = label.map_or_else(|| rename(&columns, &LABELS, "label"), |_| None);
        let renames: Vec<String> = to_path.into_iter().chain(to_label).collect();
        return Err(match renames.as_slice() {
            [] => error,
            renames => error.with_hint(format!("in the first line, rename {}", renames.join(" and "))),
        });
    };
    let base = file.parent().unwrap_or_else(|| Path::new(""));
    let mut rows = Vec::new();
    let mut seen = BTreeMap::new();
    for row in reader.records() {
        let row = row.map_err(|e| damaged(&e))?;
        let line = row.position().map_or(0, csv::Position::line);
        let field = |column: usize| row.get(column).unwrap_or_default();
        let (id, class) = (field(path), field(label));
        if id.is_empty() || class.is_empty() {
            return Err(wrong("a path and a label in every line", &format!("an empty one in line {line}")));
        }
        if let Some(before) = seen.insert(id.to_owned(), line) {
            return Err(wrong("each path once", &format!("{} in lines {before} and {line}", brief(id))));
        }
        let part = match split.map(|split| field(split).to_lowercase()).as_deref() {
            None | Some("") => Part::None,
            Some("train" | "training") => Part::Train,
            Some("test" | "testing") => Part::Test,
            Some("val" | "valid" | "validation" | "dev") => Part::Validation,
            Some(other) => {
                return Err(wrong(
                    "train, test or val in the column split",
                    &format!("{} in line {line}", brief(other)),
                ));
            }
        };
        let group = group.map(field).unwrap_or_default().to_owned();
        rows.push(Row { id: id.to_owned(), class: class.to_owned(), part, group });
    }
    let without = rows.iter().filter(|row| row.part == Part::None).count();
    if without > 0 && without < rows.len() {
        return Err(wrong(
            "train, test or val for every picture, or for none",
            &format!("{without} of {} without", rows.len()),
        ));
    }
    let grouped = rows.iter().filter(|row| !row.group.is_empty()).count();
    if grouped > 0 && grouped < rows.len() {
        return Err(wrong(
            "a group for every picture, or for none",
            &format!("{grouped} of {} with", rows.len()),
        ));
    }
    if rows.is_empty() {
        return Err(wrong("at least one picture", "a list without any"));
    }
    let notes = validation(&mut rows).into_iter().collect();
    let classes: BTreeSet<String> = rows.iter().map(|row| row.class.clone()).collect();
    let class_names: Vec<String> = classes.into_iter().collect();
    let entries = rows
        .into_iter()
        .map(|Row { id, class, part, group }| Entry {
            path: base.join(&id),
            // They are in order.
            class: class_names.binary_search(&class).ok(),
            id,
            origin: match part {
                Part::None => Origin::Whole,
                Part::Train => Origin::Train,
                Part::Test | Part::Validation => Origin::Test,
            },
            group,
        })
        .collect();
    Ok(Manifest { class_names, entries, notes })
}

/// What the column split says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    None,
    Train,
    Validation,
    Test,
}

/// A line of the list.
struct Row {
    id: String,
    class: String,
    part: Part,
    group: String,
}

/// What becomes of a validation part, as in folders: beside a test part it is left out, otherwise it is the test part.
fn validation(rows: &mut Vec<Row>) -> Option<String> {
    let count = |part: Part| rows.iter().filter(|row| row.part == part).count();
    let n = count(Part::Validation);
    if n == 0 {
        None
    } else if count(Part::Test) == 0 {
        Some("the part val of the list is scored as the test part".to_owned())
    } else {
        rows.retain(|row| row.part != Part::Validation);
        Some(format!(
            "the part val of the list, {n} of its pictures, is not used: train is divided and test is scored"
        ))
    }
}

/// `filename to path`, for the first column that is known by another name.
fn rename(columns: &[&str], known: &[&str], to: &str) -> Option<String> {
    let found =
        known.iter().find_map(|name| columns.iter().find(|column| column.eq_ignore_ascii_case(name)))?;
    Some(format!("{found} to {to}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn list(text: &str) -> Result<Manifest> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.csv");
        crate::output::write_atomic(&file, text.as_bytes()).unwrap();
        read(&file)
    }

    #[test]
    fn columns_by_other_names_were_listed_without_saying_which_to_rename() {
        for (header, hint) in [
            ("file,label", "in the first line, rename file to path"),
            ("image,class", "in the first line, rename image to path and class to label"),
            ("path,Category", "in the first line, rename Category to label"),
            ("name,colour", "the first line is path,label or"),
        ] {
            let error = list(&format!("{header}\na.png,b\n")).unwrap_err();
            assert!(error.hint().unwrap().starts_with(hint), "{header}: {:?}", error.hint());
        }
        let pixels: Vec<String> = (0..784).map(|i| format!(",pixel{i}")).collect();
        let pixels = pixels.concat();
        let error = list(&format!("label{pixels}\n")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.to_string().ends_with("a table of pixels, 784 columns of them"), "{error}");
    }

    #[test]
    fn a_validation_part_was_refused_in_lists_and_taken_in_folders() {
        let rows = "path,label,split\n1.png,a,Train\n2.png,b,train\n";
        for name in ["val", "valid", "validation", "dev", "Val"] {
            let scored = list(&format!("{rows}3.png,a,{name}\n")).unwrap();
            assert_eq!(scored.entries[2].origin, Origin::Test, "{name}");
            assert_eq!(scored.notes, ["the part val of the list is scored as the test part"]);
            let unused = list(&format!("{rows}3.png,c,{name}\n4.png,b,test\n")).unwrap();
            assert_eq!(
                unused.entries.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(),
                ["1.png", "2.png", "4.png"]
            );
            assert_eq!(unused.class_names, ["a", "b"], "of the pictures that are used");
            assert!(
                unused.notes[0].contains("val of the list, 1 of its pictures, is not used"),
                "{:?}",
                unused.notes
            );
        }
        assert!(list(rows).unwrap().notes.is_empty());
    }

    #[test]
    fn a_cell_of_a_megabyte_came_back_whole() {
        let cell = "x".repeat(1 << 20);
        for text in [
            format!("path,label,split\na.png,b,{cell}\n"),
            format!("path,label\n{cell},b\n{cell},b\n"),
            format!("{cell},{cell}\n"),
        ] {
            let error = list(&text).unwrap_err().to_string();
            assert!(error.contains("..") && error.len() < 500, "{} bytes", error.len());
        }
    }
}
