//! Which network is trained and how, where the user does not say: the recipe that belongs to a data set.

use weakspot::dataset::known;
use weakspot::{Error, Result};
use weakspot_nn::train::{Augmentation, Freeze, Recipe, Schedule};
use weakspot_nn::{Arch, Head, ModelSpec, Start, Width};

use crate::args::{Cycles, ModelArgs, TrainingArgs, Warmup};
use crate::data::parts::Parts;

/// The network: what was typed, else what the weights to begin from say, else what suits the images.
///
/// # Errors
/// `Shape` where the weights to begin from take images with another number of channels; `InvalidParameter` for flags
/// out of range.
pub(crate) fn spec(args: &ModelArgs, parts: &Parts, start: Option<&Start>) -> Result<ModelSpec> {
    let (_, channels, height, width_px) = parts.data.pixels.dim();
    if let Some(start) = start.filter(|start| start.channels() != channels) {
        return Err(Error::shape(format!(
            "the weights of --init take images of {} channels; these have {channels}",
            start.channels()
        ))
        .with_hint("use images with as many channels, or leave --init out"));
    }
    let arch = args
        .arch
        .or(start.map(Start::arch))
        .unwrap_or_else(|| if is_photographs(parts) { Arch::Vgg16Bn } else { Arch::Vgg16 });
    let width = match (args.width.or(start.map(Start::width)), known::by_name(&parts.data.name)) {
        (Some(width), _) => width,
        (None, Some(set)) => Width::one_in(set.one_channel_in)?,
        (None, None) => Width::FULL,
    };
    let head = args.head.unwrap_or(Head::Gap);
    let mut spec = ModelSpec::new(arch, head, width, [channels, height, width_px], 2);
    if let Some(start) = start {
        spec.mean.clone_from(&start.normalization().mean);
        spec.std.clone_from(&start.normalization().std);
    }
    if let Some(mean) = &args.mean {
        spec.mean = mean.of_pixels("--mean", channels)?;
    }
    if let Some(std) = std_of(args, channels)? {
        spec.std = std;
    }
    Ok(spec)
}

/// `--std`, checked.
pub(crate) fn std_of(args: &ModelArgs, channels: usize) -> Result<Option<Vec<f32>>> {
    let std = args.std.as_ref().map(|std| std.of_pixels("--std", channels)).transpose()?;
    if let Some(bad) = std.iter().flatten().find(|v| **v <= 0.0) {
        return Err(Error::invalid(format!("--std must be above 0; got {bad}"))
            .with_hint("leave --mean and --std out to use the images as they are"));
    }
    Ok(std)
}

/// The recipe that suits the task, the data set's augmentation, and the flags over both.
pub(crate) fn recipe(args: &TrainingArgs, spec: &ModelSpec, parts: &Parts) -> Recipe {
    let freeze = args.freeze.unwrap_or(Freeze::None);
    let seed = parts.seed;
    let mut recipe = match (freeze, &args.init) {
        (Freeze::Trunk, _) => Recipe::for_frozen_trunk(spec, seed),
        (Freeze::None, Some(_)) => Recipe::for_fine_tuning(spec, seed),
        (Freeze::None, None) if is_photographs(parts) => Recipe::for_photographs(spec, seed),
        (Freeze::None, None) => Recipe::for_model(spec, seed),
    };
    let augmentation = match freeze {
        // What is changed at random has to pass the trunk again in every epoch.
        Freeze::Trunk => Augmentation::default(),
        Freeze::None => augmentation(parts),
    };
    recipe.augmentation = Augmentation {
        flip: args.flip.unwrap_or(augmentation.flip),
        turn: args.turn.unwrap_or(augmentation.turn),
        shift: args.shift.unwrap_or(augmentation.shift),
    };
    recipe.trunk_rate = args.trunk_rate.unwrap_or(recipe.trunk_rate);
    recipe.optimizer = args.optimizer.unwrap_or(recipe.optimizer);
    recipe.learning_rate = args.lr.unwrap_or(recipe.learning_rate);
    recipe.weight_decay = args.weight_decay.unwrap_or(recipe.weight_decay);
    recipe.label_smoothing = args.label_smoothing.unwrap_or(recipe.label_smoothing);
    recipe.batch_size = args.train_batch.unwrap_or(recipe.batch_size);
    recipe.max_epochs = args.epochs.unwrap_or(recipe.max_epochs);
    let n_steps = recipe.max_epochs * parts.splits.train.len().div_ceil(recipe.batch_size);
    recipe.schedule = schedule(args, recipe.schedule, n_steps);
    if let Schedule::OneCycle { .. } = recipe.schedule {
        recipe.patience = recipe.max_epochs;
    }
    recipe.patience = args.patience.unwrap_or(recipe.patience);
    recipe
}

/// The schedule as asked for, of a training of `n_steps`.
fn schedule(args: &TrainingArgs, base: Schedule, n_steps: usize) -> Schedule {
    let cycles = args.schedule.unwrap_or(match base {
        Schedule::Constant { .. } => Cycles::Constant,
        Schedule::OneCycle { .. } => Cycles::OneCycle,
    });
    match (cycles, args.warmup) {
        (Cycles::Constant, None) => match base {
            Schedule::Constant { .. } => base,
            Schedule::OneCycle { .. } => Schedule::Constant { warmup_steps: 20 },
        },
        (Cycles::Constant, Some(Warmup::Steps(warmup_steps))) => Schedule::Constant { warmup_steps },
        (Cycles::Constant, Some(Warmup::Share(share))) => {
            Schedule::Constant { warmup_steps: (share * n_steps as f64).round() as usize }
        }
        (Cycles::OneCycle, None) => Schedule::OneCycle { warmup_share: 0.3 },
        (Cycles::OneCycle, Some(Warmup::Share(warmup_share))) => Schedule::OneCycle { warmup_share },
        (Cycles::OneCycle, Some(Warmup::Steps(steps))) => {
            // The last step is never part of the warm-up.
            Schedule::OneCycle { warmup_share: steps.min(n_steps - 1) as f64 / n_steps as f64 }
        }
    }
}

/// Whether the images are taken for photographs: as the data set says, and the user's own if they are in colour.
fn is_photographs(parts: &Parts) -> bool {
    let (_, channels, ..) = parts.data.pixels.dim();
    known::by_name(&parts.data.name).map_or(channels == 3, |set| set.photographs)
}

/// Changes that keep the label, as far as that is known of a data set.
fn augmentation(parts: &Parts) -> Augmentation {
    let (_, _, height, width) = parts.data.pixels.dim();
    let settled = known::by_name(&parts.data.name).map(|set| set.augment).unwrap_or_default();
    let shift = if is_photographs(parts) { height.min(width) / 12 } else { 0 };
    Augmentation { flip: settled.flip, turn: settled.turn, shift: settled.shift.max(shift) }
}

/// A recipe as a sentence's worth of settings.
pub(crate) fn in_words(recipe: &Recipe) -> String {
    let Recipe { learning_rate, weight_decay, batch_size, max_epochs, patience, .. } = recipe;
    let optimizer = serde_json::json!(recipe.optimizer);
    let schedule = match recipe.schedule {
        Schedule::Constant { warmup_steps } => format!("at {learning_rate}, {warmup_steps} warm-up steps"),
        Schedule::OneCycle { warmup_share } => {
            format!("in one cycle to {learning_rate}, {:.0} % warm-up", 100.0 * warmup_share)
        }
    };
    let Augmentation { flip, turn, shift } = recipe.augmentation;
    let more = [
        (recipe.label_smoothing > 0.0, format!("label smoothing {}", recipe.label_smoothing)),
        (recipe.freeze == Freeze::Trunk, "trunk frozen".to_owned()),
        (
            recipe.freeze == Freeze::None && recipe.trunk_rate < 1.0,
            format!("trunk at {} of the rate", recipe.trunk_rate),
        ),
        (flip, "flips".to_owned()),
        (turn, "turns".to_owned()),
        (shift > 0, format!("shifts up to {shift} pixels")),
    ];
    let more: Vec<String> =
        more.into_iter().filter(|(said, _)| *said).map(|(_, words)| format!(", {words}")).collect();
    format!(
        "{} {schedule}, weight decay {weight_decay}, batches of {batch_size}, at most {max_epochs} epochs, patience \
         {patience}{}",
        optimizer.as_str().unwrap_or_default(),
        more.concat()
    )
}
