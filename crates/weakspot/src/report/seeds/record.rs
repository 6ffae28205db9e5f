//! `seeds.json`: the content of the page, for programs.

use serde::{Deserialize, Serialize};

use super::quantities::{Quantity, quantities};
use super::verdicts::{ClassVerdict, verdicts};
use super::{MissingSeed, SeedStudy, Seeds};
use crate::report::findings;

/// The name and version of the format.
pub const SCHEMA: &str = "weakspot-seeds/1";

/// Everything on the page. `shared`, `split_seed`, `studies` and `missing` are read again; the rest follows from the
/// studies.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{SCHEMA, Seeds, summary};
///
/// let all = Seeds { shared: "a digest".to_owned(), split_seed: 7, studies: Vec::new(), missing: Vec::new() };
/// let found = summary(&all);
/// assert_eq!((found.schema.as_str(), found.split_seed), (SCHEMA, 7));
/// // There are no networks to compare.
/// assert_eq!(found.changes, None);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// SHA-256 of everything that the studies share.
    pub shared: String,
    /// The seed of the one split.
    pub split_seed: u64,
    /// The finished studies, by seed.
    pub studies: Vec<StudyRow>,
    /// The seeds whose studies are not finished.
    pub missing: Vec<MissingSeed>,
    /// Whether the result changes with the seed; `null` if fewer than two networks have a word.
    pub changes: Option<bool>,
    /// The headline's words, class by class.
    pub verdicts: Vec<ClassVerdict>,
    /// Every quantity, seed by seed and over the networks.
    pub quantities: Vec<Quantity>,
}

/// The study of one seed.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::StudyRow;
///
/// let json = r#"{"seed": 3, "folder": "seed-3", "weights": "9f86d081", "helped": false}"#;
/// assert_eq!(serde_json::from_str::<StudyRow>(json)?.helped, Some(false));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyRow {
    /// The seed.
    pub seed: u64,
    /// Its folder, relative to this file's.
    pub folder: String,
    /// SHA-256 of the network's weights.
    pub weights: String,
    /// Whether the mask helped; `null` if that is not judged.
    pub helped: Option<bool>,
}

/// The content of `seeds.json`.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::summary;
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
/// // Both networks give the same verdicts.
/// let found = summary(&all);
/// assert_eq!((found.studies.len(), found.changes), (2, Some(false)));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn summary(all: &Seeds) -> Summary {
    let verdicts = verdicts(all);
    Summary {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shared: all.shared.clone(),
        split_seed: all.split_seed,
        studies: all.studies.iter().map(study_row).collect(),
        missing: all.missing.clone(),
        changes: changes(all, &verdicts),
        verdicts,
        quantities: quantities(all),
    }
}

fn study_row(study: &SeedStudy) -> StudyRow {
    StudyRow {
        seed: study.seed,
        folder: study.folder.clone(),
        weights: study.record.checksums.get("weights").cloned().unwrap_or_default(),
        helped: findings::helped(&study.record),
    }
}

/// Whether two networks differ in a class's word, or in whether the mask helped.
fn changes(all: &Seeds, verdicts: &[ClassVerdict]) -> Option<bool> {
    if !verdicts.iter().any(|verdict| verdict.by_seed.len() > 1) {
        return None;
    }
    let helped: Vec<bool> = all.studies.iter().filter_map(|s| findings::helped(&s.record)).collect();
    let differ = helped.iter().any(|&h| h != helped[0]);
    Some(differ || verdicts.iter().any(|verdict| verdict.changes))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_file_says_whether_the_result_changes() {
        let mut all = fixture::changing();
        assert_eq!(summary(&all).changes, Some(true));
        // Two networks of the same word.
        all.studies.truncate(1);
        assert_eq!(summary(&all).changes, None);
        let twin = SeedStudy { seed: 8, ..all.studies[0].clone() };
        all.studies.push(twin);
        assert_eq!(summary(&all).changes, Some(false));
        let json = serde_json::to_value(summary(&all)).unwrap();
        assert_eq!(json["schema"], "weakspot-seeds/1");
        assert_eq!(json["verdicts"][0]["by_seed"][1]["seed"], 8);
        assert_eq!(serde_json::from_value::<Summary>(json).unwrap(), summary(&all));
    }

    #[test]
    fn the_result_also_changes_where_only_whether_it_helped_does() {
        let seeds = [0, 1];
        let all = fixture::of(&crate::report::fixture::demo(), &seeds, |i, record| {
            record.config.insert("mask".to_owned(), "union".to_owned());
            for test in &mut record.tests {
                "better".clone_into(&mut test.word);
            }
            let separation = record.separation.as_mut().unwrap();
            separation.placebo.difference.low = [-0.1, 0.1][i];
            let auc = separation.auc.as_mut().unwrap();
            auc.difference.low = 0.1;
        });
        let found = summary(&all);
        assert_eq!(found.studies.iter().map(|s| s.helped).collect::<Vec<_>>(), [Some(false), Some(true)]);
        assert_eq!(found.changes, Some(true));
    }
}
