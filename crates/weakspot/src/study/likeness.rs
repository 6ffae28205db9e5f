//! How alike RoI and RoA of one image are, and how co-located each is at its map's own grid.

use crate::error::Result;
use crate::image::{Leverage, Mask};
use crate::metrics::{self, ShiftOverlap};
use crate::region::Threshold;
use crate::rng;
use crate::study::packed::PackedFloats;
use crate::study::plan::Plan;
use crate::study::rows::{EvalLook, Tested};

/// What the comparisons of all images share.
pub(crate) struct Likeness<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) shifts: ShiftOverlap,
}

/// One image's two maps and two masks.
pub(crate) struct Pair<'a> {
    pub(crate) id: &'a str,
    pub(crate) utility: &'a Leverage,
    pub(crate) vulnerability: &'a Leverage,
    pub(crate) roi: &'a Mask,
    pub(crate) roa: &'a Mask,
}

impl Likeness<'_> {
    /// Everything that is measured of one eval image's maps.
    pub(crate) fn measure(&self, pair: &Pair<'_>, adv_features: PackedFloats) -> Result<EvalLook> {
        let both = !pair.roi.is_empty() && !pair.roa.is_empty();
        let window = self.plan.ssim;
        let mut row = EvalLook {
            adv_features,
            ssim_maps: None,
            ssim_masks: None,
            iou: None,
            shift_p: None,
            moran_utility: self.moran("utility", pair.id, pair.utility),
            moran_vulnerability: self.moran("vulnerability", pair.id, pair.vulnerability),
            joins_utility: self.joins("utility", pair.id, pair.utility, self.plan.delta1),
            joins_vulnerability: self.joins("vulnerability", pair.id, pair.vulnerability, self.plan.delta2),
        };
        if both {
            row.ssim_maps =
                Some(metrics::ssim(pair.utility.view.view(), pair.vulnerability.view.view(), window)?);
            row.ssim_masks = Some(metrics::ssim(pair.roi.to_f32().view(), pair.roa.to_f32().view(), window)?);
            row.iou = metrics::iou(pair.roi, pair.roa);
            row.shift_p = self.shifts.test(pair.roi, pair.roa).map(|t| t.upper_p);
        }
        Ok(row)
    }

    /// The permutations are the image's own: shared ones would make the images' p-values rise and fall together.
    fn moran(&self, which: &str, id: &str, map: &Leverage) -> Option<Tested> {
        let mut stream = rng::stream(self.plan.seed, &format!("moran-{which}"), id);
        let test = metrics::moran_test(map.raw.view(), self.plan.permutations, &mut stream)?;
        Some(Tested { value: test.value, p: test.p })
    }

    fn joins(&self, which: &str, id: &str, map: &Leverage, threshold: Threshold) -> Option<Tested> {
        let mut stream = rng::stream(self.plan.seed, &format!("joins-{which}"), id);
        let test =
            metrics::join_test(&threshold.region_of(map.raw.view()), self.plan.permutations, &mut stream)?;
        Some(Tested { value: test.ratio, p: test.p })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ndarray::Array2;

    use super::*;
    use crate::attack::Epsilon;
    use crate::image::{Frame, RawMap};

    #[test]
    fn each_image_meets_permutations_of_its_own() {
        // One set of orders for all images made the share of significant ones a single draw: images that look alike
        // all had one p.
        let mut plan = Plan::new(Epsilon::new(0.05).unwrap(), 3).unwrap();
        plan.permutations = 99;
        let likeness = Likeness { plan: &plan, shifts: ShiftOverlap::new(6, 6) };
        let mut draw = rng::stream(1, "test", "likeness");
        let values = Array2::from_shape_simple_fn((6, 6), || draw.unit());
        let map = Leverage::new(RawMap { values, frame: Frame::Image }, (6, 6)).unwrap();
        let p_of = |which: &str, id: usize| {
            let test = likeness.moran(which, &format!("img/{id}"), &map).unwrap();
            (test.p * 100.0).round() as usize
        };
        let p: BTreeSet<usize> = (0..50).map(|id| p_of("utility", id)).collect();
        assert!(p.len() > 5, "{p:?}");
        assert_eq!(p_of("utility", 0), p_of("utility", 0));
        assert!((0..50).any(|id| p_of("utility", id) != p_of("vulnerability", id)));
    }
}
