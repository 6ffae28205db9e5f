//! `weakspot maps`: the arrays of one traced pass and one attack, for the user's own images and model.

use std::collections::BTreeSet;
use std::path::Path;

use weakspot::dataset::Arrays;
use weakspot::dataset::outputs::{By, Labels};
use weakspot::dataset::pictures::{Grouping, Listing, Options};
use weakspot::progress::Observer as _;
use weakspot::study::write_maps;
use weakspot::{Error, Result};

use crate::args::{MapsArgs, SplitBy};
use crate::data::{masks, source};
use crate::model;
use crate::model::network::{self, Opened};
use crate::request::plan;
use crate::results::folder;
use crate::system::interrupt::Interrupt;
use crate::system::threads;
use crate::terminal::output;
use crate::terminal::progress::Progress;

/// Maps every image and writes the file.
pub(crate) fn run(args: &MapsArgs) -> Result<()> {
    threads::start(args.run.threads)?;
    let mut plan = plan::maps(args)?;
    let pictures = args.images.is_dir() && args.labels.is_none();
    if !pictures && args.images.exists() {
        source::no_picture_flags(&args.images.display().to_string(), &args.pictures, SplitBy::Image)?;
    }
    folder::check_file(&args.out, args.run.force)?;
    if let Some(pictures) = &args.png {
        fresh_folder(pictures, args.run.force)?;
    }
    let progress = Progress::new(Interrupt::listen()?);
    let images = if pictures {
        let name = args.images.display().to_string();
        let size = match args.pictures.size {
            Some(size) => Some(size),
            None => network::fixed_side(&args.weights)?,
        };
        if let (Some(side), None) = (size, args.pictures.size) {
            output::talk(&format!("pictures are resized to {side} x {side} pixels, which the network takes"));
        }
        let options = Options {
            size,
            skip_bad: args.pictures.skip_bad,
            scratch: args.pictures.scratch.clone(),
            ..Options::default()
        };
        let listing = progress.while_reading(|| Listing::of_folder(&args.images, &name, Grouping::None))?;
        let loaded = listing.load(&options, &progress)?;
        progress.end_stage();
        for skipped in &loaded.provenance.skipped {
            output::talk(&format!("left out {}: {}", skipped.file, skipped.why));
        }
        loaded.into_arrays()
    } else {
        progress.while_reading(|| source::of_arrays(&args.images, args.labels.as_deref()))?
    };
    for note in &images.notes {
        output::talk(&format!("note: {note}"));
    }
    let (_, channels, height, width) = images.pixels.dim();
    let shape = [channels, height, width];
    let mask = || args.mask.as_ref().map(|file| masks::single(file, (height, width))).transpose();
    plan.allowed = progress.while_reading(mask)?;
    let mut opened = progress.while_reading(|| model::open(&args.weights, &args.model, shape))?;
    opened.network.stop_on(progress.stop_flag());
    if let Some(check) = &args.check.check {
        output::talk(&model::check(check, &opened.network)?);
    }
    if let Some(remark) = plan::remark(plan.epsilon) {
        output::talk(&remark);
    }
    for said in &opened.said {
        output::talk(said);
    }
    output::talk(&opened.summary);
    let labels = outputs_of(args, &images, &opened)?;
    let summary = write_maps(
        &args.out,
        args.run.force,
        &plan,
        &*opened.network,
        &images.pixels,
        labels.as_deref(),
        &images.ids,
        args.run.batch(images.pixels.dim()),
        &progress,
    )?;
    progress.end_stage();
    let chosen = if summary.layer.automatic { "chosen automatically" } else { "as asked" };
    output::talk(&format!("layer {}, {chosen}; epsilon {}", summary.layer, plan.epsilon));
    match &summary.accuracy {
        Some(before) => output::talk(&format!(
            "explained and attacked: the labels; correct before the attack: {} of {}, after it: {}",
            before.k, before.n, summary.adversarial_accuracy.k
        )),
        None => output::talk(&format!(
            "explained and attacked: the predicted classes, as there are no labels; unchanged by the attack: {} of {}",
            summary.adversarial_accuracy.k, summary.adversarial_accuracy.n
        )),
    }
    if summary.without_gradient > 0 {
        output::talk(&format!(
            "note: {} of {} images have a loss gradient of zero everywhere: no gradient attack changes them",
            summary.without_gradient, summary.images
        ));
    }
    if summary.empty_roi + summary.empty_roa > 0 {
        output::talk(&format!(
            "note: {} of {} images have an empty RoI (no pixel speaks for the class), and {} an empty RoA; try another \
             --layer, or a wider --delta1 and --delta2",
            summary.empty_roi, summary.images, summary.empty_roa
        ));
    }
    output::data(&args.out.display().to_string())?;
    Ok(())
}

/// Makes the folder of pictures, which must be new or empty without `--force`.
fn fresh_folder(path: &Path, force: bool) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, &e))?;
    let mut entries = std::fs::read_dir(path).map_err(|e| Error::io(path, &e))?;
    if !force && entries.next().is_some() {
        return Err(Error::invalid(format!(
            "expected a new or empty folder; {} is not empty",
            path.display()
        ))
        .with_hint("choose another --png, or add --force to add to what is there"));
    }
    Ok(())
}

/// The output of the model that each image's label means; `None` for images without labels.
fn outputs_of(args: &MapsArgs, images: &Arrays, opened: &Opened) -> Result<Option<Vec<usize>>> {
    let typed = args.classes.as_ref().map_or(&[][..], |typed| &typed.0);
    let Some(labels) = &images.labels else {
        return match typed {
            [] => Ok(None),
            _ => Err(Error::invalid("--classes says what labels mean; the images have none")
                .with_hint("leave --classes out, or put the images into one folder per class")),
        };
    };
    let n_classes = labels.iter().max().map_or(0, |most| most + 1);
    let numbers: Vec<String> = (0..n_classes).map(|class| class.to_string()).collect();
    let (names, classes) = match &images.class_names {
        Some(names) => (names, Labels::named(names)),
        None => (&numbers, Labels::numbered(&numbers)),
    };
    let occurring: BTreeSet<usize> = labels.iter().copied().collect();
    let wanted: Vec<usize> = occurring.into_iter().collect();
    let known = &opened.class_names;
    let outputs = classes.outputs(&wanted, opened.network.n_classes(), known, typed)?;
    // Labels that are the numbers of outputs need no explanation.
    if outputs.by != By::Numbers {
        let wanted: Vec<String> = wanted.iter().map(|&class| names[class].clone()).collect();
        output::talk(&model::matched(&wanted, &outputs, known));
    }
    let of = |label: &usize| wanted.binary_search(label).map_or(*label, |place| outputs.of[place]);
    Ok(Some(labels.iter().map(of).collect()))
}
