//! The paper's own figures: Chattopadhyay, Yip, Tan and Chattopadhyay, *Spatially Correlated Patterns in
//! Adversarial Images*, 2020, Tables I, II and III.
//!
//! Percentages are printed here as fractions of the printed percentage. The MNIST and Fashion-MNIST entries of
//! Tables II and III are multiples of 1/32 (the two printed 96.85 % stand for 31/32 = 96.88 %), so they are read as k
//! of n = 32, which the paper does not state. The other rows give no n.

/// A score the paper reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaperScore {
    /// As a fraction.
    pub rate: f64,
    /// k and n, where the printed number betrays them.
    pub counts: Option<(usize, usize)>,
}

/// A row of Tables I to III, source class -> target class.
#[derive(Clone, Copy, Debug)]
pub struct PaperRow {
    /// Table I: mean SSIM of samples, SSIM of the representatives.
    pub ssim: Option<(f64, f64)>,
    /// Table II: `score_clean`.
    pub clean: PaperScore,
    /// Table II: `score_mod`.
    pub modified: PaperScore,
    /// Table III: `score_adv`.
    pub adv: PaperScore,
    /// Table III: `score_mod-adv`, our P1.
    pub mod_adv: PaperScore,
}

const fn of32(k: usize) -> PaperScore {
    PaperScore { rate: k as f64 / 32.0, counts: Some((k, 32)) }
}

const fn printed(percent: f64) -> PaperScore {
    PaperScore { rate: percent / 100.0, counts: None }
}

const fn row(
    ssim: Option<(f64, f64)>,
    clean: PaperScore,
    modified: PaperScore,
    adv: PaperScore,
    mod_adv: PaperScore,
) -> PaperRow {
    PaperRow { ssim, clean, modified, adv, mod_adv }
}

/// (data set, source class, target class, the paper's figures), names as [`plain`] writes them.
const ROWS: [(&str, &str, &str, PaperRow); 8] = [
    ("mnist", "0", "1", row(Some((0.2178, 0.0039)), of32(32), of32(30), of32(29), of32(32))),
    ("mnist", "1", "0", row(Some((0.1978, 0.0001)), of32(32), of32(31), of32(31), of32(32))),
    (
        "fashionmnist",
        "trouser",
        "pullover",
        row(Some((0.1923, -0.0019)), of32(32), of32(31), of32(29), of32(29)),
    ),
    (
        "fashionmnist",
        "pullover",
        "trouser",
        row(Some((0.2029, -0.0003)), of32(32), of32(31), of32(31), of32(32)),
    ),
    (
        "catvsdog",
        "cat",
        "dog",
        row(Some((0.3028, 0.0899)), printed(98.97), printed(85.35), printed(3.47), printed(3.49)),
    ),
    (
        "catvsdog",
        "dog",
        "cat",
        row(Some((0.3046, 0.0938)), printed(99.87), printed(99.89), printed(7.37), printed(2.67)),
    ),
    (
        "malaria",
        "parasitized",
        "uninfected",
        row(None, printed(99.79), printed(99.68), printed(5.85), printed(46.11)),
    ),
    (
        "malaria",
        "uninfected",
        "parasitized",
        row(None, printed(99.21), printed(99.56), printed(7.55), printed(45.06)),
    ),
];

/// The paper's row for this data set and direction, if it has one.
pub fn find(data_set: &str, source: &str, target: &str) -> Option<PaperRow> {
    let (data_set, source, target) = (plain(data_set), plain(source), plain(target));
    ROWS.iter().find(|(d, s, t, _)| (*d, *s, *t) == (&data_set, &source, &target)).map(|(.., row)| *row)
}

/// A name without case, punctuation and plural endings: `Cats vs Dogs` and `cat-vs-dog` are one data set.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let word = word.to_ascii_lowercase();
            // `vs` is no plural.
            if word == "vs" { word } else { word.trim_end_matches('s').to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_the_names_data_sets_go_by() {
        let cats = find("Cats vs Dogs", "Cats", "Dogs").unwrap();
        assert_eq!(cats.ssim, Some((0.3028, 0.0899)));
        assert_eq!(find("cats-vs-dogs", "cat", "dog").unwrap().mod_adv.rate, 0.0349);
        assert_eq!(find("fashion-mnist", "Trouser", "Pullover").unwrap().modified.counts, Some((31, 32)));
        assert_eq!(find("malaria", "Uninfected", "Parasitized").unwrap().mod_adv.rate, 0.4506);
        assert!(find("malaria", "Uninfected", "Parasitized").unwrap().ssim.is_none());
    }

    #[test]
    fn other_data_sets_and_pairs_are_not_in_the_paper() {
        assert!(find("mnist", "0", "2").is_none());
        assert!(find("cifar-10", "cat", "dog").is_none());
        assert!(find("demo", "a", "b").is_none());
        assert!(find("", "", "").is_none());
    }

    #[test]
    fn thirty_seconds_round_to_what_the_paper_prints() {
        let mnist = find("mnist", "0", "1").unwrap();
        assert!((mnist.modified.rate - 0.9375).abs() < 1e-9);
        // 90.62 % is printed truncated.
        assert!((mnist.adv.rate - 0.9062).abs() < 1e-4);
    }
}
