//! The headline's word in every network, class by class, and whether it changes with the seed.

use serde::{Deserialize, Serialize};

use super::Seeds;
use crate::metrics::CANNOT_TELL;
use crate::report::findings::HEADLINE;

/// The words of the paired tests, the clearest first.
const WORDS: [&str; 5] = ["better", "worse", "no effect", "not shown", CANNOT_TELL];

/// The word of one network.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::SeedWord;
///
/// let json = r#"{"seed": 3, "word": "better"}"#;
/// assert_eq!(serde_json::from_str::<SeedWord>(json)?.word, "better");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedWord {
    /// The seed.
    pub seed: u64,
    /// The word of its test of P3w minus P0w.
    pub word: String,
}

/// The networks' words for one class.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{ClassVerdict, SeedWord};
///
/// let by_seed = [(0, "better"), (1, "worse")].map(|(seed, word)| SeedWord { seed, word: word.to_owned() });
/// let verdict = ClassVerdict { class: "cat".to_owned(), by_seed: by_seed.to_vec(), changes: true };
/// assert_eq!(serde_json::to_value(verdict)?["by_seed"][1]["word"], "worse");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassVerdict {
    /// The class whose images are scored.
    pub class: String,
    /// Network by network.
    pub by_seed: Vec<SeedWord>,
    /// Whether two networks have different words.
    pub changes: bool,
}

impl ClassVerdict {
    /// How many networks have each word, the clearest words first.
    pub(super) fn counts(&self) -> Vec<(&str, usize)> {
        let mut words: Vec<&str> = WORDS.to_vec();
        for said in &self.by_seed {
            if !words.contains(&said.word.as_str()) {
                words.push(&said.word);
            }
        }
        let count = |word: &str| self.by_seed.iter().filter(|said| said.word == word).count();
        words.into_iter().map(|word| (word, count(word))).filter(|(_, n)| *n > 0).collect()
    }

    /// Whether the class is better in one network and worse in another.
    pub(super) fn turns(&self) -> bool {
        let says = |word: &str| self.by_seed.iter().any(|said| said.word == word);
        says("better") && says("worse")
    }

    /// The word of one network.
    pub(super) fn of(&self, seed: u64) -> Option<&str> {
        self.by_seed.iter().find(|said| said.seed == seed).map(|said| said.word.as_str())
    }
}

/// The headline's words, class by class; empty if it was not measured.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::verdicts;
/// # use weakspot::{record::Record, report::seeds::{SeedStudy, Seeds, folder_of}};
/// # use ndarray::{Array2, Array4, arr1};
/// # use weakspot::dataset::{Dataset, Limits, SplitRule, split};
/// # use weakspot::study::{NoJournal, Plan, Subject, run};
/// # use weakspot::{attack::Epsilon, attribution::Method, image::Pixels, progress::Silent, testing::Linear};
/// # let bright = |class: usize, x: usize| if x % 4 / 2 == class { 0.75 } else { 0.25 };
/// # let weights = Array2::from_shape_fn((2, 16), |(class, x)| bright(class, x));
/// # let model = Linear::new(weights, arr1(&[0.0, 0.0]), (1, 4, 4));
/// # let pixels = Pixels::F32(Array4::from_shape_fn((40, 1, 4, 4), |(i, _, _, x)| bright(i % 2, x)));
/// # let data = Dataset::new("halves", pixels, (0..40).map(|i| i % 2).collect(), &["left", "right"])?;
/// # let splits = split(&data, SplitRule::NothingToTrain, 0, &Limits::default())?;
/// # let plan = Plan { cam: Method::GRADIENT, permutations: 19, ..Plan::new(Epsilon::new(0.3)?, 0)? };
///
/// // A study of images of 4x4 pixels, bright on the left or on the right; epsilon 0.3.
/// # let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// # let study = |seed| SeedStudy { seed, folder: folder_of(seed), record: Record { seed, ..run.record.clone() } };
/// # let studies = vec![study(0), study(1)];
/// # let all = Seeds { shared: "0f".repeat(32), split_seed: 0, studies, missing: Vec::new() };
/// // The mask covers every pixel and the model then always predicts left: that class gains, right stays at 0 %.
/// let found = verdicts(&all);
/// assert_eq!((found[0].class.as_str(), found[0].by_seed[0].word.as_str()), ("left", "better"));
/// assert_eq!(found[1].by_seed[0].word, "cannot tell at this eps");
/// assert!(!found[0].changes);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn verdicts(all: &Seeds) -> Vec<ClassVerdict> {
    let mut out: Vec<ClassVerdict> = Vec::new();
    for study in &all.studies {
        for test in study.record.tests.iter().filter(|t| t.comparison == HEADLINE) {
            let said = SeedWord { seed: study.seed, word: test.word.clone() };
            if let Some(verdict) = out.iter_mut().find(|verdict| verdict.class == test.source) {
                verdict.by_seed.push(said);
            } else {
                out.push(ClassVerdict { class: test.source.clone(), by_seed: vec![said], changes: false });
            }
        }
    }
    for verdict in &mut out {
        verdict.changes = verdict.by_seed.iter().any(|said| said.word != verdict.by_seed[0].word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn each_class_has_its_own_verdict_over_the_networks() {
        let [disc, ring] = &verdicts(&fixture::changing())[..] else { panic!("two classes") };
        assert_eq!((disc.changes, disc.turns(), disc.counts()), (false, false, vec![("no effect", 3)]));
        assert_eq!((ring.changes, ring.turns()), (true, true));
        assert_eq!(ring.counts(), [("better", 1), ("worse", 1), ("not shown", 1)]);
        assert_eq!((ring.of(1), ring.of(2)), (Some("not shown"), None));
    }
}
