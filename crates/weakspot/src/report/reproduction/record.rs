//! `results.json` of a reproduction: the content of the page, for programs.

use serde::{Deserialize, Serialize};

use super::claims::{Judgement, judge};
use super::rows::{Row, of_subject};
use super::{Missing, Reproduction, Settings, Study};
use crate::record::Flag;
use crate::report::agreement::Verdict;
use crate::report::compared::{Compared, Figure};

/// The name and version of the format.
pub const SCHEMA: &str = "weakspot-reproduction/1";

/// Everything on the page. `studies`, `missing` and `reduced` are read again; the rest follows from the studies.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{SCHEMA, summary};
/// # use weakspot::report::reproduction::{Missing, Reproduction};
/// # let why = "its files are not there".to_owned();
/// # let missing = vec![Missing { what: "mnist".to_owned(), why, next: "weakspot fetch mnist".to_owned() }];
/// # let all = Reproduction { reduced: Vec::new(), subjects: Vec::new(), missing };
/// let found = summary(&all);
/// assert_eq!((found.schema.as_str(), found.studies.len(), found.missing.len()), (SCHEMA, 0, 1));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// What was left out of the whole reproduction; empty if nothing was.
    pub reduced: Vec<String>,
    /// The studies, by data set and settings.
    pub studies: Vec<StudyRow>,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// How many comparisons with the paper got which verdict.
    pub verdicts: Vec<VerdictCounts>,
    /// Tables I to III.
    pub rows: Vec<ComparedRow>,
}

/// A study.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::StudyRow;
///
/// let json = r#"{"dataset": "mnist", "settings": "paper", "folder": "mnist/paper", "classes": ["0", "1"],
///                "n_eval": [980, 1135], "checksums": {}, "claims": [], "flags": [[], []]}"#;
/// assert_eq!(serde_json::from_str::<StudyRow>(json)?.n_eval, [980, 1135]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyRow {
    /// Name of the data set.
    pub dataset: String,
    /// `default` or `paper`.
    pub settings: String,
    /// Its folder, relative to this file's.
    pub folder: String,
    /// The two classes.
    pub classes: [String; 2],
    /// Eval images of each class.
    pub n_eval: [usize; 2],
    /// SHA-256 of the data, the weights and the configuration.
    pub checksums: std::collections::BTreeMap<String, String>,
    /// The paper's claims and ours, direction by direction.
    pub claims: Vec<Judgement>,
    /// Reasons to doubt, of each class.
    pub flags: [Vec<Flag>; 2],
}

/// Verdicts over the paper's figures, under one kind of settings.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::VerdictCounts;
///
/// let json = r#"{"settings": "default", "comparisons": 7, "agrees": 1, "differs": 2, "cannot_tell": 2, "inside": 1,
///                "outside": 1}"#;
/// let counts: VerdictCounts = serde_json::from_str(json)?;
/// let sum = counts.agrees + counts.differs + counts.cannot_tell + counts.inside + counts.outside;
/// assert_eq!(counts.comparisons, sum + counts.representatives);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// `default` or `paper`.
    pub settings: String,
    /// Comparisons with a figure of the paper; with two fills, or maps and masks, a figure is compared twice.
    pub comparisons: usize,
    /// n known: not significantly different, and within 10 points.
    pub agrees: usize,
    /// n known: significantly different.
    pub differs: usize,
    /// n known: neither is shown.
    pub cannot_tell: usize,
    /// n unknown: the paper's figure lies in our interval.
    pub inside: usize,
    /// n unknown: it lies outside.
    pub outside: usize,
    /// Single values without an interval, from which nothing can be told. This field and the next are younger than the
    /// format: files without them are read.
    #[serde(default)]
    pub representatives: usize,
    /// How many of those that agree or lie inside, and how many of those that differ or lie outside, are about the
    /// classifier and the attack alone (`score_clean`, `score_adv`), without a mask.
    #[serde(default)]
    pub without_mask: [usize; 2],
}

/// A row of Tables I to III.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::ComparedRow;
///
/// let json = r#"{"table": 2, "dataset": "mnist", "source": "0", "target": "1", "quantity": "score_mod", "fill": "0",
///                "paper": {"value": 0.9375, "k": 30, "n": 32}, "default": null, "paper_settings": null}"#;
/// assert_eq!(serde_json::from_str::<ComparedRow>(json)?.paper.unwrap().k, Some(30));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// 1, 2 or 3.
    pub table: u8,
    /// Name of the data set.
    pub dataset: String,
    /// Class whose images are scored.
    pub source: String,
    /// Class they are attacked towards.
    pub target: String,
    /// `score_mod`, `SSIM of maps, mean of samples`, ...
    pub quantity: String,
    /// What the blob's pixels were set to, where that matters.
    pub fill: Option<String>,
    /// The paper's figure; `null` if the paper has none.
    pub paper: Option<Figure>,
    /// With the default settings; `null` if that study is missing.
    pub default: Option<Side>,
    /// With the paper's settings.
    pub paper_settings: Option<Side>,
}

/// Ours, and the verdict.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::Side;
///
/// let json = r#"{"ours": {"value": 0.95, "k": 19, "n": 20}, "p": 0.83, "verdict": "cannot tell"}"#;
/// assert_eq!(serde_json::from_str::<Side>(json)?.verdict, "cannot tell");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Our figure; `null` if it was not run or is not defined.
    pub ours: Option<Figure>,
    /// Fisher's exact p, if the paper's figure implies k and n.
    pub p: Option<f64>,
    /// As the tables print it.
    pub verdict: String,
}

/// The content of the page, for programs.
///
/// # Examples
/// ```
/// use weakspot::report::reproduction::{Reproduction, Settings, Studied, Study, summary};
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
/// # let study = Study { settings: Settings::Default, folder: "halves/default".to_owned(), run };
/// # let subjects = vec![Studied { name: "halves".to_owned(), studies: vec![study] }];
/// # let all = Reproduction { reduced: Vec::new(), subjects, missing: Vec::new() };
/// // One study, of a data set that the paper does not have.
/// let found = summary(&all);
/// assert_eq!((found.studies[0].n_eval, found.verdicts[0].comparisons), ([10, 10], 0));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn summary(all: &Reproduction) -> Summary {
    Summary {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reduced: all.reduced.clone(),
        studies: all
            .subjects
            .iter()
            .flat_map(|subject| subject.studies.iter().map(|study| study_row(&subject.name, study)))
            .collect(),
        missing: all.missing.clone(),
        verdicts: Settings::BOTH.map(|settings| verdicts(all, settings)).to_vec(),
        rows: all.subjects.iter().flat_map(of_subject).map(compared_row).collect(),
    }
}

fn study_row(dataset: &str, study: &Study) -> StudyRow {
    let record = &study.run.record;
    let n_eval = [0, 1].map(|i| record.directions.get(i).map_or(0, |d| d.n.eval));
    let flags = [0, 1].map(|i| record.directions.get(i).map_or_else(Vec::new, |d| d.flags.clone()));
    StudyRow {
        dataset: dataset.to_owned(),
        settings: study.settings.name().to_owned(),
        folder: study.folder.clone(),
        classes: record.data.classes.clone(),
        n_eval,
        checksums: record.checksums.clone(),
        claims: judge(record),
        flags,
    }
}

/// The verdicts under one kind of settings over the figures that the paper has.
pub(super) fn verdicts(all: &Reproduction, settings: Settings) -> VerdictCounts {
    let mut counts = VerdictCounts {
        settings: settings.name().to_owned(),
        comparisons: 0,
        agrees: 0,
        differs: 0,
        cannot_tell: 0,
        inside: 0,
        outside: 0,
        representatives: 0,
        without_mask: [0; 2],
    };
    for row in all.subjects.iter().flat_map(of_subject) {
        let Some(found) = &row.ours[settings as usize] else { continue };
        let count = match found.verdict {
            Verdict::Agrees => &mut counts.agrees,
            Verdict::Differs => &mut counts.differs,
            Verdict::CannotTell if row.table == 1 => &mut counts.representatives,
            Verdict::CannotTell => &mut counts.cannot_tell,
            Verdict::Inside => &mut counts.inside,
            Verdict::Outside => &mut counts.outside,
            Verdict::NotInPaper | Verdict::NotRun => continue,
        };
        *count += 1;
        counts.comparisons += 1;
        if ["score_clean", "score_adv"].contains(&row.quantity.as_str()) {
            match found.verdict {
                Verdict::Agrees | Verdict::Inside => counts.without_mask[0] += 1,
                Verdict::Differs | Verdict::Outside => counts.without_mask[1] += 1,
                _ => {}
            }
        }
    }
    counts
}

fn compared_row(row: Row<'_>) -> ComparedRow {
    let [default, paper_settings] = row.ours.map(|found| found.map(|found| side(&found)));
    ComparedRow {
        table: row.table,
        dataset: row.data.to_owned(),
        source: row.source,
        target: row.target,
        quantity: row.quantity,
        fill: row.fill,
        paper: row.paper,
        default,
        paper_settings,
    }
}

fn side(found: &Compared) -> Side {
    Side { ours: found.ours, p: found.p, verdict: found.word() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Score;
    use crate::report::reproduction::fixture;

    #[test]
    fn every_figure_of_the_paper_is_counted_once_under_each_settings() {
        let all = fixture::some();
        for settings in Settings::BOTH {
            let counts = verdicts(&all, settings);
            let known = counts.agrees + counts.differs + counts.cannot_tell;
            let sum = known + counts.inside + counts.outside + counts.representatives;
            assert_eq!(counts.comparisons, sum);
            // MNIST: 4 SSIMs, 3 of Table II, 3 of Table III, in two directions; malaria has no SSIM in the paper, and
            // only one study here; CIFAR-10 has nothing there.
            let malaria = if settings == Settings::Default { 12 } else { 0 };
            assert_eq!(counts.comparisons, 20 + malaria);
            // n of MNIST's 12 scores is known; its two representatives are compared with maps and masks.
            assert_eq!((known, counts.representatives), (12, 4));
        }
    }

    #[test]
    fn the_file_says_the_papers_figure_ours_and_the_verdict() {
        let mut all = fixture::some();
        for study in &mut all.subjects[0].studies {
            study.run.record.directions[0].scores.clean = Some(Score::of(980, 980));
        }
        let json = serde_json::to_value(summary(&all)).unwrap();
        let row = json["rows"].as_array().unwrap().iter().find(|r| r["quantity"] == "score_clean").unwrap();
        assert_eq!(
            (&row["dataset"], &row["source"], &row["table"]),
            (&"mnist".into(), &"0".into(), &2.into())
        );
        assert_eq!((&row["paper"]["k"], &row["paper"]["n"]), (&32.into(), &32.into()));
        assert_eq!(
            (&row["default"]["ours"]["k"], &row["default"]["verdict"]),
            (&980.into(), &"agrees".into())
        );
        let again: Summary = serde_json::from_value(json).unwrap();
        assert_eq!(again, summary(&all));
        assert_eq!(again.studies.len(), 5);
    }
}
