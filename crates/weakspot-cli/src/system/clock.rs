//! The only place that reads the clock; what it says goes to the screen and to `run.json`, never into a result.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Measures from its creation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the program may say how long it took")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The date and time, UTC, `2026-01-31T12:00:00Z`.
#[expect(clippy::disallowed_methods, reason = "run.json says when a study was made")]
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date_and_time(since.as_secs())
}

/// An hour ago: a file that was last written before that is not being written now.
#[expect(clippy::disallowed_methods, reason = "only old files of killed runs are removed")]
pub(crate) fn an_hour_ago() -> SystemTime {
    SystemTime::now().checked_sub(Duration::from_hours(1)).unwrap_or(UNIX_EPOCH)
}

/// Seconds since 1970 as a date of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`: years begin in March, so that the leap day comes last).
fn date_and_time(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// A duration as a person says it: `3 s`, `2 min 5 s`, `1 h 10 min`.
pub(crate) fn in_words(duration: Duration) -> String {
    match duration.as_secs() {
        s @ 0..10 => format!("{}.{} s", s, duration.subsec_millis() / 100),
        s @ 10..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_have_their_dates() {
        // As `date -u -d @N` prints them.
        assert_eq!(date_and_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(date_and_time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date_and_time(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(date_and_time(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn durations_are_said_in_two_units() {
        assert_eq!(in_words(Duration::from_millis(2_340)), "2.3 s");
        assert_eq!(in_words(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(in_words(Duration::from_mins(70)), "1 h 10 min");
    }
}
