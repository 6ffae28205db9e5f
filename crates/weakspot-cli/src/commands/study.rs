//! `weakspot study`: data, model, study, report.

use std::path::{Path, PathBuf};

use serde_json::json;
use weakspot::attribution::{ChosenLayer, choose_layer};
use weakspot::classifier::Classifier;
use weakspot::dataset::Dataset;
use weakspot::progress::Observer as _;
use weakspot::report::Run;
use weakspot::study::record::Record;
use weakspot::study::{FileJournal, PairView, Plan, Subject};
use weakspot::{Error, Result, digest, report, study};
use weakspot_nn::Model;

use crate::args::StudyArgs;
use crate::folder::{Wanted, slug};
use crate::interrupt::Interrupt;
use crate::model::{self, Chosen};
use crate::parts::Parts;
use crate::progress::Progress;
use crate::run_record::RunRecord;
use crate::{commands, masks, output, plan};

/// Studies one pair of classes, from data to report.
pub(crate) fn run(args: &StudyArgs) -> Result<()> {
    commands::set_threads(&args.run)?;
    if let Some(seeds) = &args.seed.seeds {
        return commands::seeds::run(args, seeds);
    }
    if let (Some(_), Some(flag)) = (&args.weights, args.training.given()) {
        return Err(Error::invalid(format!("{flag} is about training; --weights leaves nothing to train"))
            .with_hint(format!("leave {flag} out, or --weights")));
    }
    let progress = Progress::new(Interrupt::listen()?);
    let watch = RunRecord::begin();
    for note in &args.given.notes {
        progress.note(note);
    }
    let parts = open(args, &progress)?;
    let study = Study::new(args, &parts)?;
    let wanted =
        Wanted { out: args.out.as_deref(), default: default_out(&parts.data), force: args.run.force };
    wanted.check()?;
    study.describe(&progress);
    let chosen = study.classifier(&progress)?;
    let (folder, found) = study.run(chosen, &wanted, watch, &progress)?;
    output::data(&report::terminal_summary(&found.record))?;
    output::data(&folder.join("report.html").display().to_string())?;
    Ok(())
}

/// The data of a study.
///
/// # Errors
/// As [`Parts::open`].
pub(crate) fn open(args: &StudyArgs, progress: &Progress) -> Result<Parts> {
    let trains = args.weights.is_none();
    let seed = args.seed.split_seed.unwrap_or(args.run.seed);
    let mut parts =
        Parts::open(&args.dataset, &args.data, args.training.train_limit, seed, trains, progress)?;
    parts.seed = args.run.seed;
    if args.seed.split_seed.is_some() {
        parts.splits.description.extend(["; drawn with seed ", &seed.to_string()]);
    }
    Ok(parts)
}

/// A study that is about to be run: what was asked for, and the data it is asked of.
pub(crate) struct Study<'a> {
    args: &'a StudyArgs,
    parts: &'a Parts,
    /// What the words come to.
    pub(crate) plan: Plan,
}

impl<'a> Study<'a> {
    /// Finds out what is asked, before any long work.
    ///
    /// # Errors
    /// As [`plan::study`].
    pub(crate) fn new(args: &'a StudyArgs, parts: &'a Parts) -> Result<Self> {
        let mut plan = plan::study(args, &parts.data.name)?;
        if let Some(text) = &args.what.use_mask {
            plan.given = Some(masks::given(text, &parts.data)?);
            plan.validate()?;
        }
        Ok(Self { args, parts, plan })
    }

    /// Says what is studied.
    pub(crate) fn describe(&self, progress: &Progress) {
        progress.note(&format!("{}: {}", self.parts.data.name, self.parts.splits.description));
        if let Some(limit) = self.args.data.limit {
            progress.note(&format!(
                "--limit: at most {limit} eval images per class are scored; intervals are wider"
            ));
        }
    }

    /// The classifier: the user's, one that is kept, or one that is trained now.
    ///
    /// # Errors
    /// As [`Chosen::given`] and [`model::trained_or_reused`].
    pub(crate) fn classifier(&self, progress: &Progress) -> Result<Chosen> {
        let (args, parts) = (self.args, self.parts);
        let chosen = if let Some(file) = &args.weights {
            Chosen::given(file, &args.model, parts)?
        } else {
            let fits = |model: &Model| self.layer_in(model).map(drop);
            model::trained_or_reused(&args.models, &args.model, &args.training, parts, Some(&fits), progress)?
        };
        progress.note(&chosen.note);
        Ok(chosen)
    }

    /// Runs, or goes on, and writes everything into a folder; the folder, and what was found.
    ///
    /// # Errors
    /// What the study, its journal and the file system report.
    pub(crate) fn run(
        &self,
        chosen: Chosen,
        wanted: &Wanted<'_>,
        watch: RunRecord,
        progress: &Progress,
    ) -> Result<(PathBuf, Run)> {
        progress.note(&format!("maps at {}", self.layer_in(&chosen.model)?));
        let Chosen { model, classes, record, sha256, weights, .. } = chosen;
        let args = self.args;
        let batch = args.run.batch(self.parts.data.pixels.dim());
        // Pages and figures need no model, whose memory is most of all.
        let (folder, journal, found) = {
            let model = model;
            let view;
            let classifier: &dyn Classifier = if model.n_classes() == 2 && classes == [0, 1] {
                &model
            } else {
                view = PairView::new(&model, classes)?;
                &view
            };
            let subject = Subject {
                classifier,
                data: &self.parts.data,
                splits: &self.parts.splits,
                classifier_record: record,
                weights_checksum: sha256,
            };
            let fingerprint = study::fingerprint(&self.plan, &subject);
            let folder = wanted.settle(&fingerprint)?;
            let mut journal = FileJournal::open(&folder.journal(), &fingerprint)?;
            if let Some(note) = journal.note() {
                progress.note(note);
            }
            if folder.resumes {
                progress.note(&format!(
                    "goes on with {}: {} results are there already",
                    folder.path.display(),
                    journal.len()
                ));
            }
            let found = study::run(&self.plan, &subject, batch, &mut journal, progress)?;
            (folder, journal, found)
        };

        folder.clear()?;
        report::write(&folder.path, &found)?;
        args.given.write(&folder.path, &args.dataset, &found.record, args.weights.is_none())?;
        watch.write(&folder.path, batch, progress.stages(), weights, folder.resumes)?;
        drop(journal);
        if !folder.finish()? {
            progress.note(&format!(
                "{}: removed by somebody else meanwhile; the results are whole",
                folder.journal().display()
            ));
        }
        Ok((folder.path, found))
    }

    /// Why a finished run is not of this very study, in words; `None` where it is.
    ///
    /// # Errors
    /// As [`model::described`].
    pub(crate) fn differs_from(&self, found: &Record) -> Result<Option<String>> {
        let differs = |what: &str, then: &str, now: &str| Some(format!("{what} {then}, now {now}"));
        let data = &self.parts.data;
        let then = found.checksums.get("data").map_or("unknown", String::as_str);
        if then != data.checksum {
            let short = |sum: &str| sum.chars().take(12).collect::<String>();
            return Ok(differs("data of SHA-256", &short(then), &short(&data.checksum)));
        }
        let wanted = model::described(&self.args.model, &self.args.training, self.parts)?;
        let had = &found.classifier;
        for (what, then, now) in [
            ("network", &had.arch, &wanted.arch),
            ("head", &had.head, &wanted.head),
            ("width", &had.width, &wanted.width),
            ("training:", &had.recipe, &wanted.recipe),
            ("convolutions", &had.convolutions, &wanted.convolutions),
        ] {
            if then != now {
                return Ok(differs(what, then, now));
            }
        }
        let splits = &self.parts.splits;
        for (class, d) in found.directions.iter().enumerate() {
            let count = |part: &[usize]| part.iter().filter(|&&i| data.labels[i] == class).count();
            for (what, then, part) in [("train", d.n.train, &splits.train), ("eval", d.n.eval, &splits.eval)]
            {
                if then != count(part) {
                    let what = format!("{what} images of {}", d.source);
                    return Ok(differs(&what, &then.to_string(), &count(part).to_string()));
                }
            }
        }
        Ok(None)
    }

    /// SHA-256 of everything that the studies of several seeds share: version, data, parts, settings, network and recipe.
    ///
    /// # Errors
    /// As [`model::described`].
    pub(crate) fn shared(&self) -> Result<String> {
        let Parts { data, splits, .. } = self.parts;
        let mut config = self.plan.config();
        config.remove("seed");
        let model = model::described(&self.args.model, &self.args.training, self.parts)?;
        let ids = |part: &[usize]| part.iter().map(|&i| data.ids[i].as_str()).collect::<Vec<_>>();
        let parts = [&splits.train, &splits.tune, &splits.fit, &splits.eval].map(|part| ids(part));
        let shared = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "config": config,
            "data": data.checksum,
            "parts": parts,
            "model": [&model.arch, &model.head, &model.width, &model.recipe, &model.convolutions],
        });
        Ok(digest::sha256(shared.to_string().as_bytes()))
    }

    fn layer_in(&self, model: &Model) -> Result<ChosenLayer> {
        choose_layer(model, self.plan.layer.as_deref(), self.plan.cam)
    }
}

/// `runs/<dataset>-<a>-<b>`.
pub(crate) fn default_out(pair: &Dataset) -> PathBuf {
    let [name, a, b] = [&pair.name, &pair.class_names[0], &pair.class_names[1]].map(|name| slug(name));
    Path::new("runs").join(format!("{name}-{a}-{b}"))
}
