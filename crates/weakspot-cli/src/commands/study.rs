//! `weakspot study`: data, model, study, report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use weakspot::attribution::{ChosenLayer, choose_layer};
use weakspot::classifier::Classifier;
use weakspot::dataset::Dataset;
use weakspot::objective::predicted;
use weakspot::progress::Observer as _;
use weakspot::record::{ClassifierRecord, Record, Run};
use weakspot::study::{FileJournal, PairView, Plan, Subject};
use weakspot::{Error, ErrorKind, Result, digest, report, study};
use weakspot_nn::checkpoint;

use crate::args::{DataArgs, StudyArgs, TrainingArgs};
use crate::commands;
use crate::data::masks;
use crate::data::parts::{For, Parts};
use crate::model::{self, Chosen, network};
use crate::request::{ClassifierSource, StudyRequest, plan};
use crate::results::folder::{Wanted, slug_of_pair};
use crate::results::run_record::RunRecord;
use crate::system::interrupt::Interrupt;
use crate::system::threads;
use crate::terminal::output;
use crate::terminal::progress::Progress;

/// The digest of the user's own mask, among the settings of a record.
pub(super) const MASK_DIGEST: &str = "use-mask-sha256";

/// Studies one pair of classes, from data to report.
pub(crate) fn run(args: &StudyArgs) -> Result<()> {
    threads::start(args.run.threads)?;
    let request = StudyRequest::of(args)?;
    if let Some(seeds) = &args.seed.seeds {
        return commands::seeds::run(&request, seeds);
    }
    let progress = Progress::new(Interrupt::listen()?);
    let watch = RunRecord::begin();
    for note in &request.given.notes {
        progress.note(note);
    }
    let parts = open(&request, &progress)?;
    let study = progress.while_reading(|| Study::new(&request, &parts))?;
    let wanted = Wanted {
        out: request.destination.out.as_deref(),
        default: default_out(&parts.data),
        force: request.destination.force,
    };
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
pub(crate) fn open(request: &StudyRequest, progress: &Progress) -> Result<Parts> {
    let known;
    let (of, train_limit) = match &request.classifier.source {
        ClassifierSource::Trained { training, .. } => (For::Training, training.train_limit),
        ClassifierSource::Weights { file, held_out, .. } => {
            known = if network::is_network(file) { None } else { checkpoint::description(file)? };
            (For::Weights { known: known.as_ref(), held_out: *held_out }, None)
        }
    };
    let (data, seed) = (&request.data, request.plan.seed);
    let split_seed = data.split_seed.unwrap_or(seed);
    let images = resized(request, progress)?;
    let mut parts = Parts::open(&data.dataset, &images, train_limit, split_seed, of, progress)?;
    parts.seed = seed;
    if parts.drawn.seed != seed || data.split_seed.is_some() {
        parts.splits.description.extend(["; drawn with seed ", &parts.drawn.seed.to_string()]);
    }
    Ok(parts)
}

/// How the images are read: photographs take the size that a network fixes, and that is said.
fn resized(request: &StudyRequest, progress: &Progress) -> Result<DataArgs> {
    let data = &request.data;
    let mut images = data.images.clone();
    let photographs = images.manifest.is_some() || Path::new(&data.dataset).is_dir();
    if let ClassifierSource::Weights { file, .. } = &request.classifier.source
        && photographs
        && images.pictures.size.is_none()
        && let Some(side) = network::fixed_side(file)?
    {
        progress.note(&format!("pictures are resized to {side} x {side} pixels, which the network takes"));
        images.pictures.size = Some(side);
    }
    Ok(images)
}

/// A study that is about to be run: the request, and the data that it is about.
pub(crate) struct Study<'a> {
    request: &'a StudyRequest,
    parts: &'a Parts,
    /// The request's, with the user's own mask where there is one.
    pub(crate) plan: Plan,
}

impl<'a> Study<'a> {
    /// Reads the user's own mask, before any long work.
    ///
    /// # Errors
    /// As [`masks::given`], and for a mask that contradicts the plan.
    pub(crate) fn new(request: &'a StudyRequest, parts: &'a Parts) -> Result<Self> {
        let mut plan = request.plan.clone();
        if let Some(text) = &request.use_mask {
            plan.given = Some(masks::given(text, &parts.data)?);
            plan.validate()?;
        }
        Ok(Self { request, parts, plan })
    }

    /// Says what is studied.
    pub(crate) fn describe(&self, progress: &Progress) {
        if let Some(remark) = plan::remark(self.plan.epsilon) {
            progress.note(&remark);
        }
        progress.note(&format!("{}: {}", self.parts.data.name, self.parts.splits.description));
        if let Some(limit) = self.request.data.images.limit {
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
        let (classifier, parts) = (&self.request.classifier, self.parts);
        let chosen = match &classifier.source {
            ClassifierSource::Weights { file, check, .. } => {
                let chosen = progress.while_reading(|| Chosen::given(file, &classifier.network, parts))?;
                if let Some(check) = check {
                    progress.note(&model::check(check, &chosen.model)?);
                }
                chosen
            }
            ClassifierSource::Trained { models, training } => {
                let fits = |model: &dyn Classifier| self.layer_in(model).map(drop);
                model::trained_or_reused(models, &classifier.network, training, parts, Some(&fits), progress)?
            }
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
        let mut correct = 0;
        progress.stage("the decision among all classes", n);
        for chunk in splits.eval.chunks(self.request.batch(data.pixels.dim())) {
            if progress.interrupted() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped by request; nothing was written"));
            }
            let logits = model.logits(data.pixels.batch(chunk)?.view())?;
            let labels = chunk.iter().map(|&i| chosen.classes[data.labels[i]]);
            correct += logits.outer_iter().zip(labels).filter(|(z, label)| predicted(*z) == *label).count();
            progress.advance(chunk.len());
        }
        progress.end_stage();
        progress.note(&format!(
            "the model has {} classes and is studied through the logits of {} and {} alone; among all of them it \
             classifies {correct} of {n} eval images correctly ({:.1} %)",
            model.n_classes(),
            data.class_names[0],
            data.class_names[1],
            100.0 * correct as f64 / n.max(1) as f64
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
        progress.note(&format!("maps at {}", self.layer_in(&*chosen.model)?));
        let Chosen { mut model, classes, record, sha256, weights, .. } = chosen;
        model.stop_on(progress.stop_flag());
        let request = self.request;
        let batch = request.batch(self.parts.data.pixels.dim());
        // Pages and figures need no model, whose memory is most of all.
        let (folder, journal, found) = {
            let model = model;
            let view;
            let classifier: &dyn Classifier = if model.n_classes() == 2 && classes == [0, 1] {
                &*model
            } else {
                view = PairView::new(&*model, classes)?;
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
        let trained = matches!(request.classifier.source, ClassifierSource::Trained { .. });
        request.given.write(&folder.path, &request.data.dataset, &found.record, trained)?;
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
        let short = |sum: &str| sum.chars().take(12).collect::<String>();
        if then != data.checksum {
            return Ok(differs("data of SHA-256", &short(then), &short(&data.checksum)));
        }
        let mask = |config: &BTreeMap<String, String>| config.get(MASK_DIGEST).cloned();
        if let (Some(then), Some(now)) = (mask(&found.config), mask(&self.plan.config()))
            && then != now
        {
            return Ok(differs("a mask of SHA-256", &short(&then), &short(&now)));
        }
        let wanted = self.described()?;
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

    /// SHA-256 of everything that the studies of several seeds share: version, data, parts, settings, network and
    /// recipe.
    ///
    /// # Errors
    /// As [`model::described`].
    pub(crate) fn shared(&self) -> Result<String> {
        let Parts { data, splits, .. } = self.parts;
        let mut config = self.plan.config();
        config.remove("seed");
        let model = self.described()?;
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

    /// What is known of the classifier before it is trained.
    fn described(&self) -> Result<ClassifierRecord> {
        let classifier = &self.request.classifier;
        match &classifier.source {
            ClassifierSource::Trained { training, .. } => {
                model::described(&classifier.network, training, self.parts)
            }
            ClassifierSource::Weights { .. } => {
                model::described(&classifier.network, &TrainingArgs::default(), self.parts)
            }
        }
    }

    fn layer_in(&self, model: &dyn Classifier) -> Result<ChosenLayer> {
        choose_layer(model.signature(), self.plan.layer.as_deref(), self.plan.cam)
    }
}

/// `runs/<dataset>-<a>-<b>`.
pub(crate) fn default_out(pair: &Dataset) -> PathBuf {
    Path::new("runs").join(slug_of_pair(&pair.name, &pair.class_names))
}
