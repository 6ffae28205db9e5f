//! Everything a study found, before it is counted.

use crate::image::Mask;
use crate::study::controls::Controls;
use crate::study::fills::OtherFill;
use crate::study::look::Lens;
use crate::study::looks::Looks;
use crate::study::margins::Margins;
use crate::study::noise::NoiseCheck;
use crate::study::plan::Plan;
use crate::study::regions::ClassRegions;
use crate::study::rows::{Call, DefendRow, EvalLook, LookRow};
use crate::study::subject::Subject;
use crate::study::sweep::Sweep;
use crate::study::tally::Calls;
use crate::study::tune;
use crate::study::untrained::Untrained;

/// Everything a study found about one class.
pub(crate) struct ClassFindings {
    pub(crate) regions: ClassRegions,
    /// The mask its images get.
    pub(crate) mask: Mask,
    /// Places in the data set.
    pub(crate) fit: Vec<usize>,
    pub(crate) eval: Vec<usize>,
    /// One per eval image.
    pub(crate) looks: Vec<LookRow>,
    /// One per eval image, with the headline fill.
    pub(crate) defends: Vec<DefendRow>,
    /// P0w and P3w, one call per eval image.
    pub(crate) worst: Option<[Vec<Call>; 2]>,
    /// The fills after the headline fill, in the plan's order.
    pub(crate) others: Vec<OtherFill>,
    pub(crate) noise: NoiseCheck,
}

/// Everything a study found.
pub(crate) struct Findings<'a> {
    pub(crate) plan: &'a Plan,
    /// The plan before a search changed it; the same plan if there was no search.
    pub(crate) base: &'a Plan,
    pub(crate) subject: &'a Subject<'a>,
    pub(crate) lens: &'a Lens<'a>,
    /// Two: one per class.
    pub(crate) classes: Vec<ClassFindings>,
    pub(crate) controls: Controls,
    pub(crate) margins: Margins,
    pub(crate) sweep: Sweep,
    /// By class.
    pub(crate) untrained: Option<[Untrained; 2]>,
    pub(crate) leak: Option<(usize, usize)>,
    /// The fit images' rows, by class.
    pub(crate) fit_looks: Looks,
    pub(crate) tuned: Option<tune::Found>,
}

impl ClassFindings {
    /// Every protocol with the headline fill.
    pub(crate) fn calls(&self) -> Calls {
        let looks = |f: fn(&LookRow) -> Call| self.looks.iter().map(f).collect();
        let rows: Vec<&DefendRow> = self.defends.iter().collect();
        Calls::new(looks(|l| l.clean), looks(|l| l.adv), &rows, self.worst.clone())
    }

    /// Every protocol with another fill, on its images.
    pub(crate) fn calls_of(&self, other: &OtherFill) -> Calls {
        let places: Vec<usize> =
            (0..self.eval.len()).filter(|&i| other.images.contains(&self.eval[i])).collect();
        let looks = |f: fn(&LookRow) -> Call| places.iter().map(|&i| f(&self.looks[i])).collect();
        let worst = self.worst.as_ref().zip(other.worst.clone());
        let worst =
            worst.map(|([plain, _], defended)| [places.iter().map(|&i| plain[i]).collect(), defended]);
        Calls::new(looks(|l| l.clean), looks(|l| l.adv), &other.rows.iter().collect::<Vec<_>>(), worst)
    }

    pub(crate) fn eval_looks(&self) -> impl Iterator<Item = &EvalLook> {
        self.looks.iter().filter_map(|l| l.eval.as_ref())
    }
}
