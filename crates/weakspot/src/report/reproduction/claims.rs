//! The paper's claims (its sections II-D and IV-B), one by one, and how a study judges each.
//!
//! Each claim, and when it holds:
//!
//! - The pixels of an image's RoI (RoA) lie together: the trained network's Moran's I is larger than that of the same
//!   network untrained, so that the interval of the paired difference is above 0.
//! - The RoI (RoA) of a class's images lies in the same place: an image overlaps its own class's representative more
//!   than the other's, so that the interval of the paired difference is above 0.
//! - Neutralization spares classification: the paired test `mod-clean` says `no effect` or `better`.
//! - Neutralization reduces vulnerability (P1): the paired test `mod_adv-adv` says `better`.
//! - Ours: it still does if the attacker knows the mask (P3, the same attack): the paired test `adaptive-adv` says
//!   `better`.
//! - Ours: it does so against the worst of several attacks, which the undefended model meets too (P3w - P0w): the
//!   paired test `adaptive_worst-adv_worst` says `better`.
//!
//! A claim fails if the opposite is shown: the interval lies below 0, the test says `worse`, or it says `no effect`
//! where an effect is claimed. Otherwise it is not shown.

use serde::{Deserialize, Serialize};

use crate::metrics::Mean;
use crate::record::{ColocationOf, Direction, Record};

/// How a study judges a claim.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::Judged;
///
/// assert_eq!(Judged::NotShown.word(), "not shown");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// It is shown.
    Holds,
    /// The opposite is shown.
    Fails,
    /// Neither.
    NotShown,
    /// The study did not measure it.
    NotRun,
}

impl Judged {
    /// As tables print it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::NotShown => "not shown",
            Self::NotRun => "not run",
        }
    }
}

/// A claim.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::Claim;
///
/// assert_eq!(Claim::ALL.len(), 8);
/// assert_eq!(Claim::SparesAccuracy.head(), "spares accuracy");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// The RoI of one image.
    RoiTogether,
    /// The RoA of one image.
    RoaTogether,
    /// The RoI of a class.
    RoiOfClass,
    /// The RoA of a class.
    RoaOfClass,
    /// Accuracy without an attack.
    SparesAccuracy,
    /// Accuracy under the paper's protocol.
    ReducesVulnerability,
    /// Accuracy under the same attack by an attacker who knows the mask. Not a claim of the paper.
    KnownMaskSameAttack,
    /// Accuracy under the headline protocol. Not a claim of the paper.
    KnownMask,
}

impl Claim {
    /// All, in the order of the columns.
    pub const ALL: [Self; 8] = [
        Self::RoiTogether,
        Self::RoaTogether,
        Self::RoiOfClass,
        Self::RoaOfClass,
        Self::SparesAccuracy,
        Self::ReducesVulnerability,
        Self::KnownMaskSameAttack,
        Self::KnownMask,
    ];

    /// Whether the claim is about the Region of Attack.
    pub(super) fn is_of_roa(self) -> bool {
        matches!(self, Self::RoaTogether | Self::RoaOfClass)
    }

    /// As a column's head.
    pub fn head(self) -> &'static str {
        match self {
            Self::RoiTogether => "RoI lies together",
            Self::RoaTogether => "RoA lies together",
            Self::RoiOfClass => "RoI is the class's",
            Self::RoaOfClass => "RoA is the class's",
            Self::SparesAccuracy => "spares accuracy",
            Self::ReducesVulnerability => "reduces vulnerability (P1)",
            Self::KnownMaskSameAttack => "also if the mask is known (P3)",
            Self::KnownMask => "against the worst attack that knows it (P3w - P0w)",
        }
    }
}

/// A claim's judgement in one direction, with the number it rests on.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{Claim, Judged, Judgement};
///
/// let judgement = Judgement {
///     source: "cat".to_owned(),
///     claim: Claim::SparesAccuracy,
///     judged: Judged::Fails,
///     value: Some(-0.032),
///     low: Some(-0.05),
///     high: Some(-0.01),
///     n: 1000,
/// };
/// assert_eq!(judgement.words(), "fails: -3.2 points");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Class of the images.
    pub source: String,
    /// Which claim.
    pub claim: Claim,
    /// Its judgement.
    pub judged: Judged,
    /// The difference of Moran's I, of overlaps, or of accuracies (a fraction); each is paired.
    pub value: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub high: Option<f64>,
    /// Images.
    pub n: usize,
}

impl Judgement {
    /// `holds: 98.1 %`, `fails: -3.2 points`.
    pub fn words(&self) -> String {
        let word = self.judged.word();
        let Some(value) = self.value.filter(|_| self.judged != Judged::NotRun) else {
            return word.to_owned();
        };
        match self.claim {
            Claim::RoiTogether | Claim::RoaTogether => {
                format!("{word}: I {:+.3}, n = {}", value + 0.0, self.n)
            }
            Claim::RoiOfClass | Claim::RoaOfClass => format!("{word}: IoU {:+.3}", value + 0.0),
            _ => format!("{word}: {:+.1} points", (value * 1000.0).round() / 10.0 + 0.0),
        }
    }
}

/// Every claim in every direction of a study, direction by direction.
pub(super) fn judge(record: &Record) -> Vec<Judgement> {
    record.directions.iter().flat_map(|d| Claim::ALL.map(|claim| of(record, d, claim))).collect()
}

fn of(record: &Record, d: &Direction, claim: Claim) -> Judgement {
    match claim {
        Claim::RoiTogether => beside_untrained(d, claim, &d.colocation.utility),
        Claim::RoaTogether => beside_untrained(d, claim, &d.colocation.vulnerability),
        Claim::RoiOfClass => above_zero(d, claim, &d.across.roi.difference),
        Claim::RoaOfClass => above_zero(d, claim, &d.across.roa.difference),
        Claim::SparesAccuracy => tested(record, d, claim, "mod-clean"),
        Claim::ReducesVulnerability => tested(record, d, claim, "mod_adv-adv"),
        Claim::KnownMaskSameAttack => tested(record, d, claim, "adaptive-adv"),
        Claim::KnownMask => tested(record, d, claim, "adaptive_worst-adv_worst"),
    }
}

/// Whether the vulnerability map takes almost only two values, so that the place of the Region of Attack says little.
pub(super) fn is_degenerate(d: &Direction) -> bool {
    d.flags.iter().any(|flag| flag.id == "degenerate-roa")
}

fn beside_untrained(d: &Direction, claim: Claim, of: &ColocationOf) -> Judgement {
    of.control.map_or_else(|| not_run(d, claim), |control| above_zero(d, claim, &control.difference))
}

fn above_zero(d: &Direction, claim: Claim, mean: &Mean) -> Judgement {
    let judged = match mean.n {
        0 => Judged::NotRun,
        // One value has no interval.
        1 => Judged::NotShown,
        _ if mean.low > 0.0 => Judged::Holds,
        _ if mean.high < 0.0 => Judged::Fails,
        _ => Judged::NotShown,
    };
    judgement(d, claim, judged, (mean.mean, mean.low, mean.high), mean.n)
}

fn not_run(d: &Direction, claim: Claim) -> Judgement {
    judgement(d, claim, Judged::NotRun, (0.0, 0.0, 0.0), 0)
}

fn tested(record: &Record, d: &Direction, claim: Claim, comparison: &str) -> Judgement {
    let test = record.tests.iter().find(|t| t.source == d.source && t.comparison == comparison);
    let Some(t) = test.filter(|t| t.n > 0) else { return not_run(d, claim) };
    let judged = match (t.word.as_str(), claim) {
        ("better", _) | ("no effect", Claim::SparesAccuracy) => Judged::Holds,
        ("worse" | "no effect", _) => Judged::Fails,
        _ => Judged::NotShown,
    };
    judgement(d, claim, judged, (t.difference, t.low, t.high), t.n)
}

fn judgement(
    d: &Direction,
    claim: Claim,
    judged: Judged,
    (value, low, high): (f64, f64, f64),
    n: usize,
) -> Judgement {
    let known = |v: f64| (judged != Judged::NotRun).then_some(v);
    Judgement {
        source: d.source.clone(),
        claim,
        judged,
        value: known(value),
        low: known(low),
        high: known(high),
        n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Score;
    use crate::report::fixture;

    fn judged(record: &Record, claim: Claim) -> Judged {
        let all = judge(record);
        all.iter().find(|j| j.claim == claim).unwrap().judged
    }

    #[test]
    fn a_test_word_is_good_news_or_bad_news_depending_on_the_claim() {
        use Claim::{KnownMask, KnownMaskSameAttack, ReducesVulnerability, SparesAccuracy};
        let mut record = fixture::demo().record;
        let source = record.directions[0].source.clone();
        for (word, spares, reduces) in [
            ("better", Judged::Holds, Judged::Holds),
            ("no effect", Judged::Holds, Judged::Fails),
            ("worse", Judged::Fails, Judged::Fails),
            ("not shown", Judged::NotShown, Judged::NotShown),
        ] {
            for t in record.tests.iter_mut().filter(|t| t.source == source) {
                t.word = word.to_owned();
                t.n = 50;
            }
            assert_eq!(judged(&record, SparesAccuracy), spares, "{word}");
            assert_eq!(judged(&record, ReducesVulnerability), reduces, "{word}");
            assert_eq!(judged(&record, KnownMaskSameAttack), reduces, "{word}");
            assert_eq!(judged(&record, KnownMask), reduces, "{word}");
        }
        record.tests.clear();
        assert_eq!(judged(&record, SparesAccuracy), Judged::NotRun);
    }

    #[test]
    fn places_are_judged_by_their_intervals() {
        let mut record = fixture::demo().record;
        let d = &mut record.directions[0];
        let above = Mean { mean: 0.1, n: 9, low: 0.01, high: 0.19 };
        let below = Mean { mean: -0.1, n: 9, low: -0.19, high: -0.01 };
        let around = Mean { mean: 0.1, n: 9, low: -0.01, high: 0.21 };
        // The share of significant images decides nothing: an untrained network's gradient has it too.
        d.colocation.utility.moran_significant = Score::of(100, 100);
        d.colocation.utility.control.as_mut().unwrap().difference = below;
        d.colocation.vulnerability.moran_significant = Score::of(0, 100);
        d.colocation.vulnerability.control.as_mut().unwrap().difference = above;
        d.across.roi.difference = above;
        d.across.roa.difference = below;
        assert_eq!(judged(&record, Claim::RoiTogether), Judged::Fails);
        assert_eq!(judged(&record, Claim::RoaTogether), Judged::Holds);
        assert_eq!(judged(&record, Claim::RoiOfClass), Judged::Holds);
        assert_eq!(judged(&record, Claim::RoaOfClass), Judged::Fails);
        let d = &mut record.directions[0];
        d.colocation.utility.control = None;
        d.colocation.vulnerability.control.as_mut().unwrap().difference = around;
        d.across.roi.difference = Mean { mean: 0.0, n: 0, low: 0.0, high: 0.0 };
        d.across.roa.difference = Mean { mean: 0.4, n: 1, low: 0.4, high: 0.4 };
        assert_eq!(judged(&record, Claim::RoiTogether), Judged::NotRun);
        assert_eq!(judged(&record, Claim::RoaTogether), Judged::NotShown);
        assert_eq!(judged(&record, Claim::RoiOfClass), Judged::NotRun);
        assert_eq!(judged(&record, Claim::RoaOfClass), Judged::NotShown);
    }

    #[test]
    fn the_number_stands_beside_the_word() {
        let mut record = fixture::demo().record;
        let control = record.directions[0].colocation.utility.control.as_mut().unwrap();
        control.difference = Mean { mean: 0.1234, n: 50, low: 0.1, high: 0.15 };
        let all = judge(&record);
        assert_eq!(all[0].words(), "holds: I +0.123, n = 50");
        assert_eq!(all.len(), 16);
    }
}
