//! Which studies a reproduction is made of, and the request of each.

use std::path::{Path, PathBuf};

use weakspot::Result;
use weakspot::attack::Epsilon;
use weakspot::dataset::known::{self, KnownSet};
use weakspot::record::Run;
use weakspot::report::reproduction::Settings;
use weakspot::study::Plan;

use crate::args::{DataArgs, ModelArgs, PictureArgs, ReproduceArgs, TrainingArgs};
use crate::commands::kept;
use crate::request::config::Given;
use crate::request::{ClassifierRequest, ClassifierSource, DataRequest, Destination, StudyRequest};
use crate::results::folder::Wanted;

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
    pub(super) request: StudyRequest,
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
/// As [`Plan::new`] for a data set's own radius.
pub(super) fn sets(args: &ReproduceArgs, out: &Path) -> Result<Vec<Set>> {
    data_sets()
        .map(|set| {
            let name = set.name;
            let asked = args.only.is_empty() || args.only.iter().any(|only| only == name);
            let studies = Settings::BOTH.map(|settings| {
                let folder = out.join(name).join(settings.name());
                Ok(Planned { settings, request: request(args, set, settings, &folder)?, folder })
            });
            Ok(Set { name, asked, studies: studies.into_iter().collect::<Result<_>>()? })
        })
        .collect()
}

/// The request of one study.
fn request(args: &ReproduceArgs, set: &KnownSet, settings: Settings, folder: &Path) -> Result<StudyRequest> {
    let (epsilon, seed) = (Epsilon::new(set.epsilon)?, args.run.seed);
    let mut plan = match settings {
        Settings::Default => Plan::new(epsilon, seed)?,
        Settings::Paper => Plan::paper(epsilon, seed)?,
    };
    if args.quick {
        plan.sweep = Vec::new();
        plan.controls = 0;
    }
    let size = set.size_reproduced.map(|usual| size(args).unwrap_or(usual));
    let skip_bad = args.skip_bad && size.is_some();
    let images = DataArgs {
        data_dir: args.data_dir.clone(),
        limit: limit(args),
        pictures: PictureArgs { size, skip_bad, ..PictureArgs::default() },
        ..DataArgs::default()
    };
    let training = TrainingArgs {
        train_limit: Some(train_limit(args)),
        epochs: epochs(args),
        ..TrainingArgs::default()
    };
    Ok(StudyRequest {
        data: DataRequest { dataset: set.name.to_owned(), images, split_seed: None },
        classifier: ClassifierRequest {
            network: ModelArgs { width: args.width, ..ModelArgs::default() },
            source: ClassifierSource::Trained { models: args.models.clone(), training },
        },
        plan,
        use_mask: None,
        destination: Destination { out: Some(folder.to_owned()), force: args.run.force },
        batch_size: args.run.batch_size,
        given: given(args, settings, size, skip_bad),
    })
}

/// The settings of such a request, as they would be typed: what its `config.json` says was given.
fn given(args: &ReproduceArgs, settings: Settings, size: Option<usize>, skip_bad: bool) -> Given {
    let text = |n: Option<usize>| n.map(|n| n.to_string());
    let none = || args.quick.then(|| "none".to_owned());
    let mut given = Given::default();
    for (name, value) in [
        ("preset", Some(settings.name().to_owned())),
        ("seed", Some(args.run.seed.to_string())),
        ("train-limit", Some(train_limit(args).to_string())),
        ("limit", text(limit(args))),
        ("epochs", text(epochs(args))),
        ("width", args.width.map(|width| width.to_string())),
        ("size", text(size)),
        ("sweep", none()),
        ("controls", none()),
        ("data-dir", args.data_dir.as_ref().map(|folder| folder.to_string_lossy().into_owned())),
        ("skip-bad", skip_bad.then(|| "true".to_owned())),
    ] {
        if let Some(value) = value {
            given.set(name, value);
        }
    }
    given
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

    /// Where the results go.
    pub(super) fn wanted(&self, force: bool) -> Wanted<'_> {
        Wanted { out: Some(&self.folder), default: self.folder.clone(), force }
    }

    /// The run, if it is finished with these settings; with `force`, one of other settings is as good as none. Its data
    /// are compared when they are opened.
    ///
    /// # Errors
    /// `InvalidParameter` for a finished study of other settings, and what reading it reports.
    pub(super) fn finished(&self, force: bool) -> Result<Option<Run>> {
        kept::finished(&self.request, &self.folder, force)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::args::{self, Command, Parsed};

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
            assert_eq!(paper.request.destination.out.as_deref(), Some(paper.folder.as_path()));
            assert_eq!(paper.relative(set), format!("{}/paper", set.name));
            assert_eq!(default.request.data.images.limit, None);
            assert_eq!([default, paper].map(|study| study.request.plan.fit_is_eval), [false, true]);
            let sizes = known::by_name(set.name).unwrap().size_reproduced;
            assert_eq!(default.request.data.images.pictures.size, sizes, "{}", set.name);
        }
        assert!(reduced(&args).is_empty(), "the whole is not reduced");
    }

    #[test]
    fn a_request_is_that_of_the_words_which_its_configuration_holds() {
        for more in [
            &[][..],
            &["--quick", "--skip-bad", "--width", "1/8", "--seed", "7", "--force"],
            &["--data-dir", "data", "--limit", "30", "--epochs", "2", "--size", "48", "--batch-size", "5"],
        ] {
            let args = parsed(more);
            for planned in sets(&args, Path::new("out")).unwrap().iter().flat_map(|set| &set.studies) {
                let made = &planned.request;
                let mut words: Vec<OsString> =
                    ["weakspot", "study", &made.data.dataset].map(OsString::from).into();
                words.extend(made.given.words());
                words.extend(["--out".into(), planned.folder.clone().into(), "--models".into()]);
                words.push(args.models.clone().into());
                words.extend(args.run.force.then(|| "--force".into()));
                words.extend(args.run.batch_size.map(|n| format!("--batch-size={n}").into()));
                let Parsed::Command(Command::Study(typed)) = args::parse(words).unwrap() else {
                    panic!("a study");
                };
                assert_eq!(*made, StudyRequest::of(&typed).unwrap());
            }
        }
    }

    #[test]
    fn quick_says_what_it_leaves_out_and_yields_to_what_is_typed() {
        let args = parsed(&["--quick", "--limit", "7", "--only", "malaria,mnist"]);
        let sets = sets(&args, &out(&args)).unwrap();
        let asked: Vec<&str> = sets.iter().filter(|set| set.asked).map(|set| set.name).collect();
        assert_eq!(asked, ["mnist", "malaria"]);
        let StudyRequest { data, plan, .. } = &sets[4].studies[1].request;
        assert_eq!((data.images.limit, data.images.pictures.size), (Some(7), Some(32)));
        assert_eq!(plan.controls, 0);
        let said = reduced(&args).join("\n");
        for expected in ["--quick", "--limit 7", "--train-limit 300", "--epochs 6", "--size 32"] {
            assert!(said.contains(expected), "{expected} in {said}");
        }
        assert!(out(&args).ends_with("reproduce-quick"));
    }
}
