//! A set of pixels.

use ndarray::Array2;

/// A set of pixels of one image: `true` is inside. Axes `height, width`.
///
/// # Examples
/// ```
/// use weakspot::image::Mask;
///
/// let left = Mask::from_fn(4, 4, |_, x| x < 2);
/// let top = Mask::from_fn(4, 4, |y, _| y < 2);
/// assert_eq!((left.area(), left.fraction()), (8, 0.5));
/// assert_eq!((left.union(&top).area(), left.intersection(&top).area()), (12, 4));
/// assert_eq!(left.shifted(0, 2), left.complement());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(pub Array2<bool>);

impl Mask {
    /// The mask with no pixel.
    pub fn empty(height: usize, width: usize) -> Self {
        Self(Array2::from_elem((height, width), false))
    }

    /// The mask of the pixels for which `inside(row, column)` holds.
    pub fn from_fn(height: usize, width: usize, mut inside: impl FnMut(usize, usize) -> bool) -> Self {
        Self(Array2::from_shape_fn((height, width), |(y, x)| inside(y, x)))
    }

    /// `(height, width)`.
    pub fn dim(&self) -> (usize, usize) {
        self.0.dim()
    }

    /// The number of pixels inside.
    pub fn area(&self) -> usize {
        self.0.iter().filter(|&&b| b).count()
    }

    /// The share of pixels inside, in `[0, 1]`; 0 for an image without pixels.
    pub fn fraction(&self) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.area() as f64 / self.0.len() as f64 }
    }

    /// Whether no pixel is inside.
    pub fn is_empty(&self) -> bool {
        !self.0.iter().any(|&b| b)
    }

    /// Pixel by pixel combination of two masks of one size.
    ///
    /// # Panics
    /// If the sizes differ.
    #[must_use]
    pub fn zip(&self, other: &Self, f: impl Fn(bool, bool) -> bool) -> Self {
        assert_eq!(self.dim(), other.dim(), "masks of one image have one size");
        Self(ndarray::Zip::from(&self.0).and(&other.0).map_collect(|&a, &b| f(a, b)))
    }

    /// Pixels in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a || b)
    }

    /// Pixels in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a && b)
    }

    /// The pixels outside this mask.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self(self.0.mapv(|b| !b))
    }

    /// The mask moved by `(dy, dx)` on the torus: what leaves at one border enters at the other.
    #[must_use]
    pub fn shifted(&self, dy: usize, dx: usize) -> Self {
        let (h, w) = self.dim();
        Self::from_fn(h, w, |y, x| self.0[[(y + h - dy % h) % h, (x + w - dx % w) % w]])
    }

    /// 1 inside, 0 outside.
    pub fn to_f32(&self) -> Array2<f32> {
        self.0.mapv(|b| if b { 1.0 } else { 0.0 })
    }
}
