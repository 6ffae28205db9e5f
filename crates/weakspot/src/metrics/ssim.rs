//! Structural similarity.
//!
//! Over every window that lies wholly inside the image, with means `mx, my`, variances `vx, vy` and covariance `c`:
//!
//! ```text
//! S = (2 mx my + C1) (2 c + C2) / ((mx^2 + my^2 + C1) (vx + vy + C2)),   C1 = (K1 L)^2, C2 = (K2 L)^2
//! ```
//!
//! K1 = 0.01, K2 = 0.03, and the data range L is 1. SSIM is the mean of S.
//!
//! # References
//! Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity",
//! IEEE Trans. Image Processing 13 (2004), equation 13.
//!
//! # Where we differ
//! [`Window::Gaussian`] is the paper's. [`Window::Uniform`] is scikit-image's default, and the covariance is then the
//! sample's. Only windows inside the image count: scikit-image pads, then crops what the padding touched. An
//! image smaller than the window gets a smaller window instead of an error.

use ndarray::ArrayView2;

use crate::error::{Error, ErrorKind, Result};

/// (0.01 L)^2 with the data range L = 1.
const C1: f64 = 0.01 * 0.01;
/// (0.03 L)^2 with the data range L = 1.
const C2: f64 = 0.03 * 0.03;

/// How the pixels of a window are weighted. Windows shrink to the largest odd side that fits the image.
///
/// # Examples
/// ```
/// use weakspot::metrics::Window;
///
/// assert_eq!((Window::Uniform.name(), Window::Gaussian.name()), ("uniform", "gaussian"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// 7x7, equal weights, sample covariance (divisor n - 1): scikit-image's default.
    #[default]
    Uniform,
    /// 11x11, Gaussian of standard deviation 1.5, population covariance: Wang et al.
    Gaussian,
}

impl Window {
    /// `uniform` or `gaussian`, as the setting `ssim` and the record have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Gaussian => "gaussian",
        }
    }

    /// Weights along one axis, summing to 1, for an image whose smallest side is `side`, and the factor that turns the
    /// weighted covariance into the one this window stands for.
    fn weights(self, side: usize) -> (Vec<f64>, f64) {
        let largest_odd = side - (side + 1) % 2;
        match self {
            Self::Uniform => {
                let size = largest_odd.min(7);
                let pixels = (size * size) as f64;
                // One pixel has no covariance; any finite factor of its zero will do.
                let sample = if size == 1 { 1.0 } else { pixels / (pixels - 1.0) };
                (vec![1.0 / size as f64; size], sample)
            }
            Self::Gaussian => {
                let radius = (largest_odd.min(11) / 2) as i32;
                let raw: Vec<f64> =
                    (-radius..=radius).map(|x| (-0.5 * (f64::from(x) / 1.5).powi(2)).exp()).collect();
                let total: f64 = raw.iter().sum();
                (raw.iter().map(|w| w / total).collect(), 1.0)
            }
        }
    }
}

/// SSIM of two images of one size with data range 1 (maps divided by their maximum, masks, frequencies).
///
/// # Shapes
/// Both `[height, width]`, at least one pixel.
///
/// # Range
/// `[-1, 1]`; 1 for equal images, about 0 for unrelated ones. Symmetric, and exactly 1 for an image and itself.
///
/// # Errors
/// `Shape` where the sizes differ or there is no pixel; `ValueRange` where a value is not finite.
///
/// # Examples
/// ```
/// use ndarray::Array2;
/// use weakspot::metrics::{Window, ssim};
///
/// let slope = Array2::from_shape_fn((8, 8), |(y, _)| y as f32 / 7.0);
/// assert_eq!(ssim(slope.view(), slope.view(), Window::Uniform)?, 1.0);
/// // The inverted image has a negative SSIM.
/// assert!(ssim(slope.view(), slope.mapv(|v| 1.0 - v).view(), Window::Uniform)? < -0.5);
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn ssim(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, window: Window) -> Result<f64> {
    if a.dim() != b.dim() || a.is_empty() {
        return Err(Error::shape(format!(
            "SSIM compares two images of one size with at least one pixel, got {:?} and {:?}",
            a.dim(),
            b.dim()
        )));
    }
    if let Some(value) = a.iter().chain(&b).find(|v| !v.is_finite()) {
        return Err(Error::new(ErrorKind::ValueRange, format!("SSIM needs finite values, got {value}")));
    }
    let (height, width) = a.dim();
    let (weights, sample) = window.weights(height.min(width));
    let (a, b): (Vec<f64>, Vec<f64>) = a.iter().zip(&b).map(|(&a, &b)| (f64::from(a), f64::from(b))).unzip();
    let mean = |image: &[f64]| window_means(image, width, &weights);
    let mean_of_products =
        |a: &[f64], b: &[f64]| mean(&a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<_>>());
    let (mx, my) = (mean(&a), mean(&b));
    let (mxx, myy, mxy) = (mean_of_products(&a, &a), mean_of_products(&b, &b), mean_of_products(&a, &b));
    let mut sum = 0.0;
    for i in 0..mx.len() {
        let (x, y) = (mx[i], my[i]);
        let (vx, vy, c) = (sample * (mxx[i] - x * x), sample * (myy[i] - y * y), sample * (mxy[i] - x * y));
        sum += (2.0 * (x * y) + C1) * (2.0 * c + C2) / ((x * x + y * y + C1) * (vx + vy + C2));
    }
    Ok(sum / mx.len() as f64)
}

/// The weighted mean of every window inside the image, row by row. Both weightings are products of one weight per
/// axis, so columns are summed after rows.
fn window_means(image: &[f64], width: usize, weights: &[f64]) -> Vec<f64> {
    let (rows, columns) = (image.len() / width + 1 - weights.len(), width + 1 - weights.len());
    let mut along_rows = Vec::with_capacity(image.len());
    for source in image.chunks_exact(width) {
        along_rows.extend(weighted_sum(columns, weights, |j| &source[j..]));
    }
    (0..rows).flat_map(|y| weighted_sum(columns, weights, |j| &along_rows[(y + j) * columns..])).collect()
}

/// The sum over j of weight j times the first `length` values of `line(j)`.
fn weighted_sum<'a>(length: usize, weights: &[f64], line: impl Fn(usize) -> &'a [f64]) -> Vec<f64> {
    let mut sums = vec![0.0; length];
    for (j, weight) in weights.iter().enumerate() {
        for (sum, value) in sums.iter_mut().zip(line(j)) {
            *sum += weight * value;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use proptest::prelude::*;

    use super::*;

    fn image(h: usize, w: usize) -> impl Strategy<Value = Array2<f32>> {
        proptest::collection::vec(0.0..=1.0f32, h * w)
            .prop_map(move |v| Array2::from_shape_vec((h, w), v).unwrap_or_default())
    }

    fn pair() -> impl Strategy<Value = (Array2<f32>, Array2<f32>)> {
        (1usize..20, 1usize..20).prop_flat_map(|(h, w)| (image(h, w), image(h, w)))
    }

    #[test]
    fn two_constants_differ_by_their_luminance_alone() {
        let (a, b) = (Array2::from_elem((9, 12), 0.25f32), Array2::from_elem((9, 12), 0.75f32));
        let want = (2.0 * 0.25 * 0.75 + C1) / (0.25 * 0.25 + 0.75 * 0.75 + C1);
        for window in [Window::Uniform, Window::Gaussian] {
            assert!((ssim(a.view(), b.view(), window).unwrap() - want).abs() < 1e-12);
        }
    }

    #[test]
    fn one_window_on_paper() {
        // A 3x3 image is one 3x3 window. a: one pixel of nine set, b = 1 - a. Means 1/9 and 8/9, sample variances
        // 9/8 (1/9 - 1/81) = 1/9, covariance -1/9.
        let a = Array2::from_shape_fn((3, 3), |p| if p == (1, 1) { 1.0f32 } else { 0.0 });
        let b = a.mapv(|v| 1.0 - v);
        let want = (16.0 / 81.0 + C1) * (C2 - 2.0 / 9.0) / ((65.0 / 81.0 + C1) * (2.0 / 9.0 + C2));
        assert!((ssim(a.view(), b.view(), Window::Uniform).unwrap() - want).abs() < 1e-14);
    }

    #[test]
    fn bad_input_is_refused() {
        let a = Array2::<f32>::zeros((4, 5));
        assert_eq!(ssim(a.view(), a.t(), Window::Uniform).unwrap_err().kind(), ErrorKind::Shape);
        let none = Array2::<f32>::zeros((0, 5));
        assert_eq!(ssim(none.view(), none.view(), Window::Uniform).unwrap_err().kind(), ErrorKind::Shape);
        let nan = Array2::from_elem((4, 5), f32::NAN);
        assert_eq!(ssim(a.view(), nan.view(), Window::Uniform).unwrap_err().kind(), ErrorKind::ValueRange);
    }

    proptest! {
        #[test]
        fn identity_symmetry_range((a, b) in pair()) {
            for window in [Window::Uniform, Window::Gaussian] {
                prop_assert_eq!(ssim(a.view(), a.view(), window).unwrap(), 1.0);
                let there = ssim(a.view(), b.view(), window).unwrap();
                prop_assert_eq!(there, ssim(b.view(), a.view(), window).unwrap());
                prop_assert!((-1.0..=1.0).contains(&there));
                let turned = ssim(a.t(), b.t(), window).unwrap();
                prop_assert!((there - turned).abs() < 1e-9, "axes swapped: {} {}", there, turned);
            }
        }
    }
}
