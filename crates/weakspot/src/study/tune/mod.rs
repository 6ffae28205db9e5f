//! The search (setting `tune`): thresholds and fill, on the tune part and nowhere else (METHODS, section 14).
//!
//! One traced pass over the fit images counts the masks of every threshold in the grid as images stream by; each
//! point of the grid then has its blobs, each different applied mask is scored once on the tune images, and the
//! point is chosen by a rule that is fixed beforehand. No image of eval is read.

mod count;
mod found;
mod front;
mod grid;
mod score;
#[cfg(test)]
mod tests;

pub use grid::{Point, TUNE_IMAGES, TuneFor, Tuning};

pub(crate) use found::record;

use crate::error::{Error, Result};
use crate::hint::Hint;
use crate::region::ResolvedFill;
use crate::study::draws::draw;
use crate::study::look::Lens;
use crate::study::stage::Bench;
use crate::study::tune::count::Counter;
use crate::study::tune::front::{Candidate, choose, front};

/// A point of the grid with what it scored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScoredPoint {
    pub(crate) point: Point,
    /// Pixels of the mask that images of each class get.
    pub(crate) area: [usize; 2],
    /// Images of each class that M classifies correctly after N.
    pub(crate) modified: [usize; 2],
    /// The same under the attack of the search.
    pub(crate) attacked: [usize; 2],
    /// Whether no other point is as good in both and better in one.
    pub(crate) front: bool,
    /// Whether neutralization costs no more than the search allows.
    pub(crate) within: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// Tune images per class that were scored.
    pub(crate) n: [usize; 2],
    /// Correct without attack and mask.
    pub(crate) clean: [usize; 2],
    /// Correct under the attack without a mask.
    pub(crate) adv: [usize; 2],
    /// In the grid's order.
    pub(crate) points: Vec<ScoredPoint>,
    /// Different pairs of mask and fill that were scored, classes apart.
    pub(crate) evaluated: usize,
    /// Place in `points`.
    pub(crate) chosen: usize,
}

/// Searches the grid of a plan; `lens` looks with that plan, `fit` and `tune` are its parts by class, `fills` the
/// values of the grid's fills.
///
/// # Errors
/// `InvalidParameter` where a class has no tune image; what passes and journal report.
pub(crate) fn search(
    lens: &Lens<'_>,
    tuning: &Tuning,
    bench: &mut Bench<'_>,
    fit: &[Vec<usize>; 2],
    tune: &[Vec<usize>; 2],
    fills: &[ResolvedFill],
) -> Result<Found> {
    for (part, name) in tune.iter().zip(&bench.data.class_names) {
        if part.is_empty() {
            return Err(Error::invalid(format!("a search needs tune images; class {name} has none"))
                .with_hint(
                    Hint::new().say("give more images of the class, or leave ").setting("tune").say(" out"),
                ));
        }
    }
    let images = [0, 1].map(|c| draw(lens.plan.seed, "tune-images", bench.data, &tune[c], tuning.limit));
    let counters = [
        Counter::of_part(lens, tuning, bench, 0, &fit[0])?,
        Counter::of_part(lens, tuning, bench, 1, &fit[1])?,
    ];
    let masks = score::masks(lens.plan, tuning, &counters);
    drop(counters);
    let scored = [
        score::of_class(lens, tuning, bench, 0, &images[0], &masks[0], fills)?,
        score::of_class(lens, tuning, bench, 1, &images[1], &masks[1], fills)?,
    ];
    let n = images.each_ref().map(Vec::len);
    let [clean, adv] = [0, 1].map(|which| scored.each_ref().map(|of_class| of_class[0][0][which]));

    let mut candidates = Vec::new();
    let mut points = Vec::new();
    for (i, point) in tuning.points().enumerate() {
        let (at, fill) = (i / fills.len(), i % fills.len());
        let counts = [0, 1].map(|class: usize| score::at(&scored[class], masks[class].of[at], fill));
        let area = masks.each_ref().map(|m| m.distinct[m.of[at]].area());
        let [modified, attacked] = [0, 1].map(|which: usize| counts.map(|of_class| of_class[which]));
        candidates.push(Candidate {
            modified: modified.iter().sum(),
            attacked: attacked.iter().sum(),
            area: area.iter().sum(),
        });
        points.push(ScoredPoint { point, area, modified, attacked, front: false, within: false });
    }
    let least = least_right(clean.iter().sum(), n.iter().sum(), tuning.cost);
    for ((point, candidate), on_front) in points.iter_mut().zip(&candidates).zip(front(&candidates)) {
        point.front = on_front;
        point.within = candidate.modified >= least;
    }
    let chosen = choose(&candidates, least).ok_or_else(|| Error::invalid("the grid has no point"))?;
    let evaluated = scored.iter().flatten().map(Vec::len).sum();
    Ok(Found { n, clean, adv, points, evaluated, chosen })
}

/// The least number of correct images after N that costs no more than a share of all.
fn least_right(clean: usize, n: usize, cost: f64) -> usize {
    // A product that only rounding keeps below a whole number is that number.
    clean.saturating_sub((cost * n as f64 + 1e-9).floor() as usize)
}
