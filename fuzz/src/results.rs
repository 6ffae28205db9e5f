//! What a study leaves behind: record, ledger, maps, journal, and the folders of several studies.

use std::sync::LazyLock;

use serde_json::Value;
use weakspot::record::Record;
use weakspot::record::Run;
use weakspot::record::maps::StudyMaps;
use weakspot::report::{self, csv, figures, markdown, reproduction, seeds, tables};
use weakspot::study::{FileJournal, Journal as _};

use crate::edit::edited;
use crate::small::{resumed, small_journal, small_run};
use crate::{mend, place};

static BASE: LazyLock<Run> = LazyLock::new(small_run);
static RECORD: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(&BASE.record).expect("a record is JSON"));

/// A `results.json`.
pub(crate) fn record(data: &[u8]) {
    let folder = place::folder("record", |_| {});
    place::write(&folder.join("results.json"), data);
    if let Ok(record) = report::load_record(&folder) {
        show(&record);
    }
}

/// Edits of a sound record.
pub(crate) fn record_edits(data: &[u8]) {
    record(edited(&RECORD, data).to_string().as_bytes());
}

/// Edits of a sound record, from which the whole report is made.
pub(crate) fn report_edits(data: &[u8]) {
    let folder = place::folder("report", |folder| report::write(folder, &BASE).expect("a report"));
    place::write(&folder.join("results.json"), edited(&RECORD, data).to_string().as_bytes());
    let _outcome = report::rebuild(&folder);
}

/// Everything that is made from a record, except pictures.
fn show(record: &Record) {
    let tables = tables::all(record);
    for table in &tables {
        csv::table(table).expect("a table as CSV");
        let _text = markdown::table(table);
    }
    let _page = report::page(record, &tables, &[]);
    let _summary = report::terminal_summary(record);
}

/// A `seeds.json`, and a `results.json` of a reproduction, beside one study that they may name.
pub(crate) fn summaries(data: &[u8]) {
    let folder = place::folder("summaries", |folder| {
        report::write(&folder.join(seeds::folder_of(BASE.record.seed)), &BASE).expect("a report");
    });
    place::write(&folder.join("seeds.json"), data);
    place::write(&folder.join("results.json"), data);
    let out = place::folder("summaries-out", |_| {});
    if let Ok(all) = seeds::load(&folder) {
        assert!(seeds::is_seeds(&folder));
        let _summary = seeds::terminal_summary(&all);
        let _outcome = seeds::write(&out, &all);
    }
    if let Ok(all) = reproduction::load(&folder) {
        assert!(reproduction::is_reproduction(&folder));
        let _summary = reproduction::terminal_summary(&all);
        let _outcome = reproduction::write(&out, &all);
    }
}

/// A `ledger.csv`: rows that were read give the same bytes after they are written, read and written again.
pub(crate) fn ledger(data: &[u8]) {
    let Ok(rows) = csv::read_ledger(data) else { return };
    let written = csv::ledger(&rows).expect("a ledger as CSV");
    let again = csv::read_ledger(&written).expect("a ledger that was written");
    assert_eq!(rows.len(), again.len());
    assert_eq!(csv::ledger(&again).expect("a ledger as CSV"), written);
}

/// A `maps.safetensors`, or its header alone.
pub(crate) fn maps(data: &[u8]) {
    let Ok(maps) = StudyMaps::from_safetensors(&mend::safetensors(data)) else { return };
    let bytes = maps.to_safetensors().expect("maps that were read");
    assert_eq!(StudyMaps::from_safetensors(&bytes).expect("maps that were written"), maps);
    if maps.size() == BASE.maps.size() {
        let _figures = figures::all(&BASE.record, &maps);
    }
}

/// The first line of the journals below.
const HEADER: &str = "weakspot-journal/2 fuzz\n";

/// A `journal`: rows that were read are still there after another row was added.
pub(crate) fn journal(data: &[u8]) {
    let path = place::file("journal", data);
    let said = FileJournal::fingerprint(&path).expect("a file that is there");
    let mut opened = FileJournal::open(&path, "fuzz").expect("a file that is there");
    let before = opened.len();
    assert!(before == 0 || data.starts_with(HEADER.as_bytes()));
    // Earlier versions of the journal named their study in the same way; the study starts over.
    assert!(said.as_deref() != Some("fuzz") || data.starts_with(b"weakspot-journal/"));
    // None of the stages that were read has this name.
    let stage = "\u{1}".repeat(1 + data.len());
    opened.append(&stage, &[("a\tb\n".to_owned(), "{}".to_owned())]).expect("a row");
    drop(opened);
    let mut again = FileJournal::open(&path, "fuzz").expect("a journal that was written");
    assert_eq!(again.len(), before + 1);
    assert_eq!(again.known(&stage).expect("its rows")["a\tb\n"], "{}");
}

/// Edits of the rows of a sound journal, from which a study continues.
pub(crate) fn journal_edits(data: &[u8]) {
    static ROWS: LazyLock<(String, Vec<[String; 2]>, Value)> = LazyLock::new(rows);
    let (header, keys, values) = &*ROWS;
    let mut text = header.clone();
    let edited = edited(values, data);
    for ([stage, id], value) in keys.iter().zip(edited.as_array().into_iter().flatten()) {
        let row = format!("{stage}\t{id}\t{value}");
        text.extend([format!("{:08x}", crc32fast::hash(row.as_bytes())).as_str(), "\t", row.as_str(), "\n"]);
    }
    let _outcome = resumed(text.as_bytes()).map(|run| show(&run.record));
}

/// A sound journal: its first line, stages and ids, and rows.
fn rows() -> (String, Vec<[String; 2]>, Value) {
    let text = String::from_utf8(small_journal()).expect("a journal is text");
    let (header, lines) = text.split_once('\n').expect("a first line");
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for line in lines.lines() {
        let [_, stage, id, json] = line.splitn(4, '\t').collect::<Vec<_>>()[..] else { continue };
        keys.push([stage.to_owned(), id.to_owned()]);
        values.push(serde_json::from_str(json).expect("a row is JSON"));
    }
    (format!("{header}\n"), keys, Value::Array(values))
}
