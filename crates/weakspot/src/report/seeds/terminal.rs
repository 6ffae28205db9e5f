//! The end of a run over several seeds, for a terminal: the verdict in every network, accuracies over networks, and the
//! answer.

use std::fmt::Write as _;

use super::Seeds;
use super::findings::{findings, is_headline, seeds_in_words, signed};
use super::quantities::{Group, Quantity};
use super::record::{Summary, summary};
use super::tables::{interval, value};
use crate::record::Protocol;
use crate::report::summary::{clean, paragraph};
use crate::report::words::{self, shorten};

/// Columns of a cell: with a name of 21 and two spaces between columns, three of them make a line of at most 99.
const CELL: usize = 24;

/// The table of seeds and what follows from it. It is at most 100 columns wide and needs no colour; control characters
/// from outside are replaced.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::terminal_summary;
/// # use weakspot::{record::Record, report::seeds::{SeedStudy, Seeds, folder_of}};
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
/// # let study = |seed| SeedStudy { seed, folder: folder_of(seed), record: Record { seed, ..run.record.clone() } };
/// # let studies = vec![study(0), study(1)];
/// # let all = Seeds { shared: "0f".repeat(32), split_seed: 0, studies, missing: Vec::new() };
/// let text = terminal_summary(&all);
/// assert!(text.starts_with("halves: left against right; L-inf eps 0.3; 2 networks: "));
/// assert!(text.lines().all(|line| line.chars().count() <= 100));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn terminal_summary(all: &Seeds) -> String {
    let found = summary(all);
    let mut out = String::new();
    if let Some(record) = all.first() {
        let [a, b] = &record.data.classes;
        let text = format!(
            "{}: {a} against {b}; L-inf eps {}; {}: {}, one split (of seed {})",
            record.data.name,
            words::study_epsilon(record),
            words::count(all.studies.len(), "network"),
            seeds_in_words(all),
            all.split_seed
        );
        paragraph(&mut out, "", &text);
        out.push('\n');
        grid(&mut out, &differences(all, &found));
        grid(&mut out, &accuracies(all, &found));
    }
    for sentence in findings(all, &found) {
        paragraph(&mut out, "", &sentence);
    }
    out
}

/// The classes as heads of columns, and both together.
fn heads(all: &Seeds, first: &str, both: &str) -> Vec<String> {
    let classes = all.first().map(|record| record.data.classes.clone()).unwrap_or_default();
    let mut row = vec![first.to_owned()];
    row.extend(classes.iter().map(|class| shorten(&format!("class {}", clean(class)), CELL)));
    row.push(both.to_owned());
    row
}

/// P3w minus P0w with its word, seed by seed, and the mean over networks.
fn differences(all: &Seeds, found: &Summary) -> Vec<Vec<String>> {
    let Some(record) = all.first() else { return Vec::new() };
    let [a, b] = &record.data.classes;
    let of = |class: Option<&String>| -> Option<&Quantity> {
        found.quantities.iter().find(|q| is_headline(q) && q.class.as_ref() == class)
    };
    let columns = [of(Some(a)), of(Some(b)), of(None)];
    if columns.iter().all(Option::is_none) {
        return Vec::new();
    }
    let mut rows = vec![heads(all, "P3w - P0w, in points", "both classes")];
    for study in &all.studies {
        let cell = |q: Option<&Quantity>| {
            let seen = q.and_then(|q| Some((q, q.by_seed.iter().find(|v| v.seed == study.seed)?)));
            let Some((q, v)) = seen else { return "not run".to_owned() };
            let said = found.verdicts.iter().find(|verdict| Some(&verdict.class) == q.class.as_ref());
            let word = said.and_then(|verdict| verdict.of(study.seed)).map(clean);
            match (word, v.low, v.high) {
                (Some(word), ..) => {
                    let word = word.trim_end_matches(" at this eps");
                    shorten(&format!("{} {word}", signed(v.value)), CELL)
                }
                (None, Some(low), Some(high)) => {
                    format!("{} [{}, {}]", signed(v.value), signed(low), signed(high))
                }
                _ => signed(v.value),
            }
        };
        let name = format!("seed {}", study.seed);
        rows.push(std::iter::once(shorten(&name, 21)).chain(columns.into_iter().map(cell)).collect());
    }
    if all.studies.len() > 1 {
        let mean = |q: Option<&Quantity>| {
            q.map_or_else(|| "-".to_owned(), |q| format!("{} {}", signed(q.over_networks.mean), interval(q)))
        };
        let name = "mean [t interval]".to_owned();
        rows.push(std::iter::once(name).chain(columns.into_iter().map(mean)).collect());
    }
    rows
}

/// Every protocol's accuracy: the mean over networks, the least and the largest.
fn accuracies(all: &Seeds, found: &Summary) -> Vec<Vec<String>> {
    let Some(record) = all.first() else { return Vec::new() };
    let [a, b] = &record.data.classes;
    let mut rows = vec![heads(all, "mean accuracy in %", "balanced")];
    for protocol in Protocol::all() {
        let of = |group: Group, class: Option<&String>| {
            let is =
                |q: &&Quantity| q.group == group && q.what == protocol.key() && q.class.as_ref() == class;
            found.quantities.iter().find(is).map_or_else(
                || "not run".to_owned(),
                |q| {
                    let of = &q.over_networks;
                    let [mean, min, max] = [of.mean, of.min, of.max].map(|v| value(group, v));
                    format!("{mean} ({min} to {max})")
                },
            )
        };
        rows.push(vec![
            format!("{} {}", protocol.id(), protocol.name()),
            of(Group::Accuracy, Some(a)),
            of(Group::Accuracy, Some(b)),
            of(Group::BalancedAccuracy, None),
        ]);
    }
    rows
}

/// Rows with their columns aligned, and an empty line below.
fn grid(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _infallible = write!(line, "{cell:<width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if !rows.is_empty() {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_summary_is_the_table_of_seeds_and_the_verdict() {
        let text = terminal_summary(&fixture::changing());
        for expected in [
            "demo: disc against ring; L-inf eps 8/255; 3 networks: seeds 0, 1 and 5, one split (of seed 0)\n",
            "P3w - P0w, in points  class disc ",
            "seed 5                +1.0 no effect ",
            "+8.0 [+4.0, +12.0]\n",
            "+50.0 better",
            "-50.0 worse",
            "mean [t interval]     +1.0 [+1.0, +1.0]",
            "+0.0 [-124.2, +124.2]",
            "P2 oblivious         not run",
            "50.0 (0.0 to 100.0)",
            "The result changes with the seed, and on images of class ring",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing from\n{text}");
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_no_escape_gets_through() {
        let mut empty = fixture::changing();
        empty.studies.clear();
        for all in [fixture::changing(), fixture::hostile(), empty] {
            let text = terminal_summary(&all);
            let widest = text.lines().map(|l| l.chars().count()).max().unwrap_or(0);
            assert!(widest <= 100, "{widest}:\n{text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
