//! One study per seed, on one page: what every network found, the mean over networks, and whether the verdict changes.
//!
//! All studies have the same data, split and settings; each has a network of its own, trained with the study's seed.
//! The page is made from the studies' own files alone: [`write()`] lays out the folder, [`load`] reads the studies that
//! its `seeds.json` names, and [`rebuild`] makes tables and page again.

mod findings;
mod folder;
mod page;
mod quantities;
mod record;
mod tables;
mod terminal;
mod verdicts;

pub use folder::{NAME, is_seeds, load, read_summary, rebuild, write};
pub use quantities::{Group, Quantity, SeedValue, quantities};
pub use record::{SCHEMA, StudyRow, Summary, summary};
pub use terminal::terminal_summary;
pub use verdicts::{ClassVerdict, SeedWord, verdicts};

use crate::record::Record;

/// The finished study of one seed.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::{SeedStudy, folder_of};
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
/// let plan = Plan { seed: 3, one_of_several_seeds: true, ..plan };
/// let run = run(&plan, &Subject::new(&model, &data, &splits), 20, &mut NoJournal, &Silent)?;
/// let study = SeedStudy { seed: 3, folder: folder_of(3), record: run.record };
/// assert_eq!((study.folder.as_str(), study.record.seed), ("seed-3", 3));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SeedStudy {
    /// The seed of its training, its draws and its maps.
    pub seed: u64,
    /// Its folder, relative to the one of all seeds: `seed-3`.
    pub folder: String,
    /// What it found.
    pub record: Record,
}

/// A seed whose study is not finished.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::MissingSeed;
///
/// let missing = MissingSeed { seed: 4, why: "training diverged".to_owned() };
/// assert_eq!(serde_json::to_string(&missing)?, r#"{"seed":4,"why":"training diverged"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MissingSeed {
    /// The seed.
    pub seed: u64,
    /// Why.
    pub why: String,
}

/// Everything the page is made of.
///
/// # Examples
/// ```
/// use weakspot::record::Record;
/// use weakspot::report::seeds::{SeedStudy, Seeds, folder_of, summary};
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
/// // The study of seed 0, and a copy of it for the study of seed 1.
/// let study = |seed| SeedStudy { seed, folder: folder_of(seed), record: Record { seed, ..run.record.clone() } };
/// let (studies, missing) = (vec![study(0), study(1)], Vec::new());
/// let all = Seeds { shared: "a digest".to_owned(), split_seed: 0, studies, missing };
/// assert_eq!(summary(&all).changes, Some(false));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Seeds {
    /// SHA-256 of everything that the studies share: data, split, settings, recipe. Studies with different settings are
    /// not mixed.
    pub shared: String,
    /// The seed of the one split.
    pub split_seed: u64,
    /// By seed.
    pub studies: Vec<SeedStudy>,
    /// By seed.
    pub missing: Vec<MissingSeed>,
}

impl Seeds {
    /// The first finished study, for what all have in common.
    fn first(&self) -> Option<&Record> {
        self.studies.first().map(|study| &study.record)
    }
}

/// `seed-3`.
///
/// # Examples
/// ```
/// use weakspot::report::seeds::folder_of;
///
/// assert_eq!(folder_of(3), "seed-3");
/// ```
pub fn folder_of(seed: u64) -> String {
    format!("seed-{seed}")
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::{MissingSeed, SeedStudy, Seeds, folder_of};
    use crate::metrics::Score;
    use crate::record::Record;
    use crate::record::Run;
    use crate::report::fixture;

    pub(crate) const HEADLINE: &str = "adaptive_worst-adv_worst";

    /// One study per seed, made from a run and changed as asked.
    pub(crate) fn of(run: &Run, seeds: &[u64], change: impl Fn(usize, &mut Record)) -> Seeds {
        let studies = seeds.iter().enumerate().map(|(i, &seed)| {
            let mut record = run.record.clone();
            record.seed = seed;
            record.classifier.training_seed = Some(seed);
            change(i, &mut record);
            SeedStudy { seed, folder: folder_of(seed), record }
        });
        Seeds { shared: "0f".repeat(32), split_seed: 0, studies: studies.collect(), missing: Vec::new() }
    }

    /// Three networks: for the first class all have the word `no effect`; for the second class each has a different
    /// word, and 0, 50 and 100 % under P3w, against 50 % under P0w.
    pub(crate) fn changing() -> Seeds {
        of(&fixture::demo(), &[0, 1, 5], |i, record| {
            let names = record.data.classes.clone();
            record.directions[1].scores.adaptive_worst = Some(Score::of(100 * i, 200));
            for test in record.tests.iter_mut().filter(|t| t.comparison == HEADLINE) {
                let second = test.source == names[1];
                let word = if second { ["worse", "not shown", "better"][i] } else { "no effect" };
                word.clone_into(&mut test.word);
                fixture::differ(test, if second { 0.5 * (i as f64 - 1.0) } else { 0.01 });
            }
        })
    }

    /// Names from outside that are markup and escapes, an empty study, and one that is missing.
    pub(crate) fn hostile() -> Seeds {
        let mut all = of(&fixture::hostile(), &[0, u64::MAX], |_, _| {});
        all.studies.push(SeedStudy { seed: 7, folder: folder_of(7), record: fixture::bare().record });
        all.missing.push(MissingSeed { seed: 9, why: "<u>\u{1b}[2J".to_owned() });
        all
    }
}
