//! The attack's control: random signs of the same size.

use crate::attack::{Noise, ThreatModel};
use crate::error::Result;
use crate::study::draws::draw;
use crate::study::look::{Lens, calls};
use crate::study::rows::Call;
use crate::study::stage::Bench;

/// Eval images per class on which random signs are compared with the attack (flag `weak-attack`).
const IMAGES: usize = 100;

/// Calls on images with random signs of the study's epsilon, and which images those are.
pub(crate) struct NoiseCheck {
    pub(crate) images: Vec<usize>,
    pub(crate) calls: Vec<Call>,
}

/// Random signs on some eval images of each class.
pub(crate) fn stage(
    lens: &Lens<'_>,
    bench: &mut Bench<'_>,
    eval: &[Vec<usize>; 2],
) -> Result<[NoiseCheck; 2]> {
    let mut checks = [0, 1].map(|_| NoiseCheck { images: Vec::new(), calls: Vec::new() });
    for (label, check) in checks.iter_mut().enumerate() {
        check.images = draw(lens.plan.seed, "noise-images", bench.data, &eval[label], IMAGES);
        let title = format!("random signs, {}", bench.data.class_names[label]);
        let threat = ThreatModel::everywhere(lens.plan.epsilon);
        check.calls = bench.rows(&format!("noise/{label}"), &title, &check.images, |batch| {
            Ok(calls(&lens.untargeted(&Noise, batch, &batch.images, &threat)?.logits, &batch.labels))
        })?;
    }
    Ok(checks)
}
