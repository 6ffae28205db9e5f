//! Words that are typed or stored in a record: a word that was read is printed, and the printed word is read back.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use weakspot::Error;
use weakspot::attack::{AttackKind, Epsilon, Measure};
use weakspot::attribution::{Explain, Method};
use weakspot::dataset::class_pair;
use weakspot::region::{BlobRule, Fill, MaskPolicy, Theta, Threshold};
use weakspot::study::{Protocols, TuneFor};
use weakspot_nn::{Arch, Head, Width};

/// Any of the words that the program's flags take.
pub(crate) fn words(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(epsilon) = text.parse::<Epsilon>() {
        assert_eq!(epsilon.flag().parse::<Epsilon>().expect("a radius as a flag"), epsilon);
        let _printed = epsilon.to_string();
        for factor in [0.25, 2.0, f64::NAN, 1e308] {
            let _scaled = epsilon.scaled(factor).map(|scaled| scaled.to_string());
        }
    }
    round::<Threshold>(text);
    round::<Theta>(text);
    round::<Fill>(text);
    round::<BlobRule>(text);
    round::<MaskPolicy>(text);
    round::<Measure>(text);
    round::<AttackKind>(text);
    round::<Method>(text);
    round::<Explain>(text);
    round::<TuneFor>(text);
    round::<Arch>(text);
    round::<Head>(text);
    round::<Width>(text);
    if let Ok(protocols) = Protocols::parse(text) {
        let again = Protocols::parse(&protocols.to_string()).expect("protocols as they are printed");
        assert_eq!(again.to_string(), protocols.to_string());
    }
    let names = ["0", "cat", "Dog"].map(str::to_owned);
    if let Some((a, b)) = text.split_once(',')
        && let Ok(pair) = class_pair("fuzz", &names, [a, b])
    {
        assert!(pair.iter().all(|class| *class < names.len()));
    }
}

fn round<T: FromStr<Err = Error> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert_eq!(
            printed.parse::<T>().expect("a word as it is printed"),
            value,
            "{text:?} was printed as {printed:?}"
        );
    }
}
