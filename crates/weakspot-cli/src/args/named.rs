//! A value that is one of several names: a table's rows feed the parser, the help and the shell's completions.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use weakspot::Error;

/// Parses a `T` by its own `FromStr`, whose errors say more than the parser's, and knows every name that it takes.
#[derive(Clone)]
pub(super) struct Named<T> {
    /// Names with what they mean.
    rows: fn() -> Vec<(&'static str, &'static str)>,
    value: PhantomData<fn() -> T>,
}

impl<T> Named<T> {
    /// A parser of the names in a table.
    pub(super) fn new(rows: fn() -> Vec<(&'static str, &'static str)>) -> Self {
        Self { rows, value: PhantomData }
    }
}

impl<T: FromStr<Err = Error> + Clone + Send + Sync + 'static> TypedValueParser for Named<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let parse: fn(&str) -> weakspot::Result<T> = str::parse;
        parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |(name, meaning): (&'static str, &'static str)| PossibleValue::new(name).help(meaning);
        Some(Box::new((self.rows)().into_iter().map(value)))
    }
}
