//! From single images to the class: representatives, partition, blob, and the mask each class gets.

use serde::{Deserialize, Serialize};

use crate::image::Mask;
use crate::metrics::{self, Mean};
use crate::record::{Across, AcrossOf, FitCounts};
use crate::region::{RegionCounts, blob};
use crate::study::packed::PackedMask;
use crate::study::plan::{FEW_SUCCESSES, Plan, RoaFrom};
use crate::study::rows::LookRow;

/// What the attack did to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// Wrong from the start.
    Wrong,
    /// Correct before and after.
    Held,
    /// Correct before and wrong after: a success.
    Fell,
}

impl Fate {
    pub(crate) fn of(row: &LookRow, label: usize) -> Self {
        match (row.clean.right(label), row.adv.right(label)) {
            (false, _) => Self::Wrong,
            (true, true) => Self::Held,
            (true, false) => Self::Fell,
        }
    }

    /// Whether the image's RoA counts: METHODS, section 4, "Which images count". `few`: the class has few successes.
    pub(crate) fn roa_counts(self, from: RoaFrom, few: bool) -> bool {
        match from {
            RoaFrom::All => true,
            RoaFrom::Successes if few => self != Self::Wrong,
            RoaFrom::Successes => self == Self::Fell,
        }
    }
}

/// The regions of one class, from its fit images.
pub(crate) struct ClassRegions {
    pub(crate) counts: RegionCounts,
    pub(crate) fit: FitCounts,
    /// Whether the RoA comes from all correctly classified images because there were few successes.
    pub(crate) few_successes: bool,
    /// Representative RoI at theta.
    pub(crate) roi: Mask,
    /// Representative RoA at theta.
    pub(crate) roa: Mask,
    pub(crate) blob: Mask,
    /// The masks that were counted: RoI and RoA of each image, if it has them.
    members: Vec<[Option<PackedMask>; 2]>,
}

impl ClassRegions {
    /// Which images count: METHODS, section 4, "Thresholds".
    pub(crate) fn new(plan: &Plan, label: usize, rows: &[LookRow], (height, width): (usize, usize)) -> Self {
        let fates: Vec<Fate> = rows.iter().map(|row| Fate::of(row, label)).collect();
        let correct = fates.iter().filter(|fate| **fate != Fate::Wrong).count();
        let successes = fates.iter().filter(|fate| **fate == Fate::Fell).count();
        let few_successes = plan.roa_from == RoaFrom::Successes && successes < FEW_SUCCESSES;
        let mut counts = RegionCounts::new(height, width);
        let mut members = Vec::new();
        let (mut roi_shares, mut roa_shares) = (Vec::new(), Vec::new());
        for (row, fate) in rows.iter().zip(fates) {
            let roi = row.roi.as_ref().filter(|_| fate != Fate::Wrong).map(|m| m.mask(height, width));
            let counted = fate.roa_counts(plan.roa_from, few_successes);
            let roa = counted.then(|| row.roa.mask(height, width)).filter(|m| !m.is_empty());
            counts.add(roi.as_ref(), roa.as_ref());
            roi_shares.extend(roi.as_ref().map(Mask::fraction));
            roa_shares.extend(roa.as_ref().map(Mask::fraction));
            members.push([roi.and(row.roi.clone()), roa.map(|_| row.roa.clone())]);
        }
        let fit = FitCounts {
            images: rows.len(),
            correct,
            successes,
            roi_images: roi_shares.len(),
            roa_images: roa_shares.len(),
            both_images: counts.n_both(),
            roa_from: match plan.roa_from {
                RoaFrom::All => "all",
                RoaFrom::Successes if few_successes => "all-correct",
                RoaFrom::Successes => "successes",
            }
            .to_owned(),
            roi_fraction: Mean::of(&roi_shares),
            roa_fraction: Mean::of(&roa_shares),
        };
        let (roi, roa) = (counts.roi.at_least(plan.theta), counts.roa.at_least(plan.theta));
        let blob = blob(plan.blob, &counts, plan.theta);
        Self { counts, fit, few_successes, roi, roa, blob, members }
    }

    /// Whether a class's images agree more with each other than with the other class's representative: the paper's
    /// second assumption.
    pub(crate) fn across(&self, other: &Self, plan: &Plan) -> Across {
        Across {
            roi: self.across_of(0, &self.counts.roi, &other.roi, plan),
            roa: self.across_of(1, &self.counts.roa, &other.roa, plan),
        }
    }

    fn across_of(
        &self,
        which: usize,
        own: &crate::region::MaskCounts,
        other: &Mask,
        plan: &Plan,
    ) -> AcrossOf {
        let mut pairs = Vec::new();
        let (height, width) = other.dim();
        for packed in self.members.iter().filter_map(|m| m[which].as_ref()) {
            let mask = &packed.mask(height, width);
            // The overlap of two empty masks is undefined; with an empty representative the overlap is 0.
            if let Some(representative) = own.at_least_without(mask, plan.theta)
                && !mask.is_empty()
            {
                let of = |m: &Mask| metrics::iou(mask, m).unwrap_or(0.0);
                pairs.push((of(&representative), of(other)));
            }
        }
        let mean = |f: fn(&(f64, f64)) -> f64| Mean::of(&pairs.iter().map(f).collect::<Vec<_>>());
        AcrossOf { own: mean(|p| p.0), other: mean(|p| p.1), difference: mean(|p| p.0 - p.1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Epsilon;
    use crate::study::packed::PackedFloats;
    use crate::study::rows::Call;

    /// An image of class 0 with these predictions before and after the attack.
    fn row(clean: u8, adv: u8, with_map: bool) -> LookRow {
        let call = |predicted| Call { predicted, margin: 0.0 };
        let mask = |x0: usize| PackedMask::new(&Mask::from_fn(1, 3, |_, x| x == x0));
        LookRow {
            clean: call(clean),
            adv: call(adv),
            roi: with_map.then(|| mask(0)),
            roa: mask(1),
            two_values: 0.0,
            zeros: 0.0,
            features: PackedFloats::default(),
            eval: None,
        }
    }

    /// Successes, then one image that stays correct, one that is wrong from the start, one correct without a map.
    fn rows(successes: usize) -> Vec<LookRow> {
        let mut rows = vec![row(0, 1, true); successes];
        rows.extend([row(0, 0, true), row(1, 1, true), row(0, 0, false)]);
        rows
    }

    #[test]
    fn only_the_images_that_the_method_names_are_counted() {
        let plan = Plan::new(Epsilon::new(0.1).unwrap(), 0).unwrap();
        let paper = Plan::paper(Epsilon::new(0.1).unwrap(), 0).unwrap();
        // RoI: correctly classified with a map. RoA: successes; all correct ones if they are few; all in the paper.
        for (plan, successes, from, roi, roa, both) in [
            (&plan, FEW_SUCCESSES, "successes", FEW_SUCCESSES + 1, FEW_SUCCESSES, FEW_SUCCESSES),
            (&plan, FEW_SUCCESSES - 1, "all-correct", FEW_SUCCESSES, FEW_SUCCESSES + 1, FEW_SUCCESSES),
            (&paper, FEW_SUCCESSES, "all", FEW_SUCCESSES + 1, FEW_SUCCESSES + 3, FEW_SUCCESSES + 1),
        ] {
            let found = ClassRegions::new(plan, 0, &rows(successes), (1, 3));
            let fit = &found.fit;
            assert_eq!((fit.images, fit.correct, fit.successes), (successes + 3, successes + 2, successes));
            assert_eq!((fit.roa_from.as_str(), fit.roi_images, fit.roa_images), (from, roi, roa), "{from}");
            assert_eq!(fit.both_images, both, "{from}");
            assert_eq!(found.few_successes, from == "all-correct");
            assert_eq!(found.blob, Mask::from_fn(1, 3, |_, x| x == 1), "attacked, not looked at");
        }
    }
}
