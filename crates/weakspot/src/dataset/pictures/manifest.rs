//! A list of picture files with their labels: CSV.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use super::listing::Entry;
use crate::dataset::Origin;
use crate::error::{Error, Result};
use crate::input::open_regular;

/// The columns that are known; the first two must be there.
const COLUMNS: [&str; 4] = ["path", "label", "split", "group"];

/// The longest list, in bytes: millions of pictures, whose pixels would fit no disk.
const MAX_LIST: u64 = 1 << 28;

/// Class names in the order of their names, and the pictures in the order of the list.
pub(super) fn read(file: &Path) -> Result<(Vec<String>, Vec<Entry>)> {
    let wrong = |expected: &str, came: &str| {
        Error::format(format!("{}: expected {expected}; came {came}", file.display()))
            .with_hint("the first line is path,label or path,label,split or path,label,split,group")
    };
    let (list, length) = open_regular(file)
        .map_err(|e| e.with_hint("name an existing CSV file whose first line is path,label"))?;
    if length > MAX_LIST {
        return Err(wrong(&format!("a list of at most {MAX_LIST} bytes"), &length.to_string()));
    }
    // A list that grows meanwhile is read no further.
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(list.take(MAX_LIST));
    let damaged = |e: &csv::Error| wrong("CSV in UTF-8", &e.to_string().replace('\n', " "));
    let header = reader.headers().map_err(|e| damaged(&e))?.clone();
    // A byte order mark is no part of a column's name.
    let named = |name: &str| {
        header.iter().position(|column| column.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
    };
    let [path, label, split, group] = COLUMNS.map(named);
    let (Some(path), Some(label)) = (path, label) else {
        return Err(wrong("the columns path and label", &header.iter().collect::<Vec<_>>().join(",")));
    };
    let base = file.parent().unwrap_or_else(|| Path::new(""));
    let mut rows = Vec::new();
    let mut classes = BTreeSet::new();
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
            return Err(wrong("each path once", &format!("{id} in lines {before} and {line}")));
        }
        let origin = match split.map(field) {
            None | Some("") => Origin::Whole,
            Some("train") => Origin::Train,
            Some("test") => Origin::Test,
            Some(other) => {
                return Err(wrong("train or test in the column split", &format!("{other} in line {line}")));
            }
        };
        classes.insert(class.to_owned());
        let group = group.map(field).unwrap_or_default().to_owned();
        rows.push((id.to_owned(), class.to_owned(), origin, group));
    }
    let without = rows.iter().filter(|row| row.2 == Origin::Whole).count();
    if without > 0 && without < rows.len() {
        return Err(wrong(
            "train or test for every picture, or for none",
            &format!("{without} of {} without", rows.len()),
        ));
    }
    let grouped = rows.iter().filter(|row| !row.3.is_empty()).count();
    if grouped > 0 && grouped < rows.len() {
        return Err(wrong(
            "a group for every picture, or for none",
            &format!("{grouped} of {} with", rows.len()),
        ));
    }
    if rows.is_empty() {
        return Err(wrong("at least one picture", "a list without any"));
    }
    let class_names: Vec<String> = classes.into_iter().collect();
    let entries = rows
        .into_iter()
        .map(|(id, class, origin, group)| Entry {
            path: base.join(&id),
            class: class_names.iter().position(|name| *name == class),
            id,
            origin,
            group,
        })
        .collect();
    Ok((class_names, entries))
}
