//! A run's figures beside those that were expected.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weakspot::metrics::Score;
use weakspot::record::check_figures;
use weakspot::{Error, ErrorKind, Result, input, output, report};

const SCHEMA: &str = "weakspot-expected/1";

/// Expected figures are a few dozen.
const LARGEST: u64 = 16 << 20;

/// Branches of `results.json` that are compared; the rest follows from them or describes them.
const COMPARED: [&str; 4] = ["scores", "asr", "iou", "across"];

/// The figures of one study.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    schema: String,
    /// The program that measured them.
    version: String,
    dataset: String,
    classes: [String; 2],
    seed: u64,
    /// By their path in `results.json`.
    figures: BTreeMap<String, Figure>,
}

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    /// Of a proportion: how many of `n`. Of a mean: absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<u64>,
    n: u64,
    value: f64,
    low: f64,
    high: f64,
}

/// How a figure compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// The same count of the same number, or the same mean up to rounding.
    Same,
    /// One of the two lies in the other's interval.
    Agrees,
    Differs,
    /// The run has no such figure.
    Missing,
}

impl Expected {
    /// The figures of a finished run.
    ///
    /// # Errors
    /// As [`report::load_record`]; `Format` for results without figures.
    pub(crate) fn of_run(folder: &Path) -> Result<Self> {
        // The reader checks the record; one of an earlier version is compared too.
        let record = report::load_record(folder)?;
        let results = serde_json::to_value(record).map_err(|e| Error::format(e.to_string()))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let classes = &results["data"]["classes"];
        let mut figures = BTreeMap::new();
        for direction in results["directions"].as_array().into_iter().flatten() {
            let way = format!("{}->{}", text(&direction["source"]), text(&direction["target"]));
            for branch in COMPARED {
                collect(&direction[branch], &format!("{way}/{branch}"), &mut figures);
            }
        }
        for row in results["truth"].as_array().into_iter().flatten() {
            let name = ["class", "region", "by"].map(|key| text(&row[key])).join(" ");
            if let Some(figure) = overlap(row) {
                figures.insert(format!("truth/{name}/iou"), figure);
            }
        }
        if figures.is_empty() {
            return Err(Error::format(format!("{}: its results hold no figures", folder.display())));
        }
        Ok(Self {
            schema: SCHEMA.to_owned(),
            version: text(&results["version"]),
            dataset: text(&results["data"]["name"]),
            classes: [text(&classes[0]), text(&classes[1])],
            seed: results["seed"].as_u64().unwrap_or_default(),
            figures,
        })
    }

    /// Reads what was expected.
    ///
    /// # Errors
    /// `Io`, `Format`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bad = |what: String| {
            Error::format(format!("{}: {what}", path.display()))
                .with_hint("weakspot report DIR --write-expected FILE writes such a file")
        };
        let value = json(path, "a file of expected figures")?;
        check_figures(&value).map_err(|e| bad(e.to_string()))?;
        let expected: Self = serde_json::from_value(value).map_err(|e| bad(e.to_string()))?;
        if expected.schema != SCHEMA {
            return Err(bad(format!("expected the schema {SCHEMA}; got {:?}", expected.schema)));
        }
        Ok(expected)
    }

    /// Writes the figures.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|e| {
            Error::new(ErrorKind::Numerical, format!("{} cannot be written: {e}", path.display()))
        })?;
        json.push(b'\n');
        output::write_atomic(path, &json)
    }

    /// A table of what a run found beside what was expected, and whether all of it agrees.
    ///
    /// # Errors
    /// `InvalidParameter` where the two are of different data or classes.
    pub(crate) fn compare(&self, found: &Self) -> Result<(String, bool)> {
        if (&self.dataset, &self.classes) != (&found.dataset, &found.classes) {
            let of = |e: &Self| format!("{} {}/{}", e.dataset, e.classes[0], e.classes[1]);
            return Err(Error::invalid(format!(
                "the expected figures are of {}, the run is of {}",
                of(self),
                of(found)
            ))
            .with_hint("compare a run with the figures of the same data set and classes"));
        }
        let mut lines = Vec::new();
        let mut counts = [0usize; 4];
        for (name, expected) in &self.figures {
            let found = found.figures.get(name);
            let word = word(expected, found);
            counts[word as usize] += 1;
            let shown = found.map_or_else(|| "-".to_owned(), Figure::shown);
            lines.push([name.clone(), expected.shown(), shown, word.name().to_owned()]);
        }
        let head = ["figure", "expected", "found", ""].map(str::to_owned);
        let width = |column: usize| {
            std::iter::once(&head).chain(&lines).map(|line| line[column].chars().count()).max().unwrap_or(0)
        };
        let widths = [0, 1, 2].map(width);
        let mut text = String::new();
        for line in std::iter::once(&head).chain(&lines) {
            for (cell, width) in line.iter().zip(widths) {
                text += cell;
                text.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + 2));
            }
            text += &line[3];
            text = text.trim_end().to_owned() + "\n";
        }
        let [same, agree, differ, missing] = counts;
        text += &[same, agree, differ, missing]
            .iter()
            .zip(["same", "agree within intervals", "differ", "missing"])
            .map(|(n, word)| format!("{n} {word}"))
            .collect::<Vec<_>>()
            .join(", ");
        Ok((text, differ + missing == 0))
    }
}

impl Figure {
    fn shown(&self) -> String {
        let Self { n, value, low, high, .. } = self;
        match self.k {
            Some(k) => format!("{k}/{n} [{:.1}, {:.1}] %", 100.0 * low, 100.0 * high),
            None => format!("{value:.3} [{low:.3}, {high:.3}] n {n}"),
        }
    }
}

impl Word {
    fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Agrees => "agrees",
            Self::Differs => "DIFFERS",
            Self::Missing => "MISSING",
        }
    }
}

fn word(expected: &Figure, found: Option<&Figure>) -> Word {
    let Some(found) = found else { return Word::Missing };
    let same = (expected.k, expected.n) == (found.k, found.n)
        && (expected.k.is_some() || (expected.value - found.value).abs() <= 1e-9);
    let holds = |interval: &Figure, value: f64| (interval.low..=interval.high).contains(&value);
    match same {
        true => Word::Same,
        false if holds(expected, found.value) || holds(found, expected.value) => Word::Agrees,
        false => Word::Differs,
    }
}

/// The overlap of what was found and what was planted; of random maps, its mean over draws. Its interval is that of as
/// many independent pixels as lie in either: a yardstick for another machine's rounding, not a claim.
fn overlap(row: &Value) -> Option<Figure> {
    let (found, planted) = (row["found"].as_u64()?, row["planted"].as_u64()?);
    let iou = row["iou"].as_f64().filter(|iou| (0.0..=1.0).contains(iou))?;
    // found + planted counts the pixels in both twice: either (1 + iou).
    let either = (found.checked_add(planted)? as f64 / (1.0 + iou)).round();
    let score = Score::of((iou * either).round() as usize, either as usize);
    Some(Figure { k: None, n: either as u64, value: iou, low: score.low, high: score.high })
}

/// Every proportion and mean with an interval below a value, by its path.
fn collect(value: &Value, path: &str, figures: &mut BTreeMap<String, Figure>) {
    let Some(object) = value.as_object() else { return };
    let number = |key: &str| object.get(key).and_then(Value::as_f64);
    let value_of = number("rate").or_else(|| number("mean"));
    if let (Some(value), Some(low), Some(high)) = (value_of, number("low"), number("high")) {
        let count = |key: &str| object.get(key).and_then(Value::as_u64);
        let n = count("n").unwrap_or_default();
        figures.insert(path.to_owned(), Figure { k: count("k"), n, value, low, high });
        return;
    }
    for (key, below) in object {
        collect(below, &format!("{path}/{key}"), figures);
    }
}

fn json(path: &Path, what: &str) -> Result<Value> {
    let bytes = input::read_bounded(path, LARGEST).map_err(|e| e.with_hint(format!("expected {what}")))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::format(format!("{}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(k: u64, n: u64, low: f64, high: f64) -> Figure {
        Figure { k: Some(k), n, value: k as f64 / n as f64, low, high }
    }

    #[test]
    fn a_figure_agrees_where_one_lies_in_the_others_interval() {
        let expected = share(50, 100, 0.4, 0.6);
        assert_eq!(word(&expected, Some(&expected)), Word::Same);
        assert_eq!(word(&expected, Some(&share(59, 100, 0.49, 0.68))), Word::Agrees);
        // A quick look at few images: its interval holds the expected figure.
        assert_eq!(word(&expected, Some(&share(7, 10, 0.4, 0.9))), Word::Agrees);
        // The intervals overlap, and neither figure lies in the other's.
        assert_eq!(word(&expected, Some(&share(65, 100, 0.55, 0.74))), Word::Differs);
        assert_eq!(word(&expected, None), Word::Missing);
        let mean = Figure { k: None, ..expected };
        assert_eq!(word(&mean, Some(&Figure { value: 0.5 + 1e-12, ..mean })), Word::Same);
        assert_eq!(word(&mean, Some(&Figure { value: 0.7, low: 0.65, high: 0.75, ..mean })), Word::Differs);
    }
}
