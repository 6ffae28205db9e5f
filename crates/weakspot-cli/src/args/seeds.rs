//! `--seeds`: how many networks are trained and studied, or the seeds of each.

use std::str::FromStr;

use clap::Args;
use weakspot::{Error, Result};

/// Enough for any question about networks: a typing error should not start a year of training.
const MOST: usize = 100;

/// What to type.
const HINT: &str = "for example --seeds 5, or a list: --seeds 0,3,7";

/// Which seeds.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Running")]
pub(crate) struct SeedArgs {
    /// Train, study and compare N networks, or one for each listed seed [default: one; e.g. 5 or 0,3,7]
    #[arg(long, value_name = "N|LIST", allow_negative_numbers = true)]
    pub(crate) seeds: Option<Seeds>,

    /// Seed for dividing the data into parts [default: the first seed; e.g. 0]
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) split_seed: Option<u64>,
}

/// How many seeds, or which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seeds {
    /// This many, from `--seed` on.
    Count(usize),
    /// These.
    List(Vec<u64>),
}

impl Seeds {
    /// The seeds, the first of which makes the split; `seed` is `--seed`, `given` whether it was typed or came from a
    /// configuration.
    ///
    /// # Errors
    /// `InvalidParameter` for a list beside `--seed`, and for seeds beyond the largest number.
    pub(crate) fn numbers(&self, seed: u64, given: bool) -> Result<Vec<u64>> {
        match self {
            Self::Count(n) => {
                let last = seed.checked_add(*n as u64 - 1).ok_or_else(|| {
                    Error::invalid(format!("{n} seeds from --seed {seed} on go beyond the largest number"))
                        .with_hint("give a smaller --seed")
                })?;
                Ok((seed..=last).collect())
            }
            Self::List(_) if given => {
                Err(Error::invalid(format!("--seeds names every seed itself; got --seed {seed} beside it"))
                    .with_hint("leave --seed out, or count from it: --seeds 5"))
            }
            Self::List(seeds) => Ok(seeds.clone()),
        }
    }
}

impl FromStr for Seeds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |expected: &str| {
            Err(Error::invalid(format!("expected {expected}; got {text:?}")).with_hint(HINT))
        };
        let seeds: Vec<Option<u64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        match seeds[..] {
            [Some(1)] => Err(Error::invalid("expected at least two seeds; got 1")
                .with_hint("for one network, leave --seeds out; --seed sets its seed")),
            [Some(n)] if (2..=MOST as u64).contains(&n) => Ok(Self::Count(n as usize)),
            [_] => wrong(&format!("a number of seeds from 2 to {MOST}, or a list of seeds")),
            _ if seeds.len() > MOST => wrong(&format!("at most {MOST} seeds")),
            _ => {
                let Some(seeds) = seeds.into_iter().collect::<Option<Vec<u64>>>() else {
                    return wrong("whole numbers from 0 on, separated by commas");
                };
                match seeds.iter().enumerate().find(|(i, seed)| seeds[..*i].contains(seed)) {
                    Some((_, twice)) => wrong(&format!("different seeds ({twice} is listed twice)")),
                    None => Ok(Self::List(seeds)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_from_the_seed_and_a_list_names_each() {
        let five: Seeds = "5".parse().unwrap();
        assert_eq!(five.numbers(0, false).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!("2".parse::<Seeds>().unwrap().numbers(7, true).unwrap(), [7, 8]);
        let list: Seeds = "7, 0,3".parse().unwrap();
        assert_eq!(list.numbers(0, false).unwrap(), [7, 0, 3], "the first makes the split");
        assert!(list.numbers(0, true).unwrap_err().hint().unwrap().contains("leave --seed out"));
        assert!(five.numbers(u64::MAX - 1, true).is_err());
    }

    #[test]
    fn anything_else_says_what_was_expected_what_came_and_what_to_type() {
        for (bad, expected) in [
            ("1", "at least two"),
            ("0", "from 2 to 100"),
            ("101", "from 2 to 100"),
            ("-3", "from 2 to 100"),
            ("x", "from 2 to 100"),
            ("", "from 2 to 100"),
            ("1,", "whole numbers"),
            ("1,-2", "whole numbers"),
            ("3,4,3", "3 is listed twice"),
        ] {
            let error = bad.parse::<Seeds>().unwrap_err();
            assert!(error.to_string().contains(expected), "{bad}: {error}");
            assert!(error.hint().is_some(), "{bad}");
        }
        let many = (0..101).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        assert!(many.parse::<Seeds>().unwrap_err().to_string().contains("at most 100"));
    }
}
