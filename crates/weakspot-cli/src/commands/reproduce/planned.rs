//! Which studies a reproduction is made of: the words of each, as they would be typed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use weakspot::dataset::known::{self, KnownSet};
use weakspot::record::Run;
use weakspot::report::reproduction::Settings;
use weakspot::{Error, Result};

use crate::args::{self, Command, Parsed, ReproduceArgs, StudyArgs};
use crate::commands::kept;
use crate::folder::Wanted;

/// The data sets of a reproduction, in the order of the page.
pub(crate) fn data_sets() -> impl Iterator<Item = &'static KnownSet> {
    known::ALL.into_iter().filter(|set| set.is_reproduced())
}

/// Training images per class, for every data set: what the digits' preset takes.
const TRAIN_LIMIT: usize = 2_000;

/// What `--quick` stands for.
const QUICK_LIMIT: usize = 100;
const QUICK_TRAIN_LIMIT: usize = 300;
const QUICK_EPOCHS: usize = 6;
const QUICK_SIZE: usize = 32;

/// A data set and its studies.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) name: &'static str,
    /// Whether it is to be run, and not only shown where it is finished.
    pub(super) asked: bool,
    pub(super) studies: Vec<Planned>,
}

/// One study.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) settings: Settings,
    /// As if they had been typed behind `weakspot study`.
    pub(super) args: StudyArgs,
    pub(super) folder: PathBuf,
}

/// The folder of the results.
pub(super) fn out(args: &ReproduceArgs) -> PathBuf {
    let default = if args.quick { "runs/reproduce-quick" } else { "runs/reproduce" };
    args.out.clone().unwrap_or_else(|| PathBuf::from(default))
}

/// How what is asked for is less than the whole.
pub(super) fn reduced(args: &ReproduceArgs) -> Vec<String> {
    let mut out = Vec::new();
    if args.quick {
        out.push(
            "--quick: no sweep over eps, no shifted controls, no untrained network beside Moran's I"
                .to_owned(),
        );
    }
    let mut say = |value: Option<String>, flag: &str, words: &str| {
        out.extend(value.map(|value| format!("{flag} {value}: {words}")));
    };
    let text = |n: Option<usize>| n.map(|n| n.to_string());
    say(text(limit(args)), "--limit", "at most so many eval images per class are scored");
    let fewer = train_limit(args);
    say(
        text((fewer < TRAIN_LIMIT).then_some(fewer)),
        "--train-limit",
        "at most so many training images per class",
    );
    say(text(epochs(args)), "--epochs", "at most so many times through the training images");
    say(args.width.map(|width| width.to_string()), "--width", "a narrower network");
    say(text(size(args)), "--size", "photographs of another size");
    out
}

/// Every data set with its studies.
///
/// # Errors
/// None for words that the parser took: they are made here.
pub(super) fn sets(args: &ReproduceArgs, out: &Path) -> Result<Vec<Set>> {
    data_sets()
        .map(|set| {
            let name = set.name;
            let asked = args.only.is_empty() || args.only.iter().any(|only| only == name);
            let studies = Settings::BOTH.map(|settings| {
                let folder = out.join(name).join(settings.name());
                Ok(Planned { settings, args: study_args(args, set, settings, &folder)?, folder })
            });
            Ok(Set { name, asked, studies: studies.into_iter().collect::<Result<_>>()? })
        })
        .collect()
}

/// The study's arguments, by the same parser as those of a study that is typed.
fn study_args(args: &ReproduceArgs, set: &KnownSet, settings: Settings, folder: &Path) -> Result<StudyArgs> {
    match args::parse(words(args, set, settings, folder))? {
        Parsed::Command(Command::Study(study)) => Ok(*study),
        _ => Err(Error::invalid(format!("{}: these words are no study", set.name))),
    }
}

/// What would be typed for a study.
fn words(args: &ReproduceArgs, set: &KnownSet, settings: Settings, folder: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["weakspot", "study", set.name].map(OsString::from).to_vec();
    let mut add = |flag: &str, value: OsString| words.extend([OsString::from(flag), value]);
    let mut say = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            add(flag, value.into());
        }
    };
    let is_photographs = set.size_reproduced;
    say("--preset", Some(settings.name().to_owned()));
    say("--seed", Some(args.run.seed.to_string()));
    say("--batch-size", args.run.batch_size.map(|n| n.to_string()));
    say("--train-limit", Some(train_limit(args).to_string()));
    say("--limit", limit(args).map(|n| n.to_string()));
    say("--epochs", epochs(args).map(|n| n.to_string()));
    say("--width", args.width.map(|width| width.to_string()));
    say("--size", is_photographs.map(|usual| size(args).unwrap_or(usual).to_string()));
    say("--sweep", args.quick.then(|| "none".to_owned()));
    say("--controls", args.quick.then(|| "none".to_owned()));
    add("--out", folder.into());
    add("--models", args.models.clone().into());
    if let Some(folder) = &args.data_dir {
        add("--data-dir", folder.into());
    }
    if args.skip_bad && is_photographs.is_some() {
        words.push("--skip-bad".into());
    }
    words
}

fn limit(args: &ReproduceArgs) -> Option<usize> {
    args.limit.or(args.quick.then_some(QUICK_LIMIT))
}

fn train_limit(args: &ReproduceArgs) -> usize {
    args.train_limit.unwrap_or(if args.quick { QUICK_TRAIN_LIMIT } else { TRAIN_LIMIT })
}

fn epochs(args: &ReproduceArgs) -> Option<usize> {
    args.epochs.or(args.quick.then_some(QUICK_EPOCHS))
}

fn size(args: &ReproduceArgs) -> Option<usize> {
    args.size.or(args.quick.then_some(QUICK_SIZE))
}

impl Planned {
    /// `mnist, default settings`.
    pub(super) fn title(&self, set: &Set) -> String {
        format!("{}, {} settings", set.name, self.settings.name())
    }

    /// The folder, seen from the reproduction's.
    pub(super) fn relative(&self, set: &Set) -> String {
        format!("{}/{}", set.name, self.settings.name())
    }

    /// Where the results shall go.
    pub(super) fn wanted(&self, force: bool) -> Wanted<'_> {
        Wanted { out: Some(&self.folder), default: self.folder.clone(), force }
    }

    /// The run, if it is finished with these settings; with `force`, one of other settings is as good as none. Its data
    /// are compared when they are opened.
    ///
    /// # Errors
    /// `InvalidParameter` for a finished study of other settings, and what reading it reports.
    pub(super) fn finished(&self, force: bool) -> Result<Option<Run>> {
        kept::finished(&self.args, &self.folder, force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    fn parsed(more: &[&str]) -> ReproduceArgs {
        let words = ["weakspot", "reproduce"].iter().chain(more).map(OsString::from).collect();
        match args::parse(words).unwrap() {
            Parsed::Command(Command::Reproduce(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_data_set_is_studied_with_both_settings_in_its_own_folder() {
        let args = parsed(&["--data-dir", "data", "--threads", "1"]);
        let sets = sets(&args, Path::new("out")).unwrap();
        let names: Vec<&str> = sets.iter().map(|set| set.name).collect();
        assert_eq!(names, data_sets().map(|set| set.name).collect::<Vec<_>>());
        for set in &sets {
            let [default, paper] = &set.studies[..] else { panic!("two studies") };
            assert_eq!(default.folder, Path::new("out").join(set.name).join("default"));
            assert_eq!(paper.args.out.as_deref(), Some(paper.folder.as_path()));
            assert_eq!(paper.relative(set), format!("{}/paper", set.name));
            assert_eq!(default.args.data.limit, None);
            let plans = [default, paper].map(|study| plan::study(&study.args, set.name).unwrap());
            assert_eq!([&plans[0], &plans[1]].map(|plan| plan.fit_is_eval), [false, true]);
            let sizes = known::by_name(set.name).unwrap().size_reproduced;
            assert_eq!(default.args.data.pictures.size, sizes, "{}", set.name);
        }
        assert!(reduced(&args).is_empty(), "the whole is not reduced");
    }

    #[test]
    fn quick_says_what_it_leaves_out_and_yields_to_what_is_typed() {
        let args = parsed(&["--quick", "--limit", "7", "--only", "malaria,mnist"]);
        let sets = sets(&args, &out(&args)).unwrap();
        let asked: Vec<&str> = sets.iter().filter(|set| set.asked).map(|set| set.name).collect();
        assert_eq!(asked, ["mnist", "malaria"]);
        let study = &sets[4].studies[1].args;
        assert_eq!((study.data.limit, study.data.pictures.size), (Some(7), Some(32)));
        assert_eq!(plan::study(study, "malaria").unwrap().controls, 0);
        let said = reduced(&args).join("\n");
        for expected in ["--quick", "--limit 7", "--train-limit 300", "--epochs 6", "--size 32"] {
            assert!(said.contains(expected), "{expected} in {said}");
        }
        assert!(out(&args).ends_with("reproduce-quick"));
    }
}
