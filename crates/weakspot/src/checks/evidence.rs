//! Turns what a study counted into flags.

use crate::metrics::{self, Score, binomial};
use crate::record::{Flag, Protocol, Record};

/// With fewer tune images per class, a choice among points means little (flag `few-tune-images`).
pub(crate) const LEAST_TUNE_IMAGES: usize = 20;

/// What one direction of a study counted about its own reliability. `None` means that it was not run.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about how the study was run")]
pub(crate) struct Evidence {
    /// Share of the pixels that the two most common values of the vulnerability map cover, mean over images.
    pub(crate) two_value_share: f64,
    /// Successful attacks among the fit images.
    pub(crate) successes: usize,
    /// Whether the RoA was built from all correctly classified images because there were few successes.
    pub(crate) few_successes: bool,
    /// Correctly classified eval images whose utility map has no positive value, and all correctly classified ones.
    pub(crate) empty_maps: (usize, usize),
    /// Whether explaining the margin would give different maps: the margin is neither what was explained nor twice
    /// that.
    pub(crate) margin_differs: bool,
    /// Pixels of the class's blob, or of the mask that the user gave in its place.
    pub(crate) blob_area: usize,
    /// Whether the user gave a mask in place of the blobs.
    pub(crate) given_mask: bool,
    /// Pixels of the mask its images get.
    pub(crate) mask_area: usize,
    /// Whether PGD was run through the defended model (P3w).
    pub(crate) multi_step: bool,
    /// Lower end of the interval of both classes' balanced accuracy on clean images.
    pub(crate) clean_balanced_low: Option<f64>,
    /// P0w and P3w of the class.
    pub(crate) worst: Option<[Score; 2]>,
    /// The seed that the classifier was trained with, if this program trained it and no other seed was studied.
    pub(crate) training_seed: Option<u64>,
    /// Whether it is unknown which images the classifier was trained on.
    pub(crate) may_be_seen: bool,
    /// What the mask's pixels are set to in the headline.
    pub(crate) headline_fill: String,
    /// Whether regions were built from the scored images.
    pub(crate) same_images: bool,
    /// Whether an image's mask was chosen by its true class.
    pub(crate) oracle: bool,
    /// Eval images whose pixels N changed.
    pub(crate) changed_images: usize,
    /// Eval images whose prediction N changed.
    pub(crate) changed_predictions: usize,
    /// The protocol, apart from `clean`, with the largest majority rate, and that rate.
    pub(crate) majority: Option<(String, f64)>,
    /// The protocol under which shifts were compared with the mask, how many score at least as well, and their number.
    pub(crate) controls: Option<(String, usize, usize)>,
    /// Mean share of exact zeros in the loss gradient over eval images.
    pub(crate) zero_share: f64,
    /// Accuracy under random signs of the same epsilon, and under the attack, on the same images.
    pub(crate) noise: Option<(Score, Score)>,
    /// Noise images that contain only a class's mask and are classified as that class, and all such noise images.
    pub(crate) leak: Option<(usize, usize)>,
    /// Images of the class on which thresholds and fill were searched.
    pub(crate) tune_images: Option<usize>,
}

/// A protocol's key in `results.json`, with its number if no other protocol has the same.
fn named(key: &str) -> String {
    Protocol::by_key(key).map_or_else(|| key.to_owned(), Protocol::in_words)
}

/// The flags that are raised, in the order of METHODS, section 9.
pub(crate) fn flags(e: &Evidence) -> Vec<Flag> {
    let mut fired = Vec::new();
    let mut fire = |id: &str, value: f64, advice: &str| fired.push(flag(id, value, advice));
    if e.two_value_share > 0.9 {
        fire(
            "degenerate-roa",
            e.two_value_share,
            "the two most common values of the vulnerability map cover this share of the pixels, so the map takes \
             almost only two values; set roa to gradient",
        );
    }
    if e.few_successes {
        fire(
            "few-successes",
            e.successes as f64,
            "only this many attacks on the fit images succeeded, so the RoA was built from all correctly classified \
             ones; raise eps, or choose a stronger attack",
        );
    }
    let (empty, of) = e.empty_maps;
    if empty > 0 {
        fire(
            "empty-map",
            empty as f64 / of.max(1) as f64,
            if e.margin_differs {
                "this share of the correctly classified eval images has a utility map without a positive value, and so \
                 no RoI; set explain to margin, or try another layer"
            } else {
                "this share of the correctly classified eval images has a utility map without a positive value, and so \
                 no RoI; try another layer"
            },
        );
    }
    if e.blob_area == 0 {
        fire(
            "empty-blob",
            0.0,
            if e.given_mask {
                "the given mask has no pixel for this class (if mask is union, its images get the other class's mask)"
            } else {
                "no pixel is U-V+ often enough, so this class adds nothing to the mask (if mask is union, its images \
                 get the other class's blob); lower theta, or let delta2 take more pixels"
            },
        );
    }
    if !e.multi_step {
        fire(
            "single-step",
            1.0,
            "no iterated attack was run against the defended model, and one gradient step is not an adaptive attack; \
             add p3 to protocols",
        );
    }
    if e.same_images {
        fire(
            "same-images",
            1.0,
            "regions were built from the images that are scored; set preset to default for disjoint parts",
        );
    }
    if e.oracle {
        fire(
            "oracle-mask",
            1.0,
            "each image got the mask of its true class, which a deployed system does not know; set mask to union",
        );
    }
    if e.mask_area > 0 && (e.changed_images == 0 || e.changed_predictions == 0) {
        fire(
            "no-effect",
            if e.changed_images == 0 { 0.0 } else { e.changed_images as f64 },
            &if e.changed_images == 0 {
                "without an attack, neutralizing with fill FILL (P0, mod) changed no pixel of any image (fill 0 does \
                 that on a black background); look at the other fills"
            } else {
                "without an attack, neutralizing with fill FILL (P0, mod) changed this many images but not a single \
                 prediction; under attack it may still change some"
            }
            .replace("FILL", &e.headline_fill),
        );
    }
    if let Some((protocol, rate)) = e.majority.as_ref().filter(|(_, rate)| *rate > 0.95) {
        fire(
            "collapse",
            *rate,
            &format!(
                "this share of all predictions under {} is one class, so a gain of that class is not a defence; read \
                 the AUC and the placebo",
                named(protocol)
            ),
        );
    }
    if let Some((protocol, as_good, of)) = e.controls.as_ref().filter(|(_, as_good, _)| *as_good > 0) {
        fire(
            "shift-as-good",
            *as_good as f64 / *of as f64,
            &format!(
                "this share of the random shifts of the mask scores at least as well as the mask under {}, so its \
                 place is not shown to matter",
                named(protocol)
            ),
        );
    }
    if e.zero_share > 0.5 {
        fire(
            "zero-gradient",
            e.zero_share,
            "this share of the loss gradient is exactly zero, so the attack may be blind there; try random starts (set \
             attack to pgd, and add random-start)",
        );
    }
    if let Some((noise, _)) = e.noise.filter(|(noise, adv)| noise.n > 0 && noise.k <= adv.k) {
        fire(
            "weak-attack",
            noise.rate,
            "accuracy under random signs of the same eps is no higher than under the attack; raise eps, or choose a \
             stronger attack",
        );
    }
    if let Some((k, n)) = e.leak.filter(|_| e.oracle) {
        let p = binomial::upper(k, n, 0.5);
        if p < 0.01 {
            fire(
                "label-leak",
                k as f64 / n.max(1) as f64,
                "this share of the noise images that contain nothing but a class's mask is classified as that class, \
                 so the mask reveals the label",
            );
        }
    }
    fired.extend(of_the_comparison(e));
    fired
}

fn flag(id: &str, value: f64, advice: &str) -> Flag {
    Flag { id: id.to_owned(), value, advice: advice.to_owned() }
}

/// Flags about what can be concluded at all from this classifier, at this eps, with these images.
fn of_the_comparison(e: &Evidence) -> Vec<Flag> {
    let mut fired = Vec::new();
    let mut fire = |id: &str, value: f64, advice: &str| fired.push(flag(id, value, advice));
    if let Some(low) = e.clean_balanced_low.filter(|low| *low <= 0.5) {
        fire(
            "at-chance",
            low,
            "the lower limit of the balanced accuracy on clean images is at most one half, so this classifier is not \
             shown to tell the classes apart; train it longer, or provide more images",
        );
    }
    if let Some([plain, defended]) = e.worst.filter(|[plain, defended]| metrics::at_one_end(plain, defended))
    {
        fire(
            "floor",
            defended.rate,
            if plain.rate < 0.5 {
                "with and without the mask, at most 2 % of the images stay correct under the worst attack (P0w, P3w), \
                 so nothing can be compared at this eps; lower eps"
            } else {
                "with and without the mask, at least 98 % of the images stay correct under the worst attack (P0w, \
                 P3w), so nothing can be compared at this eps; raise eps"
            },
        );
    }
    if let Some(seed) = e.training_seed {
        fire(
            "one-seed",
            seed as f64,
            "the classifier was trained with this seed only, and another one can change the result; set seeds to 5",
        );
    }
    if e.may_be_seen {
        fire(
            "seen-images",
            1.0,
            "it is not known which images these weights were trained on; if the scored images were among them, every \
             accuracy is too high; add held-out if they were not",
        );
    }
    if let Some(n) = e.tune_images.filter(|n| *n < LEAST_TUNE_IMAGES) {
        fire(
            "few-tune-images",
            n as f64,
            "thresholds and fill were chosen on only this many images of the class, so the choice is mostly chance; \
             provide more images, or leave tune out",
        );
    }
    fired
}

/// The flag `weak-baseline`: P3w of a record met an attack that its P0w did not, as in records of the first version,
/// which have no P0w at all.
pub(crate) fn weak_baseline(record: &Record) -> Option<Flag> {
    let scored = record.directions.iter().any(|d| d.scores.adaptive_worst.is_some());
    let of = |protocol: Protocol| record.worst_of.get(protocol.key()).map_or(&[][..], Vec::as_slice);
    let lacking =
        of(Protocol::AdaptiveWorst).iter().filter(|attack| !of(Protocol::AdvWorst).contains(attack)).count();
    let unsaid = of(Protocol::AdvWorst).is_empty();
    (scored && (unsaid || lacking > 0)).then(|| Flag {
        id: "weak-baseline".to_owned(),
        value: lacking.max(1) as f64,
        advice:
            "the defended model (P3w) met this many attacks that the undefended one (P0w) did not, so their \
                 difference compares unlike attacks; run the study again with this version"
                .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Evidence);

    /// A study that raises no flag.
    fn sound() -> Evidence {
        Evidence {
            two_value_share: 0.9,
            successes: 20,
            few_successes: false,
            empty_maps: (0, 100),
            margin_differs: true,
            blob_area: 10,
            given_mask: false,
            mask_area: 10,
            multi_step: true,
            clean_balanced_low: Some(0.501),
            worst: Some([Score::of(3, 100), Score::of(0, 100)]),
            training_seed: None,
            may_be_seen: false,
            headline_fill: "0".to_owned(),
            same_images: false,
            oracle: false,
            changed_images: 100,
            changed_predictions: 1,
            majority: Some(("adv".to_owned(), 0.95)),
            controls: Some(("adaptive_worst".to_owned(), 0, 19)),
            zero_share: 0.5,
            noise: Some((Score::of(60, 100), Score::of(59, 100))),
            leak: Some((200, 200)),
            tune_images: Some(20),
        }
    }

    #[test]
    fn the_margin_is_not_advised_where_it_gives_the_same_maps() {
        let advice = |margin_differs| {
            let empty = Evidence { empty_maps: (1, 100), margin_differs, ..sound() };
            flags(&empty)[0].advice.contains("set explain to margin")
        };
        assert!(advice(true) && !advice(false));
    }

    #[test]
    fn each_flag_fires_alone_and_just_beyond_its_bound() {
        assert_eq!(flags(&sound()), [], "a value at its bound raises nothing");
        let cases: [(&str, Change); 21] = [
            ("seen-images", |e| e.may_be_seen = true),
            ("at-chance", |e| e.clean_balanced_low = Some(0.5)),
            ("floor", |e| e.worst = Some([Score::of(2, 100), Score::of(0, 100)])),
            ("floor", |e| e.worst = Some([Score::of(98, 100), Score::of(100, 100)])),
            ("one-seed", |e| e.training_seed = Some(0)),
            ("degenerate-roa", |e| e.two_value_share = 0.901),
            ("few-successes", |e| e.few_successes = true),
            ("empty-map", |e| e.empty_maps = (1, 100)),
            ("empty-blob", |e| e.blob_area = 0),
            ("single-step", |e| e.multi_step = false),
            ("same-images", |e| e.same_images = true),
            ("no-effect", |e| e.changed_images = 0),
            ("no-effect", |e| e.changed_predictions = 0),
            ("collapse", |e| e.majority = Some(("mod".to_owned(), 0.951))),
            ("shift-as-good", |e| e.controls = Some(("adaptive".to_owned(), 1, 19))),
            ("zero-gradient", |e| e.zero_share = 0.501),
            ("weak-attack", |e| e.noise = Some((Score::of(59, 100), Score::of(59, 100)))),
            // 116 of 200 has an upper binomial p of 0.014, and 118 has 0.007, which is below 0.01.
            ("oracle-mask", |e| (e.oracle, e.leak) = (true, Some((116, 200)))),
            ("oracle-mask", |e| (e.oracle, e.leak) = (true, None)),
            ("few-tune-images", |e| e.tune_images = Some(19)),
            ("empty-blob", |e| (e.blob_area, e.mask_area, e.changed_images) = (0, 0, 0)),
        ];
        for (id, change) in cases {
            let mut evidence = sound();
            change(&mut evidence);
            let fired = flags(&evidence);
            assert_eq!(fired.iter().map(|f| f.id.as_str()).collect::<Vec<_>>(), [id]);
            assert!(fired[0].value.is_finite() && !fired[0].advice.is_empty());
        }
        let leaks = Evidence { oracle: true, leak: Some((118, 200)), ..sound() };
        assert_eq!(flags(&leaks).last().map(|f| f.id.as_str()), Some("label-leak"));
    }
}
