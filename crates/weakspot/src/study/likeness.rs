//! How alike RoI and RoA of one image are, and how co-located each is at its map's own grid.

use ndarray::ArrayView2;

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
    /// Moran's I of the raw maps of a batch. Every image of a study meets the same permutations.
    pub(crate) fn morans(&self, which: &str, raw: &[ArrayView2<'_, f32>]) -> Vec<Option<Tested>> {
        let stream = rng::stream(self.plan.seed, &format!("moran-{which}"), "");
        let tests = metrics::moran_tests(raw, self.plan.permutations, &stream);
        tests.into_iter().map(|test| test.map(|t| Tested { value: t.value, p: t.p })).collect()
    }

    /// Everything else that is measured of one eval image's maps.
    pub(crate) fn measure(
        &self,
        pair: &Pair<'_>,
        [moran_utility, moran_vulnerability]: [Option<Tested>; 2],
        adv_features: PackedFloats,
    ) -> Result<EvalLook> {
        let both = !pair.roi.is_empty() && !pair.roa.is_empty();
        let window = self.plan.ssim;
        let mut row = EvalLook {
            adv_features,
            ssim_maps: None,
            ssim_masks: None,
            iou: None,
            shift_p: None,
            moran_utility,
            moran_vulnerability,
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

    fn joins(&self, which: &str, id: &str, map: &Leverage, threshold: Threshold) -> Option<Tested> {
        let mut stream = rng::stream(self.plan.seed, &format!("joins-{which}"), id);
        let test =
            metrics::join_test(&threshold.region_of(map.raw.view()), self.plan.permutations, &mut stream)?;
        Some(Tested { value: test.ratio, p: test.p })
    }
}
