//! The masks of every threshold in a grid, counted as the fit images stream by: memory grows with the grid and the
//! size of an image, not with the number of images.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::image::Mask;
use crate::region::{MaskCounts, RegionCounts, U_MINUS_V_PLUS};
use crate::study::look::Lens;
use crate::study::packed::PackedMask;
use crate::study::plan::{FEW_SUCCESSES, RoaFrom};
use crate::study::regions::Fate;
use crate::study::stage::Bench;
use crate::study::tune::Tuning;

/// One fit image: its masks at every threshold of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FitRow {
    fate: Fate,
    /// One per delta1; `None` where the utility map is empty.
    roi: Option<Vec<PackedMask>>,
    /// One per delta2.
    roa: Vec<PackedMask>,
}

/// What is counted among the images whose RoA counts.
#[derive(Clone, Debug)]
struct Struck {
    /// One per delta2.
    roa: Vec<MaskCounts>,
    /// U-V+, one per delta1 and delta2, delta2 innermost.
    not_looked_at: Vec<MaskCounts>,
}

/// One class's counts.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    size: (usize, usize),
    from: RoaFrom,
    successes: usize,
    /// One per delta1.
    roi: Vec<MaskCounts>,
    /// As if there were enough successes, and as if there were few: which of them holds is known at the end.
    struck: [Struck; 2],
}

impl Counter {
    /// The counts over the fit images of class `label`.
    pub(crate) fn of_part(
        lens: &Lens<'_>,
        tuning: &Tuning,
        bench: &mut Bench<'_>,
        label: usize,
        fit: &[usize],
    ) -> Result<Self> {
        let input = lens.classifier.input();
        let mut counter = Self::new(tuning, lens.plan.roa_from, (input.height, input.width));
        let title = format!("tuning: maps and attack, {}", bench.data.class_names[label]);
        let work = |_: usize, batch: &crate::study::stage::Batch<'_>| {
            let seen = lens.look(batch, None)?;
            let rows = seen.rows.iter().zip(&seen.maps).map(|(row, maps)| {
                let roi = |t: &crate::region::Threshold| PackedMask::new(&t.region(&maps.utility));
                let roa =
                    |t: &crate::region::Threshold| PackedMask::new(&t.region(&maps.vulnerability.leverage));
                FitRow {
                    fate: Fate::of(row, label),
                    roi: (!maps.utility.empty).then(|| tuning.delta1.iter().map(roi).collect()),
                    roa: tuning.delta2.iter().map(roa).collect(),
                }
            });
            Ok(rows.collect())
        };
        bench.each(&title, &[format!("tune-fit/{label}")], fit, work, |_, _, row| counter.add(&row))?;
        Ok(counter)
    }

    fn new(tuning: &Tuning, from: RoaFrom, size: (usize, usize)) -> Self {
        let none = |n: usize| vec![MaskCounts::new(size.0, size.1); n];
        let (rois, roas) = (tuning.delta1.len(), tuning.delta2.len());
        let struck = Struck { roa: none(roas), not_looked_at: none(rois * roas) };
        Self { size, from, successes: 0, roi: none(rois), struck: [struck.clone(), struck] }
    }

    fn add(&mut self, row: &FitRow) {
        let (height, width) = self.size;
        let masks = |packed: &[PackedMask]| -> Vec<Mask> {
            packed.iter().map(|mask| mask.mask(height, width)).collect()
        };
        self.successes += usize::from(row.fate == Fate::Fell);
        let roi = row.roi.as_ref().filter(|_| row.fate != Fate::Wrong).map(|roi| masks(roi));
        let roa = masks(&row.roa);
        for (counts, mask) in self.roi.iter_mut().zip(roi.iter().flatten()) {
            counts.add(mask);
        }
        for (few, struck) in self.struck.iter_mut().enumerate() {
            if !row.fate.roa_counts(self.from, few == 1) {
                continue;
            }
            for (j, roa) in roa.iter().enumerate().filter(|(_, roa)| !roa.is_empty()) {
                struck.roa[j].add(roa);
                for (i, roi) in roi.iter().flatten().enumerate() {
                    let place = i * struck.roa.len() + j;
                    struck.not_looked_at[place].add(&roa.intersection(&roi.complement()));
                }
            }
        }
    }

    /// The counts that blobs are made of, at delta1 `i` and delta2 `j`; of the four regions only U-V+ is filled in.
    pub(crate) fn at(&self, i: usize, j: usize) -> RegionCounts {
        let few = self.from == RoaFrom::Successes && self.successes < FEW_SUCCESSES;
        let struck = &self.struck[usize::from(few)];
        let mut counts = RegionCounts::new(self.size.0, self.size.1);
        counts.roi = self.roi[i].clone();
        counts.roa = struck.roa[j].clone();
        counts.regions[usize::from(U_MINUS_V_PLUS)] = struck.not_looked_at[i * struck.roa.len() + j].clone();
        counts
    }
}
