//! Checks that a record which was read is consistent: counts within their totals, rates that fit their counts,
//! intervals that contain their values, sizes within bounds.
//!
//! A file may be damaged or made by hand. Code that reads a record relies on these checks: no computation overflows,
//! panics, or asks for memory in proportion to a number in a file. The rules go by the names of fields, so they hold
//! wherever a score, a mean or a test occurs: in `results.json`, in the summaries over several studies and in files of
//! expected figures.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::record::{Record, TuningRecord};

/// The most images that a score may count; the largest public data sets have a tenth of that.
const MOST_IMAGES: f64 = 1e8;

/// The largest value of any other count: pixels, features, steps.
const LARGEST_COUNT: f64 = 1e9;

/// The most entries of a list; skipped files, components and points of a grid number in the thousands.
const LONGEST_LIST: usize = 1_000_000;

/// What rounding and printing may leave between numbers that are equal on paper.
const ROUNDING: f64 = 1e-9;

/// Fields that are fractions wherever they occur.
const FRACTIONS: [&str; 13] = [
    "balanced_accuracy",
    "balanced_high",
    "balanced_low",
    "fraction",
    "iou",
    "lower_p",
    "p",
    "p_holm",
    "precision",
    "rate",
    "rates",
    "recall",
    "upper_p",
];

impl Record {
    /// Checks that the figures fit together. Every reader calls it before anything is made from a record.
    ///
    /// # Errors
    /// `Format`, naming the place in the file, for counts beyond their totals, a rate that does not fit its counts, a
    /// value outside its interval and sizes out of bounds.
    pub fn check(&self) -> Result<()> {
        let json = serde_json::to_value(self).map_err(|e| Error::format(e.to_string()))?;
        check_figures(&json)?;
        if self.directions.len() > 2 {
            return Err(wrong("directions", "at most two directions", &self.directions.len().to_string()));
        }
        self.tuning.as_ref().map_or(Ok(()), check_search)
    }
}

/// Checks the figures in a JSON file, by the names of their fields.
///
/// # Errors
/// As [`Record::check`].
pub fn check_figures(json: &Value) -> Result<()> {
    walk(json, "", "")
}

/// Checks that a search points at places in its own grid and counts no more images than it had.
fn check_search(search: &TuningRecord) -> Result<()> {
    let points = search.points.len();
    for (name, place) in [("chosen", Some(search.chosen)), ("untuned", search.untuned)] {
        if let Some(place) = place.filter(|&place| place >= points) {
            let expected = format!("a place among {points} points");
            return Err(wrong(&format!("tuning/{name}"), &expected, &place.to_string()));
        }
    }
    let whole = [("clean", &search.clean), ("adv", &search.adv)];
    let each = search.points.iter().flat_map(|p| [("points", &p.modified), ("points", &p.attacked)]);
    for (name, score) in whole.into_iter().chain(each) {
        if (0..2).any(|class| score.k[class] > search.n[class]) {
            let came = format!("{:?}", score.k);
            return Err(wrong(&format!("tuning/{name}"), &format!("at most {:?}", search.n), &came));
        }
        if score.k[0] + score.k[1] != score.both.k {
            let expected = format!("{} correct images in both classes", score.both.k);
            return Err(wrong(&format!("tuning/{name}"), &expected, &format!("{:?}", score.k)));
        }
    }
    Ok(())
}

/// Checks a value and everything below it; `name` is the name of its field.
fn walk(value: &Value, name: &str, place: &str) -> Result<()> {
    match value {
        Value::Number(number) => check_number(number, name, place),
        Value::Array(items) => {
            if items.len() > LONGEST_LIST {
                let expected = format!("at most {LONGEST_LIST} entries");
                return Err(wrong(place, &expected, &items.len().to_string()));
            }
            items.iter().enumerate().try_for_each(|(i, item)| walk(item, name, &below(place, &i.to_string())))
        }
        Value::Object(fields) => {
            fields.iter().try_for_each(|(name, field)| walk(field, name, &below(place, name)))?;
            check_object(&Fields(fields)).map_err(|e| if place.is_empty() { e } else { e.context(place) })
        }
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

fn below(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") }
}

fn check_number(number: &serde_json::Number, name: &str, place: &str) -> Result<()> {
    let value = number.as_f64().unwrap_or(f64::NAN);
    let images = ["k", "n", "first_only", "second_only"].contains(&name);
    // A seed is any number of 64 bits, and a flag's value is whatever raised it.
    let most = if images { MOST_IMAGES } else { LARGEST_COUNT };
    if (number.is_u64() || number.is_i64() || images) && !name.ends_with("seed") && value.abs() > most {
        return Err(wrong(place, &format!("at most {most}"), &number.to_string()));
    }
    if FRACTIONS.contains(&name) && !(-ROUNDING..=1.0 + ROUNDING).contains(&value) {
        return Err(wrong(place, "a fraction in [0, 1]", &number.to_string()));
    }
    Ok(())
}

/// The fields of one object.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    fn list(&self, name: &str) -> Option<&Vec<Value>> {
        self.0.get(name).and_then(Value::as_array)
    }
}

/// Checks the fields of one object against each other.
fn check_object(of: &Fields<'_>) -> Result<()> {
    at_most(of, "k", "n")?;
    if let (Some(k), Some(n), Some(rate)) = (of.number("k"), of.number("n"), of.number("rate")) {
        let expected = if n > 0.0 { k / n } else { 0.0 };
        near("rate", expected, rate)?;
        for end in ["low", "high"] {
            if let Some(value) = of.number(end).filter(|v| !(-ROUNDING..=1.0 + ROUNDING).contains(v)) {
                return Err(wrong(end, "a fraction in [0, 1]", &value.to_string()));
            }
        }
    }
    for middle in ["rate", "mean", "value", "difference"] {
        in_order(of, "low", middle, "high")?;
    }
    in_order(of, "balanced_low", "balanced_accuracy", "balanced_high")?;
    if let (Some(first), Some(second), Some(n)) =
        (of.number("first_only"), of.number("second_only"), of.number("n"))
    {
        if first + second > n {
            return Err(wrong("first_only", &format!("with second_only at most n, {n}"), &first.to_string()));
        }
        if let Some(difference) = of.number("difference").filter(|_| n > 0.0) {
            near("difference", (first - second) / n, difference)?;
        }
    }
    for (part, whole) in [
        ("useful", "features"),
        ("useful_not_robust", "useful"),
        ("correct", "images"),
        ("successes", "correct"),
        ("roi_images", "images"),
        ("roa_images", "images"),
        ("both_images", "roi_images"),
        ("both_images", "roa_images"),
    ] {
        at_most(of, part, whole)?;
    }
    if let (Some(components), Some(area)) = (of.list("components"), of.number("area")) {
        let sum: f64 = components.iter().filter_map(|part| part["area"].as_f64()).sum();
        if sum > area {
            return Err(wrong(
                "components",
                &format!("areas that add up to at most {area}"),
                &sum.to_string(),
            ));
        }
    }
    if let (Some(shifts), Some(rates), Some(rank)) = (of.list("shifts"), of.list("rates"), of.number("rank"))
    {
        if shifts.len() != rates.len() {
            let expected = format!("a rate for each of {} shifts", shifts.len());
            return Err(wrong("rates", &expected, &rates.len().to_string()));
        }
        let last = shifts.len() + 1;
        if !(1.0..=last as f64).contains(&rank) {
            return Err(wrong("rank", &format!("a rank from 1 to {last}"), &rank.to_string()));
        }
    }
    Ok(())
}

fn at_most(of: &Fields<'_>, part: &str, whole: &str) -> Result<()> {
    match (of.number(part), of.number(whole)) {
        (Some(a), Some(b)) if a > b => Err(wrong(part, &format!("at most {whole}, {b}"), &a.to_string())),
        _ => Ok(()),
    }
}

fn near(name: &str, expected: f64, came: f64) -> Result<()> {
    if (came - expected).abs() <= ROUNDING {
        return Ok(());
    }
    Err(wrong(name, &format!("{expected}, which follows from its counts"), &came.to_string()))
}

fn in_order(of: &Fields<'_>, low: &str, middle: &str, high: &str) -> Result<()> {
    let (Some(l), Some(m), Some(h)) = (of.number(low), of.number(middle), of.number(high)) else {
        return Ok(());
    };
    let slack = ROUNDING * m.abs().max(1.0);
    if l <= m + slack && m <= h + slack {
        return Ok(());
    }
    Err(wrong(middle, &format!("a value in its interval [{l}, {h}]"), &m.to_string()))
}

fn wrong(place: &str, expected: &str, came: &str) -> Error {
    Error::format(format!("{place}: expected {expected}; got {came}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::fixture;

    fn refused(json: &Value) -> String {
        check_figures(json).unwrap_err().to_string()
    }

    #[test]
    fn records_as_studies_write_them_pass() {
        for run in
            [fixture::demo(), fixture::tuned(), fixture::bare(), fixture::one_pixel(), fixture::large()]
        {
            run.record.check().unwrap();
        }
        // A seed is any number of 64 bits, and a flag's value may be huge.
        check_figures(&json!({"seed": u64::MAX, "flags": [{"value": 1e300}]})).unwrap();
    }

    #[test]
    fn figures_that_contradict_themselves_are_refused_by_their_place() {
        let score = |k: u64, n: u64, rate: f64| json!({"a": [{"k": k, "n": n, "rate": rate, "low": 0.0, "high": 1.0}]});
        check_figures(&score(3, 4, 0.75)).unwrap();
        check_figures(&score(0, 0, 0.0)).unwrap();
        assert_eq!(refused(&score(7, 6, 1.0)), "a/0: k: expected at most n, 6; got 7");
        assert!(refused(&score(3, 4, 0.5)).contains("a/0: rate: expected 0.75"));
        assert!(refused(&score(3, 1 << 62, 0.0)).starts_with("a/0/n: expected at most 100000000"));
        assert!(refused(&score(3, 1_000_000_000, 3e-9)).starts_with("a/0/n: "));
        for (json, place) in [
            (json!({"mean": 0.5, "n": 4, "low": 0.6, "high": 0.7}), "mean: "),
            (json!({"k": 1, "n": 4, "rate": 0.25, "low": -0.5, "high": 0.5}), "low: "),
            (json!({"first_only": 5, "second_only": 3, "n": 7, "difference": 0.1}), "first_only: "),
            (json!({"first_only": 5, "second_only": 3, "n": 10, "difference": 0.3}), "difference: "),
            (json!({"p_holm": 1.5}), "p_holm: "),
            (json!({"images": 5, "correct": 6}), "correct: "),
            (json!({"area": 5, "components": [{"area": 3}, {"area": 3}]}), "components: "),
            (json!({"shifts": [[0, 1]], "rates": [0.5, 0.5], "rank": 1}), "rates: "),
            (json!({"shifts": [[0, 1]], "rates": [0.5], "rank": 3}), "rank: "),
            (json!({"grid": [4, 4_000_000_000_u64]}), "grid/1: "),
        ] {
            let error = refused(&json);
            assert!(error.starts_with(place), "{error}");
        }
    }

    #[test]
    fn a_search_that_points_outside_its_grid_is_refused() {
        let whole = fixture::tuned().record;
        let changed = |change: &dyn Fn(&mut TuningRecord)| {
            let mut record = whole.clone();
            change(record.tuning.as_mut().unwrap());
            record.check().unwrap_err().to_string()
        };
        assert!(changed(&|t| t.chosen = 8).contains("tuning/chosen: expected a place among 8 points; got 8"));
        assert!(changed(&|t| t.untuned = Some(99)).contains("tuning/untuned"));
        assert!(changed(&|t| t.points[0].modified.k = [201, 0]).contains("tuning/points"));
    }
}
