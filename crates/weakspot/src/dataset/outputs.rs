//! Which output of a model belongs to which class of a data set: the one rule for everything that scores labels.
//!
//! In this order: what the user typed; names that the model and the data share; numbers, if the labels are numbers and
//! all of them, not only those in use, count outputs that exist. Anything else is refused, because nobody would notice
//! that a guess was scored.

use std::fmt;

use crate::error::{Error, Result};
use crate::hint::Hint;

/// The classes of a data set, and the numbers that its files call them by.
///
/// # Examples
/// ```
/// use weakspot::dataset::outputs::{By, Labels};
///
/// let classes = ["cat", "dog"].map(str::to_owned);
/// let model = ["bird", "dog", "cat"].map(str::to_owned);
/// let found = Labels::named(&classes).outputs(&[0, 1], 3, &model, &[])?;
/// assert_eq!((found.of, found.by), (vec![2, 1], By::Names));
/// // Without names, nothing says which of three outputs is the cat.
/// assert!(Labels::named(&classes).outputs(&[0, 1], 3, &[], &[]).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    names: &'a [String],
    /// One per class; `None` if the files have only names.
    numbers: Option<Vec<usize>>,
}

/// How outputs were found.
///
/// # Examples
/// ```
/// use weakspot::dataset::outputs::{By, Labels};
///
/// // Two classes of ten, called 3 and 5, and a model of ten outputs without names.
/// let classes = ["3", "5"].map(str::to_owned);
/// assert_eq!(Labels::named(&classes).outputs(&[0, 1], 10, &[], &[])?.by, By::Numbers);
/// assert_eq!(By::Numbers.to_string(), "by number");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The user typed them.
    Typed,
    /// Model and data share the names.
    Names,
    /// They share the names except for capitals.
    NamesInAnyCase,
    /// The labels are numbers that count the outputs from 0.
    Numbers,
}

/// The outputs of some classes.
///
/// # Examples
/// ```
/// use weakspot::dataset::outputs::{By, Labels, Outputs};
///
/// let classes = ["cat", "dog"].map(str::to_owned);
/// let typed = [("cat".to_owned(), 281), ("dog".to_owned(), 207)];
/// let found = Labels::named(&classes).outputs(&[0, 1], 1000, &[], &typed)?;
/// assert_eq!(found, Outputs { of: vec![281, 207], by: By::Typed });
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// One for each requested class, in that order.
    pub of: Vec<usize>,
    /// How they were found.
    pub by: By,
}

impl<'a> Labels<'a> {
    /// For files whose labels are numbers from 0: the place of a class's name is its number.
    pub fn numbered(names: &'a [String]) -> Self {
        Self { names, numbers: Some((0..names.len()).collect()) }
    }

    /// For folders and lists, which have names. If every name is a number, those are the numbers, in any order.
    pub fn named(names: &'a [String]) -> Self {
        let numbers: Option<Vec<usize>> = names.iter().map(|name| number(name)).collect();
        Self { names, numbers: numbers.filter(|numbers| !numbers.is_empty()) }
    }

    /// The outputs that belong to some of the classes, by their places among the names.
    ///
    /// `outputs` is how many the model has, a single logit counting as two, and `known` are their names, none or one
    /// each. `typed` are pairs of a class's name and its output.
    ///
    /// # Errors
    /// `InvalidParameter` if no rule applies. It says what was typed or found on both sides, and what to type.
    pub fn outputs(
        &self,
        wanted: &[usize],
        outputs: usize,
        known: &[String],
        typed: &[(String, usize)],
    ) -> Result<Outputs> {
        let found = |of: Vec<usize>, by| {
            let mut sorted = of.clone();
            sorted.sort_unstable();
            match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                None => Ok(Outputs { of, by }),
                Some(twice) => Err(Error::invalid(format!(
                    "expected a different output for every class; got output {} twice",
                    twice[0]
                ))
                .with_hint("count the model's outputs from 0, one for each class")),
            }
        };
        if !typed.is_empty() {
            let of: Result<Vec<usize>> =
                wanted.iter().map(|&class| self.typed(class, outputs, typed)).collect();
            return found(of?, By::Typed);
        }
        let all = |matches: &dyn Fn(&str, &str) -> bool| -> Option<Vec<usize>> {
            let one = |&class: &usize| {
                let mut places =
                    (0..known.len().min(outputs)).filter(|&i| matches(&known[i], &self.names[class]));
                // If two outputs share the name, neither is meant more than the other.
                places.next().filter(|_| places.next().is_none())
            };
            wanted.iter().map(one).collect()
        };
        if let Some(of) = all(&|a, b| a == b) {
            return found(of, By::Names);
        }
        if let Some(of) = all(&|a, b| a.to_lowercase() == b.to_lowercase()) {
            return found(of, By::NamesInAnyCase);
        }
        // If both sides have names that do not agree, one of them is wrong.
        let both_have_names = self.names.iter().any(|name| number(name).is_none())
            && known.iter().any(|name| number(name).is_none());
        match &self.numbers {
            Some(numbers) if !both_have_names && numbers.iter().all(|&number| number < outputs) => {
                found(wanted.iter().map(|&class| numbers[class]).collect(), By::Numbers)
            }
            _ => Err(self.unclear(wanted, outputs, known, both_have_names)),
        }
    }

    fn typed(&self, class: usize, outputs: usize, typed: &[(String, usize)]) -> Result<usize> {
        let name = &self.names[class];
        let Some((_, output)) = typed.iter().find(|(typed, _)| typed == name) else {
            let given: Vec<&str> = typed.iter().map(|(name, _)| name.as_str()).collect();
            return Err(Error::invalid(format!(
                "expected an output for the class {name}; got outputs of {}",
                given.join(", ")
            ))
            .with_hint(format!("add {name}=OUTPUT, counted from 0")));
        };
        if *output >= outputs {
            return Err(Error::invalid(format!(
                "expected an output below {outputs}, the number of the model's outputs; got {name}={output}"
            ))
            .with_hint("outputs are counted from 0"));
        }
        Ok(*output)
    }

    fn unclear(&self, wanted: &[usize], outputs: usize, known: &[String], both_have_names: bool) -> Error {
        let ours: Vec<&str> = wanted.iter().map(|&class| self.names[class].as_str()).collect();
        let theirs = if known.is_empty() {
            format!("{outputs} outputs without names")
        } else {
            format!("the outputs {}", known.join(", "))
        };
        let range =
            self.numbers.as_ref().and_then(|numbers| Some((numbers.iter().min()?, numbers.iter().max()?)));
        let misfit = range.filter(|_| !both_have_names).map(|(least, most)| {
            format!(
                ", and the data set's labels, {least} to {most}, do not all count outputs from 0 to {}",
                outputs - 1
            )
        });
        // Without numbers: a line that can be copied would be copied, and its order would be a guess.
        let line = ours.iter().map(|name| format!("{name}=?")).collect::<Vec<_>>().join(",");
        Error::invalid(format!(
            "the weights have {theirs}; the images are of {}{}",
            ours.join(" and "),
            misfit.unwrap_or_default()
        ))
        .with_hint(
            Hint::new()
                .say("say which output belongs to which class: ")
                .set("classes", line)
                .say(", with the number of an output, counted from 0, in place of each question mark"),
        )
    }
}

/// A class's name as the number that it is.
fn number(name: &str) -> Option<usize> {
    name.parse().ok()
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Typed => "as typed",
            Self::Names => "by name",
            Self::NamesInAnyCase => "by name, capitals ignored",
            Self::Numbers => "by number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    fn named(data: &str, wanted: &[usize], outputs: usize, known: &str) -> Result<Outputs> {
        Labels::named(&names(data)).outputs(wanted, outputs, &names(known), &[])
    }

    fn numbered(data: &str, wanted: &[usize], outputs: usize, known: &str) -> Result<Outputs> {
        Labels::numbered(&names(data)).outputs(wanted, outputs, &names(known), &[])
    }

    #[test]
    fn a_label_meets_its_own_output_whatever_the_order_of_the_pair() {
        assert_eq!(numbered("0 1", &[1, 0], 2, "").unwrap().of, [1, 0]);
        assert_eq!(numbered("0 1 2 3", &[3, 1], 10, "").unwrap().of, [3, 1]);
        assert_eq!(named("cat dog", &[1, 0], 2, "cat dog").unwrap().of, [1, 0]);
        assert_eq!(named("cat dog", &[0, 1], 3, "dog fox cat").unwrap().of, [2, 0]);
    }

    #[test]
    fn names_in_other_capitals_match_and_say_so() {
        let found = named("Cat DOG", &[0, 1], 2, "cat dog").unwrap();
        assert_eq!((found.of.as_slice(), found.by), ([0, 1].as_slice(), By::NamesInAnyCase));
        // Of two that differ in capitals alone the exact one is meant; if both are inexact, neither is.
        assert_eq!(named("cat dog", &[0, 1], 3, "CAT cat dog").unwrap().of, [1, 2]);
        assert!(named("cAt dog", &[0, 1], 3, "CAT cat dog").is_err());
    }

    #[test]
    fn names_that_are_not_the_weights_are_refused_with_the_line_to_type() {
        for data in ["horse ship", "cat horse", "cats dogs"] {
            let error = named(data, &[0, 1], 2, "cat dog").unwrap_err();
            assert!(error.to_string().contains("the outputs cat, dog"), "{error}");
            let (a, b) = data.split_once(' ').unwrap();
            assert!(error.hint().unwrap().contains(&format!("classes = {a}=?,{b}=?")), "{error}");
        }
        // Also where numbers would do: CIFAR-10's horse is not somebody's fish.
        assert!(numbered("horse ship", &[0, 1], 2, "fish bird").is_err());
    }

    #[test]
    fn folders_and_weights_without_names_are_not_matched_by_position() {
        assert!(named("cat dog", &[0, 1], 2, "").is_err());
        // Folders called by numbers are those numbers, in whatever order they are listed.
        assert_eq!(named("1 10 2", &[0, 2], 11, "").unwrap().of, [1, 2]);
        assert!(named("1 10 2", &[0, 2], 3, "").is_err());
    }

    #[test]
    fn labels_from_1_do_not_fit_as_many_outputs() {
        let data: Vec<String> = (0..=10).map(|i| i.to_string()).collect();
        let error = Labels::numbered(&data).outputs(&[3, 5], 10, &[], &[]).unwrap_err();
        assert!(error.to_string().contains("0 to 10, do not all count outputs from 0 to 9"), "{error}");
        assert_eq!(Labels::numbered(&data).outputs(&[3, 5], 11, &[], &[]).unwrap().of, [3, 5]);
    }

    #[test]
    fn what_is_typed_decides_and_is_checked() {
        let data = names("cat dog");
        let labels = Labels::named(&data);
        let typed = |pairs: &[(&str, usize)]| -> Vec<(String, usize)> {
            pairs.iter().map(|(name, output)| ((*name).to_owned(), *output)).collect()
        };
        let found = labels.outputs(&[1, 0], 2, &names("a b"), &typed(&[("cat", 0), ("dog", 1)])).unwrap();
        assert_eq!((found.of.as_slice(), found.by), ([1, 0].as_slice(), By::Typed));
        for (bad, said) in [
            (typed(&[("cat", 0), ("dog", 2)]), "dog=2"),
            (typed(&[("cat", 1), ("dog", 1)]), "got output 1 twice"),
            (typed(&[("cat", 0), ("cow", 1)]), "the class dog"),
        ] {
            let error = labels.outputs(&[0, 1], 2, &[], &bad).unwrap_err();
            assert!(error.to_string().contains(said) && error.hint().is_some(), "{error}");
        }
    }
}
