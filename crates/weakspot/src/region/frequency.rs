//! The class level: how often each pixel is in each region.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array2, Array3, Axis};

use super::labels::partition;
use crate::error::{Error, Result};
use crate::image::Mask;

/// The frequency from which on a pixel belongs to a representative or a blob, in (0, 1].
///
/// # Examples
/// ```
/// use weakspot::region::Theta;
///
/// let theta: Theta = "0.5".parse()?;
/// assert_eq!(theta.get(), 0.5);
/// assert!(Theta::new(0.0).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Theta(f64);

impl Theta {
    /// A frequency.
    ///
    /// # Errors
    /// `InvalidParameter` unless it is above 0 and at most 1: at 0 every pixel would belong.
    pub fn new(value: f64) -> Result<Self> {
        if value > 0.0 && value <= 1.0 {
            return Ok(Self(value));
        }
        Err(Error::invalid(format!("theta must be above 0 and at most 1; got {value}"))
            .with_hint("for example 0.5"))
    }

    /// The frequency.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Theta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Theta {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let value = text.trim().parse().map_err(|e| {
            Error::invalid(format!("theta must be a number; got {text:?} ({e})")).with_hint("for example 0.5")
        })?;
        Self::new(value)
    }
}

/// How many of a number of masks hold each pixel. Integers, so that the order of the images changes nothing.
///
/// # Examples
/// ```
/// use ndarray::arr2;
/// use weakspot::image::Mask;
/// use weakspot::region::{MaskCounts, Theta};
///
/// let mut counts = MaskCounts::new(1, 2);
/// counts.add(&Mask(arr2(&[[true, true]])));
/// counts.add(&Mask(arr2(&[[true, false]])));
/// assert_eq!(counts.frequency(), arr2(&[[1.0, 0.5]]));
/// assert_eq!(counts.at_least(Theta::new(0.6)?).0, arr2(&[[true, false]]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskCounts {
    /// Masks that were added.
    pub n: u32,
    /// Masks that hold the pixel, `[height, width]`.
    pub counts: Array2<u32>,
}

impl MaskCounts {
    /// No mask yet.
    pub fn new(height: usize, width: usize) -> Self {
        Self { n: 0, counts: Array2::zeros((height, width)) }
    }

    /// Adds one image's mask.
    ///
    /// # Panics
    /// If its size differs.
    pub fn add(&mut self, mask: &Mask) {
        assert_eq!(mask.0.raw_dim(), self.counts.raw_dim(), "masks of one class have one size");
        self.n += 1;
        self.counts.zip_mut_with(&mask.0, |count, &inside| *count += u32::from(inside));
    }

    /// Adds what another has counted.
    ///
    /// # Panics
    /// If its size differs.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(other.counts.raw_dim(), self.counts.raw_dim(), "masks of one class have one size");
        self.n += other.n;
        self.counts += &other.counts;
    }

    /// The frequency map: the share of masks that hold each pixel, in `[0, 1]`; all 0 without a mask.
    pub fn frequency(&self) -> Array2<f32> {
        let n = f64::from(self.n.max(1));
        self.counts.mapv(|count| (f64::from(count) / n) as f32)
    }

    /// The pixels whose frequency is at least theta: the representative, as a mask. Empty without a mask.
    pub fn at_least(&self, theta: Theta) -> Mask {
        reached(&self.counts, self.n, theta)
    }

    /// [`MaskCounts::at_least`] with one of the added masks left out, so that an image is not compared with itself;
    /// `None` where it was the only one.
    ///
    /// # Panics
    /// If the mask's size differs. The answer is meaningless if the mask was never added.
    pub fn at_least_without(&self, mask: &Mask, theta: Theta) -> Option<Mask> {
        assert_eq!(mask.0.raw_dim(), self.counts.raw_dim(), "masks of one class have one size");
        let n = self.n.checked_sub(1).filter(|&n| n > 0)?;
        let mut counts = self.counts.clone();
        counts.zip_mut_with(&mask.0, |count, &inside| *count = count.saturating_sub(u32::from(inside)));
        Some(reached(&counts, n, theta))
    }
}

/// Compared as a quotient: 7 of 100 then reaches 0.07 exactly, where 0.07 * 100 would be above 7.
fn reached(counts: &Array2<u32>, n: u32, theta: Theta) -> Mask {
    Mask(counts.mapv(|count| n > 0 && f64::from(count) / f64::from(n) >= theta.get()))
}

/// The counts of one class's images. Its representatives are frequencies (METHODS, section 5).
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
/// use weakspot::region::{RegionCounts, U_MINUS_V_PLUS};
///
/// let (left, right) = (Mask::from_fn(1, 2, |_, x| x == 0), Mask::from_fn(1, 2, |_, x| x == 1));
/// let mut counts = RegionCounts::new(1, 2);
/// counts.add(Some(&left), Some(&right));
/// counts.add(Some(&left), Some(&left));
/// // The attack on this image failed, so it has no RoA.
/// counts.add(Some(&left), None);
/// assert_eq!((counts.roi.n, counts.roa.n, counts.n_both()), (3, 2, 2));
/// assert_eq!(counts.region_frequency()[[usize::from(U_MINUS_V_PLUS), 0, 1]], 0.5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionCounts {
    /// Over the images that have a RoI.
    pub roi: MaskCounts,
    /// Over the images that have a RoA.
    pub roa: MaskCounts,
    /// Over the images that have both: one per region, indexed by its label `2 * U + V`.
    pub regions: [MaskCounts; 4],
}

impl RegionCounts {
    /// No image yet.
    pub fn new(height: usize, width: usize) -> Self {
        let none = || MaskCounts::new(height, width);
        Self { roi: none(), roa: none(), regions: [none(), none(), none(), none()] }
    }

    /// Adds one image: its RoI and its RoA, if it has them (METHODS, section 4 says which images have).
    ///
    /// # Panics
    /// If a mask's size differs.
    pub fn add(&mut self, roi: Option<&Mask>, roa: Option<&Mask>) {
        if let Some(roi) = roi {
            self.roi.add(roi);
        }
        if let Some(roa) = roa {
            self.roa.add(roa);
        }
        if let (Some(roi), Some(roa)) = (roi, roa) {
            let labels = partition(roi, roa);
            for (region, counts) in (0..).zip(&mut self.regions) {
                counts.add(&super::labels::region_of(&labels, region));
            }
        }
    }

    /// Adds what another has counted.
    ///
    /// # Panics
    /// If its size differs.
    pub fn merge(&mut self, other: &Self) {
        self.roi.merge(&other.roi);
        self.roa.merge(&other.roa);
        for (ours, theirs) in self.regions.iter_mut().zip(&other.regions) {
            ours.merge(theirs);
        }
    }

    /// Images that have both a RoI and a RoA.
    pub fn n_both(&self) -> usize {
        self.regions[0].n as usize
    }

    /// The four region frequencies, `[4, height, width]`; they sum to 1 over axis 0 where an image has both.
    pub fn region_frequency(&self) -> Array3<f32> {
        let (height, width) = self.roi.counts.dim();
        let mut all = Array3::zeros((4, height, width));
        for (mut out, counts) in all.axis_iter_mut(Axis(0)).zip(&self.regions) {
            out.assign(&counts.frequency());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    fn mask(row: [bool; 3]) -> Mask {
        Mask(arr2(&[row]))
    }

    #[test]
    fn regions_are_counted_over_the_images_that_have_both() {
        let mut counts = RegionCounts::new(1, 3);
        let (a, b) = (mask([true, true, false]), mask([false, true, true]));
        counts.add(Some(&a), Some(&b));
        counts.add(Some(&a), None);
        counts.add(None, Some(&a));
        assert_eq!((counts.roi.n, counts.roa.n, counts.n_both()), (2, 2, 1));
        assert_eq!(counts.roi.frequency(), arr2(&[[1.0, 1.0, 0.0]]));
        assert_eq!(counts.roa.frequency(), arr2(&[[0.5, 1.0, 0.5]]));
        let regions = counts.region_frequency();
        assert_eq!(regions.sum_axis(Axis(0)), arr2(&[[1.0, 1.0, 1.0]]));
        assert_eq!((regions[[2, 0, 0]], regions[[3, 0, 1]], regions[[1, 0, 2]]), (1.0, 1.0, 1.0));
    }

    #[test]
    fn merging_is_adding() {
        let (a, b) = (mask([true, true, false]), mask([false, true, true]));
        let (mut one, mut two, mut whole) =
            (RegionCounts::new(1, 3), RegionCounts::new(1, 3), RegionCounts::new(1, 3));
        one.add(Some(&a), Some(&b));
        two.add(Some(&b), None);
        for (u, v) in [(Some(&b), None), (Some(&a), Some(&b))] {
            whole.add(u, v);
        }
        one.merge(&two);
        assert_eq!(one, whole);
    }

    #[test]
    fn theta_is_reached_exactly() {
        let mut counts = MaskCounts::new(1, 3);
        for i in 0..100 {
            counts.add(&mask([i < 7, i < 6, true]));
        }
        let theta = "0.07".parse().unwrap();
        assert_eq!(counts.at_least(theta), mask([true, false, true]));
        assert_eq!(MaskCounts::new(1, 3).at_least(theta), Mask::empty(1, 3), "no image, no representative");
    }

    #[test]
    fn leaving_an_image_out_is_counting_the_others() {
        let masks = [mask([true, true, false]), mask([false, true, true]), mask([false, true, false])];
        let theta = Theta::new(0.5).unwrap();
        let mut all = MaskCounts::new(1, 3);
        for m in &masks {
            all.add(m);
        }
        for (i, left_out) in masks.iter().enumerate() {
            let mut others = MaskCounts::new(1, 3);
            for (_, m) in masks.iter().enumerate().filter(|(j, _)| *j != i) {
                others.add(m);
            }
            assert_eq!(all.at_least_without(left_out, theta), Some(others.at_least(theta)));
        }
        let mut one = MaskCounts::new(1, 3);
        one.add(&masks[0]);
        assert_eq!(one.at_least_without(&masks[0], theta), None);
    }

    #[test]
    fn theta_out_of_range_is_refused_with_a_hint() {
        for bad in ["0", "-0.5", "1.01", "nan", "half"] {
            assert!(bad.parse::<Theta>().unwrap_err().hint().is_some(), "{bad}");
        }
        assert_eq!("1".parse::<Theta>().unwrap().get(), 1.0);
    }
}
