//! How far an attack may go.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The radius of a ball around an image, in pixel units on `[0, 1]`. Also the type of a step's size.
///
/// Reads `8/255` as well as `0.0314`, and prints both.
///
/// # Examples
/// ```
/// use weakspot::attack::Epsilon;
///
/// let epsilon: Epsilon = "8/255".parse()?;
/// assert_eq!(epsilon.value(), 8.0 / 255.0);
/// assert_eq!(epsilon.to_string(), "8/255 (0.0314)");
/// assert_eq!("8".parse::<Epsilon>().unwrap_err().hint(), Some("did you mean 8/255?"));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Epsilon(f64);

impl Epsilon {
    /// A radius.
    ///
    /// # Errors
    /// `InvalidParameter` unless it is in `[0, 1]`.
    pub fn new(value: f64) -> Result<Self> {
        // -0 becomes 0, so that a radius is the same after printing and reading.
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value + 0.0))
        } else {
            Err(out_of_range("epsilon", &value.to_string(), value))
        }
    }

    /// Reads a radius or a step; errors call it `name`.
    ///
    /// # Errors
    /// `InvalidParameter` if the text is neither a number nor a fraction, or if the value is not in `[0, 1]`. Both
    /// numbers of a fraction must be finite and not negative: `-1/-2` is a slip, not a half.
    pub fn named(name: &str, text: &str) -> Result<Self> {
        let number = |part: &str| part.trim().parse::<f64>().ok();
        let value = match text.split_once('/') {
            Some((over, under)) => number(over).zip(number(under)).map(|(a, b)| {
                if [a, b].iter().all(|part| part.is_finite() && *part >= 0.0) { a / b } else { f64::NAN }
            }),
            None => number(text),
        };
        let value = value.ok_or_else(|| {
            Error::invalid(format!("{name} must be a number or a fraction; got {text:?}"))
                .with_hint("for example 8/255, or 0.3")
        })?;
        Self::new(value).map_err(|_range| out_of_range(name, text, value))
    }

    /// The radius in single precision, like the pixels.
    pub fn get(self) -> f32 {
        self.0 as f32
    }

    /// The radius as it was given, not rounded to single precision.
    pub fn value(self) -> f64 {
        self.0
    }

    /// This radius times a factor, at most 1: a point of the sweep.
    ///
    /// # Errors
    /// `InvalidParameter` for a factor that is negative or not a number.
    pub fn scaled(self, factor: f64) -> Result<Self> {
        let scaled = self.0 * factor;
        Self::new(if scaled > 1.0 { 1.0 } else { scaled })
    }

    /// The radius as text that is read back as exactly this radius: `8/255`, `0.3`.
    pub fn flag(self) -> String {
        self.fraction().unwrap_or_else(|| self.0.to_string())
    }

    /// `8/255`, where that is exactly this radius and shorter than its decimal.
    fn fraction(self) -> Option<String> {
        // Halves and quarters of a grey level come up in sweeps: 2/255 x 1/4.
        let levels = (self.0 * 255.0 * 4.0).round() / 4.0;
        let text = format!("{levels}/255");
        (levels / 255.0 == self.0 && text.len() < self.0.to_string().len()).then_some(text)
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fraction() {
            Some(fraction) => write!(f, "{fraction} ({:.4})", self.0),
            None if self.0 == 0.0 || self.0 >= 1.0 => write!(f, "{}", self.0),
            None => write!(f, "{} ({:.2}/255)", self.0, self.0 * 255.0),
        }
    }
}

impl FromStr for Epsilon {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::named("epsilon", text)
    }
}

fn out_of_range(name: &str, text: &str, value: f64) -> Error {
    let error = Error::invalid(format!("{name} must be in [0, 1], in pixel units; got {text}"));
    if value > 1.0 && value <= 255.0 {
        error.with_hint(format!("did you mean {value}/255?"))
    } else {
        error.with_hint("for example 8/255, or 0.3")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Epsilon> {
        text.parse()
    }

    #[test]
    fn fractions_and_decimals_are_read_and_both_are_echoed() {
        assert_eq!(parse("8/255").unwrap().to_string(), "8/255 (0.0314)");
        assert_eq!(parse("0.0314").unwrap().to_string(), "0.0314 (8.01/255)");
        assert_eq!(parse("0.3").unwrap().to_string(), "0.3 (76.50/255)");
        assert_eq!(parse("0").unwrap().to_string(), "0");
        assert_eq!(parse("1").unwrap().to_string(), "1");
        assert_eq!(parse("255/255").unwrap(), parse("1").unwrap());
        assert_eq!(parse("8/255").unwrap().get(), 8.0 / 255.0);
    }

    #[test]
    fn an_epsilon_in_grey_levels_is_refused_with_the_fraction_as_the_hint() {
        assert_eq!(parse("8").unwrap_err().hint(), Some("did you mean 8/255?"));
        for bad in ["-1", "1/0", "0/0", "nan", "inf", "1.001", "eight", "", "8/", "/255", "300"] {
            let error = parse(bad).unwrap_err();
            assert!(error.hint().is_some(), "{bad}: {error}");
        }
    }

    #[test]
    fn two_minus_signs_were_taken_as_a_half() {
        for bad in ["-1/-2", "-1/2", "1/-2", "0/-1", "1/inf", "inf/inf"] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.to_string(), format!("epsilon must be in [0, 1], in pixel units; got {bad}"));
            assert!(error.hint().is_some(), "{bad}");
        }
    }

    #[test]
    fn an_error_about_a_step_spoke_of_epsilon() {
        for (text, expected) in [
            ("8", "step must be in [0, 1], in pixel units; got 8"),
            ("x", "step must be a number or a fraction; got \"x\""),
        ] {
            assert_eq!(Epsilon::named("step", text).unwrap_err().to_string(), expected);
        }
        assert_eq!(Epsilon::named("step", "2/255").unwrap(), parse("2/255").unwrap());
    }

    #[test]
    fn a_sweep_stops_at_one() {
        assert_eq!(parse("0.6").unwrap().scaled(2.0).unwrap().value(), 1.0);
        assert_eq!(parse("8/255").unwrap().scaled(0.25).unwrap().flag(), "2/255");
        assert!(parse("0.6").unwrap().scaled(f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_as_a_flag_is_read_back(value in 0.0f64..=1.0, levels in 0u32..=255) {
            for epsilon in [Epsilon::new(value).unwrap(), Epsilon::new(f64::from(levels) / 255.0).unwrap()] {
                prop_assert_eq!(parse(&epsilon.flag()).unwrap(), epsilon);
            }
        }
    }
}
