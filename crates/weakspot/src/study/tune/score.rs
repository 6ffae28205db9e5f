//! From counts to masks, and each different mask scored once on the tune images.

use crate::attack::ThreatModel;
use crate::error::Result;
use crate::image::Mask;
use crate::region::{ResolvedFill, blob};
use crate::study::defend::Neutralizer;
use crate::study::look::Lens;
use crate::study::plan::Plan;
use crate::study::stage::Bench;
use crate::study::tune::count::Counter;
use crate::study::tune::{TuneFor, Tuning};

/// The masks that the images of one class get.
pub(crate) struct Masks {
    /// The empty mask first: what it scores is clean and adv.
    pub(crate) distinct: Vec<Mask>,
    /// Place in `distinct` of each combination of delta1, delta2 and theta, in the grid's order.
    pub(crate) of: Vec<usize>,
}

/// The masks of both classes at every combination of thresholds.
pub(crate) fn masks(plan: &Plan, tuning: &Tuning, counters: &[Counter; 2]) -> [Masks; 2] {
    let mut masks: [Masks; 2] = [0, 1].map(|_| Masks { distinct: Vec::new(), of: Vec::new() });
    for i in 0..tuning.delta1.len() {
        for j in 0..tuning.delta2.len() {
            let counts = counters.each_ref().map(|counter| counter.at(i, j));
            for &theta in &tuning.theta {
                let blobs = counts.each_ref().map(|counts| blob(plan.blob, counts, theta));
                for (label, of_class) in masks.iter_mut().enumerate() {
                    of_class.put(plan.mask.applied([&blobs[0], &blobs[1]], label));
                }
            }
        }
    }
    masks
}

impl Masks {
    fn put(&mut self, mask: Mask) {
        if self.distinct.is_empty() {
            let (height, width) = mask.dim();
            self.distinct.push(Mask::empty(height, width));
        }
        let place = self.distinct.iter().position(|known| *known == mask).unwrap_or_else(|| {
            self.distinct.push(mask);
            self.distinct.len() - 1
        });
        self.of.push(place);
    }
}

/// The tune images of one class that are correct after N, and after N and the attack, by mask and fill. The empty
/// mask has one fill, since it has nothing to fill.
pub(crate) type Right = Vec<Vec<[usize; 2]>>;

/// What a mask scored with a fill.
pub(crate) fn at(right: &Right, mask: usize, fill: usize) -> [usize; 2] {
    right[mask][if mask == 0 { 0 } else { fill }]
}

/// Scores every different mask on the tune images of class `label`.
pub(crate) fn of_class(
    lens: &Lens<'_>,
    tuning: &Tuning,
    bench: &mut Bench<'_>,
    label: usize,
    images: &[usize],
    masks: &Masks,
    fills: &[ResolvedFill],
) -> Result<Right> {
    let fills_of = |mask: usize| if mask == 0 { &fills[..fills.len().min(1)] } else { fills };
    let n = masks.distinct.len();
    let mut right: Right = (0..n).map(|mask| vec![[0; 2]; fills_of(mask).len()]).collect();
    let stages: Vec<String> = (0..n).map(|mask| format!("tune/{label}/{mask}")).collect();
    let title = format!("tuning: {n} masks on tune images, {}", bench.data.class_names[label]);
    bench.each(
        &title,
        &stages,
        images,
        |place, batch| {
            let mask = &masks.distinct[place];
            let threat = match tuning.goal {
                TuneFor::Adaptive => ThreatModel::outside(lens.plan.epsilon, mask),
                TuneFor::Paper => ThreatModel::everywhere(lens.plan.epsilon),
            };
            let mut rows = vec![Vec::new(); batch.ids.len()];
            for fill in fills_of(place) {
                let calls = lens.neutralized(batch, Neutralizer { mask, fill }, &threat)?;
                for (row, calls) in rows.iter_mut().zip(calls) {
                    row.push(calls.map(|call| call.right(label)));
                }
            }
            Ok(rows)
        },
        |place, _, row: Vec<[bool; 2]>| {
            for (counts, calls) in right[place].iter_mut().zip(row) {
                for (count, is_right) in counts.iter_mut().zip(calls) {
                    *count += usize::from(is_right);
                }
            }
        },
    )?;
    Ok(right)
}
