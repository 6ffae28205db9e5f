//! The protocols: what each scores, and in which order they are shown.

use std::fmt;

use super::{AttackSuccess, Score, Scores};

/// A protocol of METHODS, section 7.
///
/// # Examples
/// ```
/// use weakspot::record::Protocol;
///
/// let protocol = Protocol::by_key("adaptive_worst").unwrap();
/// assert_eq!((protocol, protocol.id()), (Protocol::AdaptiveWorst, "P3w"));
/// assert_eq!(protocol.in_words(), "adaptive_worst (P3w)");
/// assert_eq!(Protocol::all().filter(|protocol| protocol.is_undefended()).count(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// P0, the images as they are.
    Clean,
    /// P0, attacked.
    Adv,
    /// P0w.
    AdvWorst,
    /// P0, neutralized.
    Mod,
    /// P1.
    ModAdv,
    /// P2.
    Oblivious,
    /// P3.
    Adaptive,
    /// P3w.
    AdaptiveWorst,
    /// P4.
    Remasked,
}

/// What is known about a protocol.
struct Row {
    protocol: Protocol,
    id: &'static str,
    key: &'static str,
    name: &'static str,
    definition: &'static str,
    score: fn(&Scores) -> Option<Score>,
    asr: fn(&AttackSuccess) -> Option<Score>,
}

/// Every protocol, in the order of METHODS, section 7, which is also the order of the enum.
static TABLE: [Row; 9] = [
    Row {
        protocol: Protocol::Clean,
        id: "P0",
        key: "clean",
        name: "clean",
        definition: "the images as they are",
        score: |s| s.clean,
        asr: |_| None,
    },
    Row {
        protocol: Protocol::Adv,
        id: "P0",
        key: "adv",
        name: "attacked",
        definition: "the images after the attack; nothing is neutralized",
        score: |s| s.adv,
        asr: |a| a.adv,
    },
    Row {
        protocol: Protocol::AdvWorst,
        id: "P0w",
        key: "adv_worst",
        name: "attacked, worst",
        definition: "the headline's baseline: an image counts as wrong if it is wrong without an attack, or if the \
                     attack of P0 or a 20-step PGD fools the classifier; nothing is neutralized",
        score: |s| s.adv_worst,
        asr: |a| a.adv_worst,
    },
    Row {
        protocol: Protocol::Mod,
        id: "P0",
        key: "mod",
        name: "neutralized",
        definition: "the images with the mask neutralized; no attack",
        score: |s| s.modified,
        asr: |_| None,
    },
    Row {
        protocol: Protocol::ModAdv,
        id: "P1",
        key: "mod_adv",
        name: "paper's",
        definition: "neutralized, then attacked; the attacker may write in the mask, which is not applied again",
        score: |s| s.mod_adv,
        asr: |a| a.mod_adv,
    },
    Row {
        protocol: Protocol::Oblivious,
        id: "P2",
        key: "oblivious",
        name: "oblivious",
        definition: "attacked by someone who does not know of the mask, then neutralized",
        score: |s| s.oblivious,
        asr: |a| a.oblivious,
    },
    Row {
        protocol: Protocol::Adaptive,
        id: "P3",
        key: "adaptive",
        name: "adaptive",
        definition: "attacked through the neutralization by someone who knows the mask, then neutralized",
        score: |s| s.adaptive,
        asr: |a| a.adaptive,
    },
    Row {
        protocol: Protocol::AdaptiveWorst,
        id: "P3w",
        key: "adaptive_worst",
        name: "adaptive, worst",
        definition: "the headline, compared with P0w: an image counts as wrong if it is wrong after neutralization, or \
                     if the attack of P3 or a 20-step PGD fools the classifier through the neutralization",
        score: |s| s.adaptive_worst,
        asr: |a| a.adaptive_worst,
    },
    Row {
        protocol: Protocol::Remasked,
        id: "P4",
        key: "remasked",
        name: "re-masked",
        definition: "neutralized, attacked, and neutralized again",
        score: |s| s.remasked,
        asr: |a| a.remasked,
    },
];

impl Protocol {
    /// Every protocol, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.protocol)
    }

    /// The protocol of a key in `results.json`.
    pub fn by_key(key: &str) -> Option<Self> {
        Self::all().find(|protocol| protocol.key() == key)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// `P0`, ..., `P3w`. P0 has three protocols.
    pub fn id(self) -> &'static str {
        self.row().id
    }

    /// Its key in `results.json`.
    pub fn key(self) -> &'static str {
        self.row().key
    }

    /// A short name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What is scored, in words.
    pub fn definition(self) -> &'static str {
        self.row().definition
    }

    /// Its accuracy.
    pub fn score(self, scores: &Scores) -> Option<Score> {
        (self.row().score)(scores)
    }

    /// Its attack success rate; `None` if it has no attack.
    pub fn asr(self, rates: &AttackSuccess) -> Option<Score> {
        (self.row().asr)(rates)
    }

    /// Whether it is one of the two that the headline compares.
    pub fn is_headline(self) -> bool {
        matches!(self, Self::AdvWorst | Self::AdaptiveWorst)
    }

    /// Whether nothing is neutralized, so that the fill does not matter.
    pub fn is_undefended(self) -> bool {
        matches!(self, Self::Clean | Self::Adv | Self::AdvWorst)
    }

    /// The key, with the id if no other protocol has the same: `adaptive (P3)`.
    pub fn in_words(self) -> String {
        let shared = Self::all().filter(|other| other.id() == self.id()).count() > 1;
        if shared { self.key().to_owned() } else { format!("{} ({})", self.key(), self.id()) }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_has_its_own_row() {
        for (place, protocol) in Protocol::all().enumerate() {
            assert_eq!(protocol as usize, place);
            assert_eq!(Protocol::by_key(protocol.key()), Some(protocol));
        }
        assert_eq!(Protocol::Adaptive.in_words(), "adaptive (P3)");
        assert_eq!(Protocol::Mod.in_words(), "mod");
    }
}
