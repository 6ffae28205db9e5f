//! The headline's word in every network, class by class, and whether it changes with the seed.

use serde::{Deserialize, Serialize};

use super::Seeds;
use crate::metrics::CANNOT_TELL;
use crate::report::findings::HEADLINE;

/// The words of the paired tests, the clearest first.
const WORDS: [&str; 5] = ["better", "worse", "no effect", "not shown", CANNOT_TELL];

/// What one network says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedWord {
    /// The seed.
    pub seed: u64,
    /// The word of its test of P3w minus P0w.
    pub word: String,
}

/// What the networks say of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassVerdict {
    /// The class whose images are scored.
    pub class: String,
    /// Network by network.
    pub by_seed: Vec<SeedWord>,
    /// Whether two networks say different words.
    pub changes: bool,
}

impl ClassVerdict {
    /// How many networks say a word, the clearest words first.
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

/// The headline's words, class by class; empty where it was not measured.
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
