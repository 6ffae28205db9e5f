//! The paper's own figures, found by the usual names of data sets and classes.

use crate::dataset::known;
pub use crate::dataset::known::{PaperRow, PaperScore};

/// The paper's row for this data set and direction, if it has one.
///
/// # Examples
/// ```
/// use weakspot::report::paper;
///
/// let row = paper::find("Fashion-MNIST", "trousers", "pullovers").unwrap();
/// assert_eq!(row.adv.counts, Some((29, 32)));
/// assert!(paper::find("mnist", "3", "8").is_none());
/// ```
pub fn find(data_set: &str, source: &str, target: &str) -> Option<PaperRow> {
    let same = |ours: &str, theirs: &str| plain(ours) == plain(theirs);
    let set = known::ALL.into_iter().find(|set| same(set.name, data_set))?;
    set.paper.iter().find(|(s, t, _)| same(s, source) && same(t, target)).map(|(.., row)| *row)
}

/// A name without case, punctuation and plural endings: `Cats vs Dogs` and `cat-vs-dog` are one data set.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .map(|word| {
            let word = word.to_ascii_lowercase();
            // `vs` is not a plural.
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
