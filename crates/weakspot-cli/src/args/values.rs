//! Values that only the command line knows: lists, pairs, `none`.

use std::str::FromStr;

use weakspot::attack::Epsilon;
use weakspot::metrics::Window;
use weakspot::{Error, Result};

/// Two classes, `A,B`, by number or name; with the outputs of a model that belong to them, `A=0,B=1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClassPair {
    pub(crate) names: [String; 2],
    pub(crate) outputs: Option<[usize; 2]>,
}

impl FromStr for ClassPair {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [a, b] = parts[..] else { return Err(no_pair(text)) };
        let (names, outputs) = match (class_output(a), class_output(b)) {
            (Some((a, first)), Some((b, second))) => ([a, b], Some([first, second])),
            (None, None) => ([a, b], None),
            _ => {
                return Err(Error::invalid(format!(
                    "expected an output for both classes or for none; got {text:?}"
                ))
                .with_hint("for example --classes cat=0,dog=1, outputs of the weights counted from 0"));
            }
        };
        if names.iter().any(|name| name.is_empty()) {
            return Err(no_pair(text));
        }
        Ok(Self { names: names.map(str::to_owned), outputs })
    }
}

fn no_pair(text: &str) -> Error {
    Error::invalid(format!("expected two classes; got {text:?}"))
        .with_hint("--classes A,B, by number or name, for example --classes 0,1")
}

/// The outputs of a model that belong to classes, `A=0,B=1,C=2`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClassOutputs(pub(crate) Vec<(String, usize)>);

impl FromStr for ClassOutputs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let one = |part: &str| class_output(part.trim()).map(|(name, output)| (name.to_owned(), output));
        text.split(',').map(one).collect::<Option<Vec<_>>>().map(Self).ok_or_else(|| {
            Error::invalid(format!("expected classes with their outputs; got {text:?}"))
                .with_hint("for example --classes cat=0,dog=1, outputs of the weights counted from 0")
        })
    }
}

/// A class and its output; `None` for a class alone.
fn class_output(text: &str) -> Option<(&str, usize)> {
    let (name, output) = text.rsplit_once('=')?;
    Some((name.trim(), output.trim().parse().ok()?)).filter(|(name, _)| !name.is_empty())
}

/// Radii, `4/255,8/255`, or `none`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sweep(pub(crate) Vec<Epsilon>);

impl FromStr for Sweep {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_>>().map(Self)
    }
}

/// A count, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Controls(pub(crate) usize);

impl FromStr for Controls {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "none" {
            return Ok(Self(0));
        }
        match text.parse() {
            Ok(n) if n > 0 => Ok(Self(n)),
            _ => Err(Error::invalid(format!("expected a number of controls or none; got {text:?}"))
                .with_hint("--controls none, or --controls 19")),
        }
    }
}

/// One number for every channel, or one for all: `0.5`, `0.485,0.456,0.406`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PerChannel(Vec<f32>);

impl PerChannel {
    /// One number per channel.
    ///
    /// # Errors
    /// `InvalidParameter` for another count.
    pub(crate) fn of(&self, flag: &str, channels: usize) -> Result<Vec<f32>> {
        match self.0[..] {
            [one] => Ok(vec![one; channels]),
            _ if self.0.len() == channels => Ok(self.0.clone()),
            _ => Err(Error::invalid(format!(
                "{flag} must give one number or one per channel; the images have {channels}, got {}",
                self.0.len()
            ))
            .with_hint(format!("for example {flag} 0.5, in pixel units on [0, 1]"))),
        }
    }

    /// The mean or the spread of pixels in [0, 1], one number per channel: neither can lie outside.
    ///
    /// # Errors
    /// As [`PerChannel::of`]; `InvalidParameter` for a number outside [0, 1], with the one that was probably meant.
    pub(crate) fn of_pixels(&self, flag: &str, channels: usize) -> Result<Vec<f32>> {
        let numbers = self.of(flag, channels)?;
        let Some(bad) = numbers.iter().find(|v| !(0.0..=1.0).contains(*v)) else { return Ok(numbers) };
        let error = Error::invalid(format!("{flag} is meant for pixels in [0, 1]; got {bad}"));
        let of_bytes = self.0.iter().all(|v| (0.0..=255.0).contains(v));
        Err(if of_bytes {
            let meant: Vec<String> = self.0.iter().map(|v| format!("{:.4}", v / 255.0)).collect();
            error.with_hint(format!("for bytes from 0 to 255, divide by 255: {flag} {}", meant.join(",")))
        } else {
            error
                .with_hint(format!("for example {flag} 0.5; for pixels in [-1, 1], use --mean 0.5 --std 0.5"))
        })
    }
}

impl FromStr for PerChannel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Option<Vec<f32>> =
            text.split(',').map(|part| part.trim().parse().ok().filter(|v: &f32| v.is_finite())).collect();
        numbers.map(Self).ok_or_else(|| {
            Error::invalid(format!("expected numbers separated by commas; got {text:?}"))
                .with_hint("for example 0.485,0.456,0.406")
        })
    }
}

/// A share of a whole, `1%` or `0.01`.
pub(crate) fn share(text: &str) -> Result<f64> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|v| v / 100.0),
        None => text.trim().parse(),
    };
    match number {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(Error::invalid(format!("expected a share from 0 to 100%; got {text:?}"))
            .with_hint("for example 1%, or 0.01")),
    }
}

/// A count of at least one.
pub(crate) fn at_least_one(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(Error::invalid(format!("expected a whole number of at least 1; got {text:?}"))
            .with_hint("give a whole number, 1 or more")),
    }
}

/// A step of an attack, in pixel units: its errors say step, not epsilon.
pub(crate) fn step(text: &str) -> Result<Epsilon> {
    Epsilon::named("step", text)
}

/// A side in pixels that pictures can be resized to.
pub(crate) fn picture_size(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(n) if (8..=1024).contains(&n) => Ok(n),
        _ => Err(Error::invalid(format!("expected a side of 8 to 1024 pixels; got {text:?}"))
            .with_hint("224 is what VGG16 was made for; 64 is faster")),
    }
}

/// `true` or `false`, or the flag alone.
pub(crate) fn switch(text: &str) -> Result<bool> {
    match text {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(Error::invalid(format!("expected true or false; got {text:?}"))
            .with_hint("give the flag alone for true")),
    }
}

/// A window of the structural similarity, by name.
pub(crate) fn window(text: &str) -> Result<Window> {
    [Window::Uniform, Window::Gaussian].into_iter().find(|window| window.name() == text).ok_or_else(|| {
        Error::invalid(format!("expected a window's name; got {text:?}"))
            .with_hint("one of uniform, gaussian")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_alpha_is_called_a_step() {
        let error = step("8").unwrap_err();
        assert!(error.to_string().starts_with("step must be in [0, 1]"), "{error}");
        assert_eq!(error.hint(), Some("did you mean 8/255?"));
        assert_eq!(step("2/255").unwrap(), "2/255".parse().unwrap());
    }

    #[test]
    fn lists_and_pairs_are_read_and_anything_else_says_what_to_type() {
        let pair = |text: &str| text.parse::<ClassPair>().map(|pair| (pair.names, pair.outputs));
        assert_eq!(pair("Trouser, Pullover").unwrap(), (["Trouser", "Pullover"].map(str::to_owned), None));
        assert_eq!(pair("a=b=1, c=0").unwrap(), (["a=b", "c"].map(str::to_owned), Some([1, 0])));
        assert_eq!(pair("a=b,c").unwrap().1, None, "a name may have an equals sign");
        let outputs = "cat=0,dog=2".parse::<ClassOutputs>().unwrap().0;
        assert_eq!(outputs, [("cat".to_owned(), 0), ("dog".to_owned(), 2)]);
        assert!("cat,dog=2".parse::<ClassOutputs>().unwrap_err().hint().is_some());
        for bad in ["0", "0,1,2", ",", "", "=0,a=1", "a=0,b"] {
            assert!(bad.parse::<ClassPair>().unwrap_err().hint().is_some(), "{bad}");
        }
        assert_eq!("none".parse::<Sweep>().unwrap().0, []);
        assert_eq!("4/255,0.5".parse::<Sweep>().unwrap().0.len(), 2);
        assert!("4/255,8".parse::<Sweep>().is_err());
        assert_eq!("none".parse::<Controls>().unwrap(), Controls(0));
        assert!("0".parse::<Controls>().is_err());
        assert_eq!("0.5".parse::<PerChannel>().unwrap().of("--mean", 3).unwrap(), [0.5; 3]);
        assert!("0.5,0.5".parse::<PerChannel>().unwrap().of("--mean", 3).is_err());
        assert!("nan".parse::<PerChannel>().is_err());
        let bytes: PerChannel = "123.675,116.28,103.53".parse().unwrap();
        let error = bytes.of_pixels("--mean", 3).unwrap_err();
        assert!(error.hint().unwrap().ends_with("--mean 0.4850,0.4560,0.4060"), "{error}");
        assert!("-0.5".parse::<PerChannel>().unwrap().of_pixels("--mean", 1).is_err());
        assert_eq!("1".parse::<PerChannel>().unwrap().of_pixels("--mean", 1).unwrap(), [1.0]);
        assert_eq!((share("1%").unwrap(), share("0.01").unwrap(), share("0").unwrap()), (0.01, 0.01, 0.0));
        for bad in ["2", "101%", "-1%", "nan", "%", ""] {
            assert!(share(bad).unwrap_err().hint().is_some(), "{bad}");
        }
    }
}
