//! The short table at the end of a study, for a terminal.

use std::fmt::Write as _;

use crate::metrics::CANNOT_TELL;
use crate::record::Protocol;
use crate::record::{Record, Score};
use crate::report::findings;
use crate::report::words::{self, shorten, wrap};

/// Columns of a line.
const WIDTH: usize = 100;

/// The scores of both classes with intervals, the balanced accuracy, the tests' words, and the flags with their advice.
/// It is at most 100 columns wide and needs no colour; control characters from outside are replaced.
///
/// # Examples
/// ```
/// use weakspot::report::terminal_summary;
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
/// let text = terminal_summary(&run.record);
/// assert!(text.starts_with("halves: left against right; L-inf eps 0.3, fill 0, mask union\n"));
/// assert!(text.contains("100.0 [72.2, 100.0] 10/10"));
/// assert!(text.lines().all(|line| line.chars().count() <= 100));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn terminal_summary(record: &Record) -> String {
    let mut out = String::new();
    let eps = words::study_epsilon(record);
    let fill = words::headline_fill(record);
    paragraph(
        &mut out,
        "",
        &format!(
            "{}: {} against {}; L-inf eps {eps}, fill {fill}, mask {}",
            record.data.name,
            record.data.classes[0],
            record.data.classes[1],
            words::setting(record, "mask").unwrap_or("?")
        ),
    );
    out.push('\n');
    scores(&mut out, record);
    tests(&mut out, record);
    out.push('\n');
    for sentence in findings::in_short(record) {
        paragraph(&mut out, "", &sentence);
    }
    if let Some(sentence) = findings::tuning_in_short(record) {
        out.push('\n');
        paragraph(&mut out, "", &sentence);
    }
    flags(&mut out, record);
    out
}

fn scores(out: &mut String, record: &Record) {
    let names: Vec<String> = record
        .directions
        .iter()
        .take(2)
        .map(|d| shorten(&format!("class {}", clean(&d.source)), 30))
        .collect();
    let mut rows = vec![(String::from("accuracy in %"), names, String::from("balanced"))];
    for protocol in Protocol::all() {
        let cells = record.directions.iter().take(2).map(|d| cell(protocol.score(&d.scores))).collect();
        let together = record.together.iter().find(|t| t.protocol == protocol.key());
        let balanced = together.map_or_else(|| "-".to_owned(), |t| bare(t.balanced_accuracy));
        let star = if protocol.is_headline() { " *" } else { "" };
        rows.push((format!("{} {}{star}", protocol.id(), protocol.name()), cells, balanced));
    }
    let width = |column: usize| rows.iter().filter_map(|r| r.1.get(column)).map(|c| c.chars().count()).max();
    for (name, cells, balanced) in &rows {
        let _infallible = write!(out, "{name:<21}");
        for (i, cell) in cells.iter().enumerate() {
            let _infallible = write!(out, "  {cell:<0$}", width(i).unwrap_or(0));
        }
        let _infallible = writeln!(out, "  {balanced:>8}");
    }
    out.push_str("* the headline is P3w minus P0w; [95 % interval] k/n\n");
}

fn cell(score: Option<Score>) -> String {
    match score {
        None => "not run".to_owned(),
        Some(s) if s.n == 0 => "no image".to_owned(),
        Some(s) => format!("{} {} {}/{}", bare(s.rate), words::interval(s.low, s.high), s.k, s.n),
    }
}

/// Percent without its sign.
pub(super) fn bare(rate: f64) -> String {
    words::percent(rate).trim_end_matches(" %").to_owned()
}

fn tests(out: &mut String, record: &Record) {
    let mut comparisons: Vec<&str> = Vec::new();
    for t in &record.tests {
        if !comparisons.contains(&t.comparison.as_str()) {
            comparisons.push(&t.comparison);
        }
    }
    if !comparisons.is_empty() {
        out.push_str("\npaired tests on the same images (points; Holm p)\n");
    }
    for comparison in comparisons {
        let _infallible = write!(out, "{:<25}", shorten(&clean(comparison), 25));
        for t in record.tests.iter().filter(|t| t.comparison == comparison).take(2) {
            let difference = (t.difference * 1000.0).round() / 10.0;
            // If the word is "cannot tell", p adds nothing.
            let p =
                if t.word == CANNOT_TELL { String::new() } else { format!(", {}", words::p_value(t.p_holm)) };
            let text = format!("{}: {:+.1}{p}", clean(&t.word), difference + 0.0);
            let _infallible = write!(out, "  {:<33}", shorten(&text, 34));
        }
        let kept = out.trim_end().len();
        out.truncate(kept);
        out.push('\n');
    }
}

fn flags(out: &mut String, record: &Record) {
    let n: usize = record.directions.iter().map(|d| d.flags.len()).sum();
    if n == 0 {
        out.push_str("\nno flags\n");
        return;
    }
    let _infallible = writeln!(out, "\n{}: reasons to doubt", words::count(n, "flag"));
    for d in &record.directions {
        for flag in &d.flags {
            let text = format!(
                "{} = {} ({}): {}",
                flag.id,
                words::plain(flag.value),
                shorten(&d.source, 30),
                flag.advice
            );
            paragraph(out, "  ", &text);
        }
    }
}

/// Wrapped lines, all but the first indented by two more than `indent`.
pub(super) fn paragraph(out: &mut String, indent: &str, text: &str) {
    for (i, line) in wrap(&clean(text), WIDTH - indent.len() - 2).iter().enumerate() {
        let hanging = if i > 0 { "  " } else { "" };
        let _infallible = writeln!(out, "{indent}{hanging}{line}");
    }
}

/// Text from outside may not move the cursor or change colours.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_summary_reads_as_a_table() {
        let text = terminal_summary(&fixture::demo().record);
        for expected in [
            "demo: disc against ring; L-inf eps 8/255, fill 0, mask union\n",
            "P0 clean               99.0 [96.4, 99.7] 198/200",
            "P2 oblivious           not run",
            "P0w attacked, worst *",
            "P3w adaptive, worst *",
            "adaptive_worst-adv_worst  ",
            "  collapse = 0.97 (disc): ",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing from\n{text}");
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_no_escape_gets_through() {
        for run in [fixture::demo(), fixture::bare(), fixture::hostile(), fixture::large(), fixture::tuned()]
        {
            let text = terminal_summary(&run.record);
            let widest = text.lines().map(|l| l.chars().count()).max().unwrap_or(0);
            assert!(widest <= 100, "{widest}:\n{text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
