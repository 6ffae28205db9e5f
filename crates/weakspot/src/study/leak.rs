//! Does the mask's shape tell the label?

use ndarray::Array4;

use crate::error::Result;
use crate::progress::Observer;
use crate::region::{MaskPolicy, ResolvedFill};
use crate::rng;
use crate::study::defend::Neutralizer;
use crate::study::look::Lens;
use crate::study::regions::ClassRegions;
use crate::study::stage::stopped;

/// Noise images that carry nothing but a mask, per class (flag `label-leak`; METHODS, section 9, says 200).
const IMAGES: usize = 100;

/// Noise images that carry nothing but one class's mask: how many are classified as that class, of how many.
pub(crate) fn stage(
    lens: &Lens<'_>,
    regions: &[ClassRegions; 2],
    fill: &ResolvedFill,
    batch_size: usize,
    observer: &dyn Observer,
) -> Result<Option<(usize, usize)>> {
    if lens.plan.mask != MaskPolicy::Oracle || regions.iter().any(|r| r.blob.is_empty()) {
        return Ok(None);
    }
    let input = lens.classifier.input();
    observer.stage("masks alone, on noise", regions.len() * IMAGES);
    let (mut told, mut n) = (0, 0);
    for (label, regions) in regions.iter().enumerate() {
        let mut stream = rng::stream(lens.plan.seed, "leak-noise", &label.to_string());
        // The images are drawn one after the other, however many are classified at once.
        for first in (0..IMAGES).step_by(batch_size) {
            if observer.interrupted() {
                return Err(stopped());
            }
            let count = batch_size.min(IMAGES - first);
            let shape = (count, input.channels, input.height, input.width);
            let noise = Array4::from_shape_simple_fn(shape, || stream.unit());
            let masked = Neutralizer { mask: &regions.blob, fill }.apply(&noise)?;
            let calls = lens.classify(&masked, &vec![label; count])?;
            told += calls.iter().filter(|call| call.right(label)).count();
            n += count;
            observer.advance(count);
        }
    }
    Ok(Some((told, n)))
}
