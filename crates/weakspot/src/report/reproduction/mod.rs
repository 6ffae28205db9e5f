//! The paper reproduced: several data sets, each studied with the default settings and with the paper's, on one page.
//!
//! The page is made from the studies' own files alone: [`write()`] lays out the folder, [`load`] reads the studies that
//! its `results.json` names, and [`rebuild`] makes tables, plates and page again.

mod claims;
mod findings;
mod folder;
mod page;
mod paper_tables;
mod plates;
mod record;
mod rows;
mod small_samples;
mod tables;

pub use claims::{Claim, Judged, Judgement};
pub use folder::{is_reproduction, load, rebuild, write};
pub use record::{ComparedRow, SCHEMA, Side, StudyRow, Summary, VerdictCounts, summary};
pub use small_samples::{PaperChange, least_paired_change, paper_changes};

use crate::record::Run;
use crate::record::Together;

/// Which settings a study had.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::Settings;
///
/// assert_eq!(Settings::BOTH.map(Settings::name), ["default", "paper"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Settings {
    /// The method's defaults.
    Default,
    /// Our literal reading of the paper.
    Paper,
}

impl Settings {
    /// Both, in the order of the columns.
    pub const BOTH: [Self; 2] = [Self::Default, Self::Paper];

    /// As the setting `preset` takes it; also the name of the study's folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Paper => "paper",
        }
    }
}

/// One finished study.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{Settings, Study};
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
/// let study = Study { settings: Settings::Default, folder: "halves/default".to_owned(), run };
/// assert_eq!(study.run.record.data.name, "halves");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// Its settings.
    pub settings: Settings,
    /// Its folder, relative to the reproduction's: `mnist/default`.
    pub folder: String,
    /// What it found.
    pub run: Run,
}

impl Study {
    /// Both classes together under a protocol, if it was run.
    fn together(&self, protocol: &str) -> Option<&Together> {
        self.run.record.together.iter().find(|t| t.protocol == protocol)
    }
}

/// One data set and the studies of it that are finished, at most one per [`Settings`].
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{Settings, Studied};
///
/// let halves = Studied { name: "halves".to_owned(), studies: Vec::new() };
/// assert_eq!(halves.with(Settings::Paper), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Studied {
    /// `mnist`, `fashion-mnist`, ...
    pub name: String,
    /// In the order of [`Settings::BOTH`].
    pub studies: Vec<Study>,
}

impl Studied {
    /// The study with these settings, if it is finished.
    pub fn with(&self, settings: Settings) -> Option<&Study> {
        self.studies.iter().find(|study| study.settings == settings)
    }
}

/// A data set, or a study of one, that is missing.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::Missing;
///
/// let missing = Missing {
///     what: "mnist".to_owned(),
///     why: "its files are not there".to_owned(),
///     next: "weakspot fetch mnist".to_owned(),
/// };
/// assert_eq!(serde_json::to_value(missing)?["next"], "weakspot fetch mnist");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Missing {
    /// The data set, and the settings if only one of its studies is missing.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to type.
    pub next: String,
}

/// Everything a reproduction is made of.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{Reproduction, Settings, Studied, Study};
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
/// let study = Study { settings: Settings::Default, folder: "halves/default".to_owned(), run };
/// let subjects = vec![Studied { name: "halves".to_owned(), studies: vec![study] }];
/// let all = Reproduction { reduced: Vec::new(), subjects, missing: Vec::new() };
/// assert_eq!(all.studies().count(), 1);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Reproduction {
    /// What was left out of the whole reproduction, one setting with its meaning each; empty if nothing was.
    pub reduced: Vec<String>,
    /// In the order of the page.
    pub subjects: Vec<Studied>,
    /// What is missing.
    pub missing: Vec<Missing>,
}

impl Reproduction {
    /// Every finished study.
    pub fn studies(&self) -> impl Iterator<Item = &Study> {
        self.subjects.iter().flat_map(|subject| &subject.studies)
    }
}

/// The end of a run, for a terminal: the answer and what is missing, at most 100 columns wide.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::terminal_summary;
/// # use weakspot::report::reproduction::{Missing, Reproduction};
/// # let why = "its files are not there".to_owned();
/// # let missing = vec![Missing { what: "mnist".to_owned(), why, next: "weakspot fetch mnist".to_owned() }];
/// # let all = Reproduction { reduced: Vec::new(), subjects: Vec::new(), missing };
/// // No study is finished, and the files of one data set are missing.
/// assert!(terminal_summary(&all).contains("missing: mnist, its files are not there; weakspot fetch mnist\n"));
/// ```
pub fn terminal_summary(all: &Reproduction) -> String {
    findings::terminal(all, &summary(all))
}

#[cfg(test)]
pub(crate) mod fixture {
    use super::{Missing, Reproduction, Settings, Studied, Study};
    use crate::record::Run;
    use crate::report::fixture;

    fn subject(name: &str, run: impl Fn() -> Run) -> Studied {
        let study = |settings: Settings| {
            let mut run = run();
            run.record.config.insert("preset".to_owned(), settings.name().to_owned());
            Study { settings, folder: format!("{name}/{}", settings.name()), run }
        };
        Studied { name: name.to_owned(), studies: Settings::BOTH.map(study).to_vec() }
    }

    /// Two data sets that the paper has and one that it only names; one study and one data set are missing.
    pub(crate) fn some() -> Reproduction {
        let mut malaria = subject("malaria", || fixture::named("malaria", ["Parasitized", "Uninfected"]));
        malaria.studies.truncate(1);
        Reproduction {
            reduced: Vec::new(),
            subjects: vec![
                subject("mnist", || fixture::named("mnist", ["0", "1"])),
                subject("cifar10", || fixture::named("cifar10", ["cat", "dog"])),
                malaria,
            ],
            missing: vec![
                Missing {
                    what: "malaria, settings paper".to_owned(),
                    why: "stopped".to_owned(),
                    next: "type the same command again".to_owned(),
                },
                Missing {
                    what: "fashion-mnist".to_owned(),
                    why: "its files are not there".to_owned(),
                    next: "weakspot fetch fashion-mnist".to_owned(),
                },
            ],
        }
    }

    /// Names from outside that are markup, paths and escapes.
    pub(crate) fn hostile() -> Reproduction {
        Reproduction {
            reduced: vec!["<b>limit".to_owned()],
            subjects: vec![subject("<i>x", fixture::hostile), subject("bare", fixture::bare)],
            missing: vec![Missing {
                what: "<u>".to_owned(),
                why: "<u>".to_owned(),
                next: "<u>\"".to_owned(),
            }],
        }
    }
}
