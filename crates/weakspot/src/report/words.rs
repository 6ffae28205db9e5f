//! Numbers as text, the same everywhere: percent with n and interval, p values, epsilon.

use crate::record::{Mean, Record, Score};

/// A fraction as percent with one digit: `93.8 %`.
pub(crate) fn percent(fraction: f64) -> String {
    // 99.97 % must not read as 100.0 %, nor 0.03 % as 0.0 %: a rate is exact only at k = n and k = 0.
    let rounded = (fraction * 1000.0).round() / 10.0;
    if fraction < 1.0 && rounded >= 100.0 {
        "> 99.9 %".to_owned()
    } else if fraction > 0.0 && rounded <= 0.0 {
        "< 0.1 %".to_owned()
    } else {
        format!("{rounded:.1} %")
    }
}

/// An interval of fractions in percent: `[79.9, 98.3]`.
pub(crate) fn interval(low: f64, high: f64) -> String {
    format!("[{:.1}, {:.1}]", unsigned_zero(low * 100.0, 1), unsigned_zero(high * 100.0, 1))
}

/// A score with everything that belongs to it: `93.8 % [79.9, 98.3] (30/32)`.
pub(crate) fn score(s: &Score) -> String {
    if s.n == 0 {
        return "no image (0/0)".to_owned();
    }
    format!("{} {} ({}/{})", percent(s.rate), interval(s.low, s.high), s.k, s.n)
}

/// A difference of rates in percentage points: `+3.1 points [-2.0, +8.2]`.
pub(crate) fn points(difference: f64, low: f64, high: f64) -> String {
    let one = |v: f64| format!("{:+.1}", unsigned_zero(v * 100.0, 1));
    format!("{} points [{}, {}]", one(difference), one(low), one(high))
}

/// A mean with everything that belongs to it: `0.312 [0.301, 0.323] (n = 980)`.
pub(crate) fn mean(m: &Mean) -> String {
    if m.n == 0 {
        return "no image (n = 0)".to_owned();
    }
    format!("{} [{}, {}] (n = {})", number(m.mean), number(m.low), number(m.high), m.n)
}

/// A plain number with three digits after the point.
pub(crate) fn number(v: f64) -> String {
    format!("{:.3}", unsigned_zero(v, 3))
}

/// A number of any size: at most four digits after the point, without trailing zeros.
pub(crate) fn plain(v: f64) -> String {
    if v.abs() >= 1e15 { format!("{v:e}") } else { format!("{}", (v * 1e4).round() / 1e4 + 0.0) }
}

/// A probability: `p = 0.024`, `p < 0.001`.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// A radius as papers write it: `8/255`, or `0.3` if it is not a whole number of 255ths or is shorter as a decimal.
pub(crate) fn epsilon(e: f64) -> String {
    let steps = e * 255.0;
    let (fraction, decimal) = (format!("{}/255", steps.round()), format!("{}", (e * 1e5).round() / 1e5));
    let whole = steps >= 0.5 && (steps - steps.round()).abs() < 1e-4;
    if whole && fraction.len() < decimal.len() { fraction } else { decimal }
}

/// The study's epsilon as its configuration has it, `?` if it does not.
pub(crate) fn study_epsilon(record: &Record) -> String {
    setting(record, "eps").unwrap_or("?").to_owned()
}

/// A setting of the study by its flag's name.
pub(crate) fn setting<'a>(record: &'a Record, flag: &str) -> Option<&'a str> {
    record.config.get(flag).map(String::as_str)
}

/// The headline fill: the first one that was run.
pub(crate) fn headline_fill(record: &Record) -> String {
    let first = record.directions.first().and_then(|d| d.by_fill.first());
    first.map_or_else(|| "?".to_owned(), |f| f.fill.clone())
}

/// `1 image`, `2 images`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Items as a sentence lists them: `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// At most `limit` characters; the last three are dots if some were left out.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

/// Breaks a text into lines of at most `limit` characters, at spaces if it can; a percent sign stays with its number if
/// both fit.
pub(crate) fn wrap(text: &str, limit: usize) -> Vec<String> {
    let limit = limit.max(1);
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last)
                if word.starts_with('%') && last.chars().count() + 1 + word.chars().count() <= limit =>
            {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words {
        let (have, need) = (line.chars().count(), word.chars().count());
        if have > 0 && have + 1 + need > limit {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.chars().count() == limit {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The number, or 0 where it would be printed as a negative zero.
fn unsigned_zero(v: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    if (v * unit).round() == 0.0 { 0.0 } else { v }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_as_exact_only_when_it_is() {
        assert_eq!(percent(1.0), "100.0 %");
        assert_eq!(percent(0.9997), "> 99.9 %");
        assert_eq!(percent(0.0003), "< 0.1 %");
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(0.9375), "93.8 %");
    }

    #[test]
    fn epsilon_is_written_as_the_field_writes_it() {
        assert_eq!(epsilon(8.0 / 255.0), "8/255");
        assert_eq!(epsilon(0.3), "0.3");
        assert_eq!(epsilon(0.075), "0.075");
        assert_eq!(epsilon(0.0), "0");
        assert_eq!(epsilon(1.0), "1");
        assert_eq!(epsilon(0.6), "0.6", "153/255 is longer");
    }

    #[test]
    fn no_negative_zero_is_printed() {
        assert_eq!(points(-0.000_01, -0.02, 0.02), "+0.0 points [-2.0, +2.0]");
        assert_eq!(number(-0.0001), "0.000");
    }

    #[test]
    fn wrapping_never_exceeds_the_limit_and_loses_no_letter() {
        let text = "a class with anunbelievablylongnamethatnoonewouldgive to it";
        for limit in 1..40 {
            let lines = wrap(text, limit);
            assert!(lines.iter().all(|l| l.chars().count() <= limit), "{limit}: {lines:?}");
            let kept: String = lines.concat().split_whitespace().collect();
            assert_eq!(kept, text.split_whitespace().collect::<String>());
        }
        assert!(wrap("", 10).is_empty());
        assert_eq!(wrap("area 208 px (20.3 %)", 18), ["area 208 px", "(20.3 %)"]);
    }
}
