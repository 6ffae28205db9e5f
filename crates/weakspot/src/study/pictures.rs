//! The arrays behind the figures: class-level maps, and the maps of some single images.

use ndarray::{Array2, Array3, Array4, Axis, stack};

use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::image::Mask;
use crate::record::maps::{ImageMaps, StudyMaps};
use crate::region::{ResolvedFill, class_partition, partition};
use crate::study::defend::Neutralizer;
use crate::study::draws::draw;
use crate::study::findings::Findings;
use crate::study::stage::Bench;

/// Pictured images per class.
const PICTURED: usize = 4;

/// The most bytes that the maps of all images may take: maps are kept in memory until they are written.
const MOST_BYTES: usize = 1 << 30;

/// Everything `maps.safetensors` holds.
pub(crate) fn maps(findings: &Findings<'_>, bench: &Bench<'_>, fill: &ResolvedFill) -> Result<StudyMaps> {
    let plan = findings.plan;
    let of = |f: &dyn Fn(usize) -> Array2<f32>| stacked(&[f(0), f(1)]);
    let of_masks = |f: &dyn Fn(usize) -> Array2<u8>| stacked(&[f(0), f(1)]);
    let counts = |label: usize| &findings.classes[label].regions.counts;
    let bits = |mask: &Mask| mask.0.mapv(u8::from);
    let pictured: Vec<Vec<usize>> = findings
        .classes
        .iter()
        .map(|class| draw(plan.seed, "pictures", findings.subject.data, &class.eval, PICTURED))
        .collect();
    let all = if plan.save_all_maps {
        let every: Vec<Vec<usize>> = findings.classes.iter().map(|c| c.eval.clone()).collect();
        let (_, channels, height, width) = findings.subject.data.pixels.dim();
        // Three images, two float maps and one byte map per image.
        let bytes = every.iter().map(Vec::len).sum::<usize>() * height * width * (12 * channels + 9);
        if bytes > MOST_BYTES {
            return Err(Error::invalid(format!(
                "the maps of all images would take {} MiB of memory; at most {} MiB are allowed",
                bytes >> 20,
                MOST_BYTES >> 20
            ))
            .with_hint(
                Hint::new().set("save-maps", "pictured").say(", or fewer images with ").set("limit", "N"),
            ));
        }
        Some(image_maps(findings, bench, fill, &every)?)
    } else {
        None
    };
    let planted = |truth: &Vec<crate::dataset::Truth>| {
        of_masks(&|label| partition(&truth[label].utility, &truth[label].vulnerability))
    };
    Ok(StudyMaps {
        roi_frequency: of(&|label| counts(label).roi.frequency())?,
        roa_frequency: of(&|label| counts(label).roa.frequency())?,
        region_frequency: stack_of(&[counts(0).region_frequency(), counts(1).region_frequency()])?,
        class_partition: of_masks(&|label| class_partition(counts(label), plan.theta))?,
        blob: of_masks(&|label| bits(&findings.classes[label].regions.blob))?,
        applied_mask: of_masks(&|label| bits(&findings.classes[label].mask))?,
        truth: findings.subject.data.truth.as_ref().filter(|t| t.len() >= 2).map(planted).transpose()?,
        pictured: image_maps(findings, bench, fill, &pictured)?,
        all,
    })
}

fn stacked<T: Clone>(of_class: &[Array2<T>; 2]) -> Result<Array3<T>> {
    stack(Axis(0), &[of_class[0].view(), of_class[1].view()]).map_err(|e| Error::shape(e.to_string()))
}

fn stack_of(of_class: &[Array3<f32>; 2]) -> Result<Array4<f32>> {
    stack(Axis(0), &[of_class[0].view(), of_class[1].view()]).map_err(|e| Error::shape(e.to_string()))
}

/// The maps of some images of each class, made again batch by batch.
fn image_maps(
    findings: &Findings<'_>,
    bench: &Bench<'_>,
    fill: &ResolvedFill,
    of_class: &[Vec<usize>],
) -> Result<ImageMaps> {
    let (_, channels, height, width) = findings.subject.data.pixels.dim();
    let images = || Array4::<f32>::zeros((0, channels, height, width));
    let maps = || Array3::<f32>::zeros((0, height, width));
    let mut out = ImageMaps {
        ids: Vec::new(),
        labels: Vec::new(),
        images: images(),
        adversarial: images(),
        neutralized: images(),
        utility: maps(),
        vulnerability: maps(),
        region: Array3::zeros((0, height, width)),
    };
    for (label, indices) in of_class.iter().enumerate() {
        for chunk in indices.chunks(bench.batch_size.max(1)) {
            let batch = bench.batch(chunk)?;
            let seen = findings.lens.look(&batch, None)?;
            let neutralized =
                Neutralizer { mask: &findings.classes[label].mask, fill }.apply(&batch.images)?;
            out.ids.extend(batch.ids.iter().map(|&id| id.to_owned()));
            out.labels.extend(batch.labels.iter().map(|&l| l as u8));
            append4(&mut out.images, &batch.images)?;
            append4(&mut out.adversarial, &seen.adversarial)?;
            append4(&mut out.neutralized, &neutralized)?;
            for maps in &seen.maps {
                append3(&mut out.utility, &maps.utility.view)?;
                append3(&mut out.vulnerability, &maps.vulnerability.leverage.view)?;
                append3(&mut out.region, &partition(&maps.roi, &maps.roa))?;
            }
        }
    }
    Ok(out)
}

fn append4(all: &mut Array4<f32>, more: &Array4<f32>) -> Result<()> {
    all.append(Axis(0), more.view()).map_err(|e| Error::shape(e.to_string()))
}

fn append3<T: Clone>(all: &mut Array3<T>, more: &Array2<T>) -> Result<()> {
    all.append(Axis(0), more.view().insert_axis(Axis(0))).map_err(|e| Error::shape(e.to_string()))
}
