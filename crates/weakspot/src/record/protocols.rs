//! The protocols by name: what each scores, in which order they are shown.

use crate::record::{AttackSuccess, Score, Scores};

/// One protocol of method.md, section 7, as the report shows it.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// `P0`, ..., `P3w`.
    pub id: &'static str,
    /// Its key in `results.json`.
    pub key: &'static str,
    /// A short name.
    pub name: &'static str,
    /// What is scored, in words.
    pub definition: &'static str,
    /// Its accuracy.
    pub score: fn(&Scores) -> Option<Score>,
    /// Its attack success rate; without an attack there is none.
    pub asr: fn(&AttackSuccess) -> Option<Score>,
}

/// Every protocol, in the order of method.md, section 7.
pub const ALL: [Protocol; 9] = [
    Protocol {
        id: "P0",
        key: "clean",
        name: "clean",
        definition: "the images as they are",
        score: |s| s.clean,
        asr: |_| None,
    },
    Protocol {
        id: "P0",
        key: "adv",
        name: "attacked",
        definition: "the images after the attack; nothing is neutralized",
        score: |s| s.adv,
        asr: |a| a.adv,
    },
    Protocol {
        id: "P0w",
        key: "adv_worst",
        name: "attacked, worst",
        definition: "the headline's baseline: an image counts as wrong if it is wrong as it is, or if the attack of P0 or a \
                     20-step PGD fools the classifier; nothing is neutralized",
        score: |s| s.adv_worst,
        asr: |a| a.adv_worst,
    },
    Protocol {
        id: "P0",
        key: "mod",
        name: "neutralized",
        definition: "the images with the mask neutralized; no attack",
        score: |s| s.modified,
        asr: |_| None,
    },
    Protocol {
        id: "P1",
        key: "mod_adv",
        name: "paper's",
        definition: "neutralized, then attacked; the attacker may write in the mask, which is not \
                     applied again",
        score: |s| s.mod_adv,
        asr: |a| a.mod_adv,
    },
    Protocol {
        id: "P2",
        key: "oblivious",
        name: "oblivious",
        definition: "attacked by someone who does not know of the mask, then neutralized",
        score: |s| s.oblivious,
        asr: |a| a.oblivious,
    },
    Protocol {
        id: "P3",
        key: "adaptive",
        name: "adaptive",
        definition: "attacked through the neutralization by someone who knows the mask, then neutralized",
        score: |s| s.adaptive,
        asr: |a| a.adaptive,
    },
    Protocol {
        id: "P3w",
        key: "adaptive_worst",
        name: "adaptive, worst",
        definition: "the headline, compared with P0w: an image counts as wrong if it is wrong neutralized, or if the attack of \
                     P3 or a 20-step PGD fools the classifier through the neutralization",
        score: |s| s.adaptive_worst,
        asr: |a| a.adaptive_worst,
    },
    Protocol {
        id: "P4",
        key: "remasked",
        name: "re-masked",
        definition: "neutralized, attacked, and neutralized again",
        score: |s| s.remasked,
        asr: |a| a.remasked,
    },
];
