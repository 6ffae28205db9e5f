//! `weakspot train`: the training step of a study, by itself.

use weakspot::progress::Observer as _;
use weakspot::{Error, Result};

use crate::args::TrainArgs;
use crate::data::parts::{For, Parts};
use crate::model;
use crate::results::folder;
use crate::system::interrupt::Interrupt;
use crate::system::threads;
use crate::terminal::output;
use crate::terminal::progress::Progress;

/// Trains and writes the weights.
pub(crate) fn run(args: &TrainArgs) -> Result<()> {
    threads::start(args.run.threads)?;
    if args.data.limit.is_some() {
        return Err(Error::invalid("--limit is about scored images; train scores none")
            .with_hint("--train-limit N trains on at most N images per class"));
    }
    if let Some(out) = &args.out {
        folder::check_file(out, args.run.force)?;
    }
    let progress = Progress::new(Interrupt::listen()?);
    let parts = Parts::open(
        &args.dataset,
        &args.data,
        args.training.train_limit,
        args.run.seed,
        For::Training,
        &progress,
    )?;
    progress.note(&format!("{}: {}", parts.data.name, parts.splits.description));
    let (model, training) = (&args.model, &args.training);
    let path = if let Some(out) = &args.out {
        model::train_to(out, model, training, &parts, &progress)?;
        out.clone()
    } else {
        let chosen = model::trained_or_reused(&args.models, model, training, &parts, None, &progress)?;
        progress.note(&chosen.note);
        chosen.path
    };
    output::data(&path.display().to_string())?;
    Ok(())
}
