//! The paper reproduced: several data sets, each studied with the default settings and with the paper's, on one page.
//!
//! Made from the studies' own files and nothing else: [`write()`] lays out the folder, [`load`] reads the studies that
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Settings {
    /// The method's defaults.
    Default,
    /// The paper's literal reading.
    Paper,
}

impl Settings {
    /// Both, in the order of the columns.
    pub const BOTH: [Self; 2] = [Self::Default, Self::Paper];

    /// As `--preset` takes it, and as the study's folder is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Paper => "paper",
        }
    }
}

/// One finished study.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// With which settings.
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

/// A data set, or a study of one, that is not there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Missing {
    /// The data set, and the settings where only one study is missing.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to type.
    pub next: String,
}

/// All that a reproduction is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Reproduction {
    /// How it is less than the whole, one flag with its meaning each; empty where nothing was left out.
    pub reduced: Vec<String>,
    /// In the order of the page.
    pub subjects: Vec<Studied>,
    /// What is not there.
    pub missing: Vec<Missing>,
}

impl Reproduction {
    /// Every finished study.
    pub fn studies(&self) -> impl Iterator<Item = &Study> {
        self.subjects.iter().flat_map(|subject| &subject.studies)
    }
}

/// The end of a run, for a terminal: the answer and what is not there, at most 100 columns wide.
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

    /// Two data sets that the paper has, one that it names, one study missing, one data set absent.
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
            reduced: vec!["<b>--limit".to_owned()],
            subjects: vec![subject("<i>x", fixture::hostile), subject("bare", fixture::bare)],
            missing: vec![Missing {
                what: "<u>".to_owned(),
                why: "<u>".to_owned(),
                next: "<u>\"".to_owned(),
            }],
        }
    }
}
