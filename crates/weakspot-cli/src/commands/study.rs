//! `weakspot study`: data, model, study, report.

use std::path::{Path, PathBuf};

use weakspot::attribution::choose_layer;
use weakspot::classifier::Classifier;
use weakspot::dataset::Dataset;
use weakspot::progress::Observer as _;
use weakspot::study::{FileJournal, PairView, Subject};
use weakspot::{Error, Result, report, study};
use weakspot_nn::Model;

use crate::args::StudyArgs;
use crate::folder::{Wanted, slug};
use crate::interrupt::Interrupt;
use crate::model::{self, Chosen};
use crate::parts::Parts;
use crate::progress::Progress;
use crate::run_record::RunRecord;
use crate::{commands, output, plan};

/// Studies one pair of classes, from data to report.
pub(crate) fn run(args: &StudyArgs) -> Result<()> {
    commands::set_threads(&args.run)?;
    if let (Some(_), Some(flag)) = (&args.weights, args.training.given()) {
        return Err(Error::invalid(format!("{flag} is about training; --weights leaves nothing to train"))
            .with_hint(format!("leave {flag} out, or --weights")));
    }
    let record = RunRecord::begin(args.run.batch_size);
    let progress = Progress::new(Interrupt::listen()?);
    for note in &args.given.notes {
        progress.note(note);
    }
    let parts = Parts::open(
        &args.dataset,
        &args.data,
        args.training.train_limit,
        args.run.seed,
        args.weights.is_none(),
        &progress,
    )?;
    let plan = plan::study(args, &parts.data.name)?;
    let wanted =
        Wanted { out: args.out.as_deref(), default: default_out(&parts.data), force: args.run.force };
    wanted.check()?;
    progress.note(&format!("{}: {}", parts.data.name, parts.splits.description));
    if let Some(limit) = args.data.limit {
        progress
            .note(&format!("--limit: at most {limit} eval images per class are scored; intervals are wider"));
    }

    let layer_in = |model: &Model| choose_layer(model, plan.layer.as_deref(), plan.cam);
    let chosen = if let Some(file) = &args.weights {
        Chosen::given(file, &args.model, &parts)?
    } else {
        let fits = |model: &Model| layer_in(model).map(drop);
        model::trained_or_reused(&args.models, &args.model, &args.training, &parts, Some(&fits), &progress)?
    };
    progress.note(&chosen.note);
    progress.note(&format!("maps at {}", layer_in(&chosen.model)?));
    let view;
    let classifier: &dyn Classifier = if chosen.model.n_classes() == 2 && chosen.classes == [0, 1] {
        &chosen.model
    } else {
        view = PairView::new(&chosen.model, chosen.classes)?;
        &view
    };
    let subject = Subject {
        classifier,
        data: &parts.data,
        splits: &parts.splits,
        classifier_record: chosen.record,
        weights_checksum: chosen.sha256,
    };
    let folder = wanted.settle(&study::fingerprint(&plan, &subject))?;
    let mut journal = FileJournal::open(&folder.journal(), &study::fingerprint(&plan, &subject))?;
    if folder.resumes {
        progress.note(&format!(
            "goes on with {}: {} results are there already",
            folder.path.display(),
            journal.len()
        ));
    }
    let found = study::run(&plan, &subject, args.run.batch_size, &mut journal, &progress)?;

    folder.clear()?;
    report::write(&folder.path, &found)?;
    args.given.write(&folder.path, &args.dataset, &found.record, args.weights.is_none())?;
    record.write(&folder.path, progress.stages(), chosen.weights, folder.resumes)?;
    drop(journal);
    folder.finish()?;
    output::data(&report::terminal_summary(&found.record));
    output::data(&folder.path.join("report.html").display().to_string());
    Ok(())
}

/// `runs/<dataset>-<a>-<b>`.
fn default_out(pair: &Dataset) -> PathBuf {
    let [name, a, b] = [&pair.name, &pair.class_names[0], &pair.class_names[1]].map(|name| slug(name));
    Path::new("runs").join(format!("{name}-{a}-{b}"))
}
