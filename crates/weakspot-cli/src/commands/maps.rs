//! `weakspot maps`: the arrays of one traced pass and one attack, for the user's own images and model.

use weakspot::Result;
use weakspot::dataset::arrays;
use weakspot::dataset::pictures::{Grouping, Listing, Options};
use weakspot::study::write_maps;

use crate::args::MapsArgs;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::{commands, folder, model, output, plan};

/// Maps every image and writes the file.
pub(crate) fn run(args: &MapsArgs) -> Result<()> {
    commands::set_threads(&args.run)?;
    let plan = plan::maps(args)?;
    folder::check_file(&args.out, args.run.force)?;
    let progress = Progress::new(Interrupt::listen()?);
    let images = if args.images.is_dir() && args.labels.is_none() {
        let name = args.images.display().to_string();
        let options = Options {
            size: args.pictures.size,
            skip_bad: args.pictures.skip_bad,
            scratch: args.pictures.scratch.clone(),
            ..Options::default()
        };
        let loaded = Listing::of_folder(&args.images, &name, Grouping::None)?.load(&options, &progress)?;
        progress.end_stage();
        for skipped in &loaded.provenance.skipped {
            output::talk(&format!("left out {}: {}", skipped.file, skipped.why));
        }
        loaded.into_arrays()
    } else {
        arrays::load(&args.images, args.labels.as_deref())?
    };
    for note in &images.notes {
        output::talk(&format!("note: {note}"));
    }
    let (_, channels, height, width) = images.pixels.dim();
    let mut loaded = model::load(&args.weights, &args.model, [channels, height, width])?;
    loaded.model.freeze()?;
    for assumed in &loaded.assumed {
        output::talk(&format!("assumed {assumed}"));
    }
    let spec = &loaded.description.model;
    output::talk(&format!(
        "model {} {} at width {}, {} classes, mean {:?}, std {:?}",
        spec.arch,
        spec.head,
        spec.width,
        spec.n_outputs.max(2),
        spec.mean,
        spec.std
    ));
    let summary = write_maps(
        &args.out,
        &plan,
        &loaded.model,
        &images.pixels,
        images.labels.as_deref(),
        &images.ids,
        args.run.batch(images.pixels.dim()),
        &progress,
    )?;
    progress.end_stage();
    let chosen = if summary.layer.automatic { "chosen automatically" } else { "as asked" };
    output::talk(&format!("layer {}, {chosen}; epsilon {}", summary.layer, plan.epsilon));
    match &summary.accuracy {
        Some(before) => output::talk(&format!(
            "explained and attacked: the labels; right before {} of {}, after {}",
            before.k, before.n, summary.adversarial_accuracy.k
        )),
        None => output::talk(&format!(
            "explained and attacked: the predicted classes, as there are no labels; kept under attack {} of {}",
            summary.adversarial_accuracy.k, summary.adversarial_accuracy.n
        )),
    }
    output::data(&args.out.display().to_string());
    Ok(())
}
