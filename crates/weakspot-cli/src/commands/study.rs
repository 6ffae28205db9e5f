//! `weakspot study`: data, model, study, report.

use std::path::{Path, PathBuf};

use serde_json::json;
use weakspot::attribution::{ChosenLayer, choose_layer};
use weakspot::classifier::Classifier;
use weakspot::dataset::Dataset;
use weakspot::objective::predicted;
use weakspot::progress::Observer as _;
use weakspot::record::Record;
use weakspot::record::Run;
use weakspot::study::{FileJournal, PairView, Plan, Subject};
use weakspot::{Error, ErrorKind, Result, digest, report, study};
use weakspot_nn::{Model, checkpoint};

use crate::args::StudyArgs;
use crate::folder::{Wanted, slug_of_pair};
use crate::interrupt::Interrupt;
use crate::model::{self, Chosen};
use crate::parts::{For, Parts};
use crate::progress::Progress;
use crate::run_record::RunRecord;
use crate::{commands, masks, output, plan, threads};

/// Studies one pair of classes, from data to report.
pub(crate) fn run(args: &StudyArgs) -> Result<()> {
    threads::start(args.run.threads)?;
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
    let study = progress.while_reading(|| Study::new(args, &parts))?;
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
    let known = args.weights.as_deref().map(checkpoint::description).transpose()?.flatten();
    let of = match &args.weights {
        None if args.held_out => {
            return Err(Error::invalid(
                "--held-out speaks of --weights; a classifier that is trained here gets parts of its own",
            )
            .with_hint("leave --held-out out"));
        }
        None if args.check.check.is_some() => {
            return Err(Error::invalid("--check is about --weights; a classifier that is trained here has no other code to agree with")
                .with_hint("leave --check out"));
        }
        None => For::Training,
        Some(_) => For::Weights { known: known.as_ref(), held_out: args.held_out },
    };
    let seed = args.seed.split_seed.unwrap_or(args.run.seed);
    let mut parts = Parts::open(&args.dataset, &args.data, args.training.train_limit, seed, of, progress)?;
    parts.seed = args.run.seed;
    if parts.drawn.seed != args.run.seed || args.seed.split_seed.is_some() {
        parts.splits.description.extend(["; drawn with seed ", &parts.drawn.seed.to_string()]);
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
        if let Some(remark) = plan::remark(self.plan.epsilon) {
            progress.note(&remark);
        }
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
            let chosen = progress.while_reading(|| Chosen::given(file, &args.model, parts))?;
            if let Some(check) = &args.check.check {
                progress.note(&model::check(check, &chosen.model)?);
            }
            chosen
        } else {
            let fits = |model: &Model| self.layer_in(model).map(drop);
            model::trained_or_reused(&args.models, &args.model, &args.training, parts, Some(&fits), progress)?
        };
        progress.note(&chosen.note);
        if chosen.model.n_classes() > 2 {
            self.say_whole_decision(&chosen, progress)?;
        }
        Ok(chosen)
    }

    /// A study looks at two outputs of the user's model: says so, and what its decision among all of them is worth.
    fn say_whole_decision(&self, chosen: &Chosen, progress: &Progress) -> Result<()> {
        let Parts { data, splits, .. } = self.parts;
        let (model, n) = (&chosen.model, splits.eval.len());
        let mut right = 0;
        progress.stage("the decision among all classes", n);
        for chunk in splits.eval.chunks(self.args.run.batch(data.pixels.dim())) {
            if progress.interrupted() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped by request; nothing was written"));
            }
            let logits = model.logits(data.pixels.batch(chunk)?.view())?;
            let labels = chunk.iter().map(|&i| chosen.classes[data.labels[i]]);
            right += logits.outer_iter().zip(labels).filter(|(z, label)| predicted(*z) == *label).count();
            progress.advance(chunk.len());
        }
        progress.end_stage();
        progress.note(&format!(
            "the model has {} classes and is studied through the logits of {} and {} alone; among all of them it decides {right} of \
             {n} eval images rightly ({:.1} %)",
            model.n_classes(),
            data.class_names[0],
            data.class_names[1],
            100.0 * right as f64 / n.max(1) as f64
        ));
        Ok(())
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
        let Chosen { mut model, classes, record, sha256, weights, .. } = chosen;
        model.stop_on(progress.stop_flag());
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
            if folder.resumes && !journal.is_empty() {
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
        choose_layer(model.signature(), self.plan.layer.as_deref(), self.plan.cam)
    }
}

/// `runs/<dataset>-<a>-<b>`.
pub(crate) fn default_out(pair: &Dataset) -> PathBuf {
    Path::new("runs").join(slug_of_pair(&pair.name, &pair.class_names))
}
