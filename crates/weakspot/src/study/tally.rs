//! From calls to scores: the arithmetic of the protocols, each computed from its own calls.

use crate::metrics::{self, CANNOT_TELL, Difference, Score};
use crate::record::{AttackSuccess, BothDifference, PairedTest, Protocol, Scores, Together};
use crate::study::rows::{Call, DefendRow};

/// The calls of one protocol on the eval images of one class, in the order of the images.
#[derive(Clone, Debug)]
pub(crate) struct Scored {
    pub(crate) protocol: Protocol,
    pub(crate) calls: Vec<Call>,
}

/// Every protocol that was run on one class with one fill, `clean` and `adv` first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(pub(crate) Vec<Scored>);

impl Calls {
    /// The protocols of the rows of one fill; `worst` is P0w and P3w.
    pub(crate) fn new(
        clean: Vec<Call>,
        adv: Vec<Call>,
        rows: &[&DefendRow],
        worst: Option<[Vec<Call>; 2]>,
    ) -> Self {
        let [plain, defended] = worst.map_or([None, None], |worst| worst.map(Some));
        let mut all = vec![
            Scored { protocol: Protocol::Clean, calls: clean },
            Scored { protocol: Protocol::Adv, calls: adv },
            Scored { protocol: Protocol::Mod, calls: rows.iter().map(|r| r.modified).collect() },
        ];
        let mut push = |protocol, calls: Option<Vec<Call>>| {
            if let Some(calls) = calls {
                all.push(Scored { protocol, calls });
            }
        };
        push(Protocol::AdvWorst, plain);
        push(Protocol::ModAdv, rows.iter().map(|r| r.mod_adv).collect());
        push(Protocol::Oblivious, rows.iter().map(|r| r.oblivious).collect());
        push(Protocol::Adaptive, rows.iter().map(|r| r.adaptive).collect());
        push(Protocol::AdaptiveWorst, defended);
        push(Protocol::Remasked, rows.iter().map(|r| r.remasked).collect());
        Self(all)
    }

    pub(crate) fn get(&self, protocol: Protocol) -> Option<&[Call]> {
        self.0.iter().find(|p| p.protocol == protocol).map(|p| p.calls.as_slice())
    }

    /// Accuracy on the source class under each protocol.
    pub(crate) fn scores(&self, label: usize) -> Scores {
        let of = |key| self.get(key).map(|calls| accuracy(calls, label));
        Scores {
            clean: of(Protocol::Clean),
            adv: of(Protocol::Adv),
            adv_worst: of(Protocol::AdvWorst),
            modified: of(Protocol::Mod),
            mod_adv: of(Protocol::ModAdv),
            oblivious: of(Protocol::Oblivious),
            adaptive: of(Protocol::Adaptive),
            adaptive_worst: of(Protocol::AdaptiveWorst),
            remasked: of(Protocol::Remasked),
        }
    }

    /// Of the images that are correct before, those that are wrong after; before is M(x) for `adv`, M(N(x)) for the
    /// others.
    pub(crate) fn attack_success(&self, label: usize) -> AttackSuccess {
        let of = |before: Protocol, after: Protocol| {
            let (before, after) = (self.get(before)?, self.get(after)?);
            let pairs = || before.iter().zip(after).filter(|(b, _)| b.right(label));
            Some(Score::of(pairs().filter(|(_, a)| !a.right(label)).count(), pairs().count()))
        };
        AttackSuccess {
            adv: of(Protocol::Clean, Protocol::Adv),
            adv_worst: of(Protocol::Clean, Protocol::AdvWorst),
            mod_adv: of(Protocol::Mod, Protocol::ModAdv),
            oblivious: of(Protocol::Mod, Protocol::Oblivious),
            adaptive: of(Protocol::Mod, Protocol::Adaptive),
            adaptive_worst: of(Protocol::Mod, Protocol::AdaptiveWorst),
            remasked: of(Protocol::Mod, Protocol::Remasked),
        }
    }
}

/// Images whose label is predicted, of all.
pub(crate) fn accuracy(calls: &[Call], label: usize) -> Score {
    Score::of(calls.iter().filter(|c| c.right(label)).count(), calls.len())
}

/// Both classes under one protocol.
pub(crate) fn together(protocol: Protocol, calls: [&[Call]; 2], classes: &[String; 2]) -> Together {
    let scores = [accuracy(calls[0], 0), accuracy(calls[1], 1)];
    let n = scores[0].n + scores[1].n;
    let second = calls.iter().flat_map(|c| c.iter()).filter(|c| c.predicted == 1).count();
    // The first class of equals, so that the answer does not depend on anything else.
    let majority = usize::from(second > n - second);
    let balanced = metrics::balanced_accuracy(scores[0].k, scores[0].n, scores[1].k, scores[1].n);
    Together {
        protocol: protocol.key().to_owned(),
        accuracy: Score::of(scores[0].k + scores[1].k, n),
        balanced_accuracy: balanced.value,
        balanced_low: balanced.low,
        balanced_high: balanced.high,
        majority_rate: Score::of(second.max(n - second), n),
        majority_class: classes[majority].clone(),
    }
}

/// The comparisons of METHODS, section 8, first minus second.
const COMPARISONS: [(Protocol, Protocol); 5] = [
    (Protocol::Mod, Protocol::Clean),
    (Protocol::ModAdv, Protocol::Adv),
    (Protocol::Oblivious, Protocol::Adv),
    (Protocol::Adaptive, Protocol::Adv),
    (Protocol::AdaptiveWorst, Protocol::AdvWorst),
];

/// All comparisons of both classes that were run: one Holm family.
pub(crate) fn paired_tests(calls: [&Calls; 2], classes: &[String; 2]) -> Vec<PairedTest> {
    let mut tests = Vec::new();
    for label in 0..2 {
        for (first, second) in COMPARISONS {
            if let (Some(a), Some(b)) = (calls[label].get(first), calls[label].get(second)) {
                tests.push(paired_test(&classes[label], (first, second), a, b, label));
            }
        }
    }
    correct(tests.iter_mut());
    tests
}

/// Corrects the tests of one Holm family, and sets the verdicts that follow.
pub(crate) fn correct<'a>(family: impl Iterator<Item = &'a mut PairedTest>) {
    let family: Vec<&mut PairedTest> = family.collect();
    let corrected = metrics::holm(&family.iter().map(|t| t.p).collect::<Vec<_>>());
    for (test, p_holm) in family.into_iter().zip(corrected) {
        test.p_holm = p_holm;
        test.word = metrics::verdict(p_holm, test.interval(), test.word == CANNOT_TELL).to_string();
    }
}

/// The comparisons that both classes have, together.
pub(crate) fn together_differences(tests: &[PairedTest]) -> Vec<BothDifference> {
    let of = |(first, second): &(Protocol, Protocol)| {
        let comparison = format!("{first}-{second}");
        let mut found = tests.iter().filter(|t| t.comparison == comparison).map(PairedTest::interval);
        let difference = metrics::mean_difference([found.next()?, found.next()?]).into();
        Some(BothDifference { comparison, difference })
    };
    COMPARISONS.iter().filter_map(of).collect()
}

/// A comparison that is not corrected yet.
pub(crate) fn paired_test(
    source: &str,
    (first, second): (Protocol, Protocol),
    a: &[Call],
    b: &[Call],
    label: usize,
) -> PairedTest {
    let right = |calls: &[Call]| calls.iter().map(|call| call.right(label)).collect::<Vec<_>>();
    let (a, b) = (right(a), right(b));
    let count = |one: bool, other: bool| a.iter().zip(&b).filter(|&(&a, &b)| (a, b) == (one, other)).count();
    let (first_only, second_only) = (count(true, false), count(false, true));
    let difference = paired(&a, &b);
    // Without an attack, two rates near 1 are the desired case.
    let at_one_end = second != Protocol::Clean && metrics::at_one_end(&rate(&a), &rate(&b));
    PairedTest {
        source: source.to_owned(),
        comparison: format!("{first}-{second}"),
        n: a.len(),
        first_only,
        second_only,
        difference: difference.value,
        low: difference.low,
        high: difference.high,
        p: metrics::mcnemar_exact(first_only, second_only),
        p_holm: 1.0,
        // The one verdict that no correction changes.
        word: if at_one_end { CANNOT_TELL.to_owned() } else { String::new() },
    }
}

/// Images that are correct, of all.
pub(crate) fn rate(right: &[bool]) -> Score {
    Score::of(right.iter().filter(|right| **right).count(), right.len())
}

/// First minus second, of whether the same images are correct.
pub(crate) fn paired(first: &[bool], second: &[bool]) -> Difference {
    let mut counts = [[0usize; 2]; 2];
    for (&a, &b) in first.iter().zip(second) {
        counts[usize::from(a)][usize::from(b)] += 1;
    }
    let [[neither, second_only], [first_only, both]] = counts;
    metrics::paired_difference(both, first_only, second_only, neither)
}

impl PairedTest {
    fn interval(&self) -> Difference {
        Difference { value: self.difference, low: self.low, high: self.high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(predicted: &[u8]) -> Vec<Call> {
        predicted.iter().map(|&p| Call { predicted: p, margin: 0.0 }).collect()
    }

    #[test]
    fn success_counts_only_images_that_were_right_before() {
        let rows = [DefendRow {
            changed: true,
            modified: Call { predicted: 0, margin: 1.0 },
            mod_adv: None,
            oblivious: None,
            adaptive: None,
            remasked: None,
        }];
        let refs = [&rows[0]; 4];
        let c = Calls::new(calls(&[0, 1, 0, 0]), calls(&[1, 1, 1, 0]), &refs, None);
        let adv = c.attack_success(0).adv.unwrap();
        assert_eq!((adv.k, adv.n), (2, 3));
        assert_eq!(c.attack_success(0).adaptive, None, "a protocol that was not run has no score");
        assert_eq!(c.scores(0).clean.unwrap().k, 3);
    }

    #[test]
    fn a_constant_predictor_has_balanced_accuracy_one_half_and_majority_one() {
        let classes = ["a".to_owned(), "b".to_owned()];
        let (zero, one) = (calls(&[0; 10]), calls(&[0; 30]));
        let t = together(Protocol::Mod, [&zero, &one], &classes);
        assert!((t.balanced_accuracy - 0.5).abs() < 1e-12);
        assert_eq!((t.majority_rate.k, t.majority_rate.n, t.majority_class.as_str()), (40, 40, "a"));
    }

    #[test]
    fn first_minus_second_is_positive_when_the_first_is_better() {
        let (better, worse) = (calls(&[0; 40]), calls(&[1; 40]));
        let test = paired_test("a", (Protocol::Mod, Protocol::Clean), &better, &worse, 0);
        assert_eq!((test.first_only, test.second_only), (40, 0));
        assert!(test.difference > 0.9 && test.low > 0.5 && test.p < 1e-6);
    }
}
