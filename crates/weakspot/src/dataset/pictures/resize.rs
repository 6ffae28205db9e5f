//! Shorter side to a size, bicubic and antialiased, then the square in the middle (METHODS, section 2).
//!
//! For an output pixel i of a side brought from n to m pixels, with s = n / m, f = max(s, 1), c = (i + 1/2) s:
//!
//! ```text
//! out_i = sum_j K((j + 1/2 - c) / f) in_j / sum_j K((j + 1/2 - c) / f),      |j + 1/2 - c| < 2 f
//! K(x) = 1.5|x|^3 - 2.5|x|^2 + 1                    for |x| < 1
//!        -0.5|x|^3 + 2.5|x|^2 - 4|x| + 2            for |x| < 2,  0 beyond
//! ```
//!
//! Rows first, then columns, rounded to bytes in between, weights in fixed point with 22 fractional bits: bit for
//! bit what Pillow's `Image.resize(.., BICUBIC)` gives for 8-bit images (`reference/resize.py`). Longer side and crop
//! are torchvision's: the longer side becomes floor(size * long / short), and the square begins at half of what is left
//! over, a half rounded to the even number.
//!
//! # References
//! Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29 (1981), a = -1/2.
//!
//! # Where we differ
//! Only the pixels inside the square are computed, so a picture of 1 x 10,000 pixels costs no more than another.

/// Fractional bits of a weight: a byte times the largest sum of weights still fits 32 bits.
const BITS: u32 = 22;
/// Half the width of the kernel, in output pixels where the picture shrinks.
const SUPPORT: f64 = 2.0;

/// Interleaved bytes, `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interleaved {
    pub(super) bytes: Vec<u8>,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

/// Planar bytes `[channels, size, size]` of the square in the middle of the resized picture.
pub(super) fn square(picture: &Interleaved, size: usize) -> Vec<u8> {
    let short = picture.height.min(picture.width).max(1);
    let side = |n: usize| if n == short { size } else { size * n / short };
    let columns = Taps::new(picture.width, side(picture.width), size);
    let rows = Taps::new(picture.height, side(picture.height), size);
    let (first, last) = rows.span();
    let across = along_rows(picture, &columns, first, last);
    down_columns(&across, &rows, first, picture.channels, size)
}

/// Planar bytes of a picture in the size it has.
pub(super) fn planar(picture: &Interleaved) -> Vec<u8> {
    let n = picture.height * picture.width;
    let mut out = vec![0; picture.channels * n];
    for (i, &value) in picture.bytes.iter().enumerate() {
        out[i % picture.channels * n + i / picture.channels] = value;
    }
    out
}

/// For each output pixel: its first input pixel and its weights.
struct Taps(Vec<(usize, Vec<i32>)>);

impl Taps {
    /// The outputs of the middle `window` of `to`, from a side of `from` pixels.
    fn new(from: usize, to: usize, window: usize) -> Self {
        let left_over = to - window;
        let start = if left_over % 4 == 3 { left_over / 2 + 1 } else { left_over / 2 };
        if from == to {
            return Self((start..start + window).map(|i| (i, vec![1 << BITS])).collect());
        }
        let scale = from as f64 / to as f64;
        let stretch = if scale < 1.0 { 1.0 } else { scale };
        let support = SUPPORT * stretch;
        Self((start..start + window).map(|i| tap(i, from, scale, stretch, support)).collect())
    }

    /// The first input pixel that is needed and the one after the last.
    fn span(&self) -> (usize, usize) {
        let first = self.0.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let last = self.0.iter().map(|(at, weights)| at + weights.len()).max().unwrap_or(0);
        (first, last)
    }
}

fn tap(i: usize, from: usize, scale: f64, stretch: f64, support: f64) -> (usize, Vec<i32>) {
    let centre = (i as f64 + 0.5) * scale;
    // Cut towards 0 as a conversion to an integer does, then kept inside the picture.
    let first = (centre - support + 0.5).max(0.0) as usize;
    let last = ((centre + support + 0.5) as usize).min(from);
    let inverse = 1.0 / stretch;
    let weights: Vec<f64> = (first..last).map(|j| kernel((j as f64 - centre + 0.5) * inverse)).collect();
    let sum: f64 = weights.iter().sum();
    let fixed = |w: f64| {
        let w = w / sum * f64::from(1 << BITS);
        (if w < 0.0 { w - 0.5 } else { w + 0.5 }) as i32
    };
    (first, weights.into_iter().map(fixed).collect())
}

fn kernel(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// Rows `first..last`, each brought to the window: `[rows, window, channels]`.
fn along_rows(picture: &Interleaved, columns: &Taps, first: usize, last: usize) -> Vec<u8> {
    match picture.channels {
        1 => across::<1>(picture, columns, first, last),
        _ => across::<3>(picture, columns, first, last),
    }
}

fn across<const C: usize>(picture: &Interleaved, columns: &Taps, first: usize, last: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity((last - first) * columns.0.len() * C);
    for row in picture.bytes.chunks_exact(picture.width * C).take(last).skip(first) {
        for (at, weights) in &columns.0 {
            let mut sums = [1 << (BITS - 1); C];
            for (pixel, &weight) in row[at * C..].chunks_exact(C).zip(weights) {
                for c in 0..C {
                    sums[c] += i32::from(pixel[c]) * weight;
                }
            }
            out.extend(sums.map(byte));
        }
    }
    out
}

/// Columns brought to the window, planar: `[channels, window, window]`. Row 0 of `across` is row `first`.
fn down_columns(across: &[u8], rows: &Taps, first: usize, channels: usize, size: usize) -> Vec<u8> {
    let width = size * channels;
    let mut out = vec![0; channels * size * size];
    let mut sums = vec![0i32; width];
    for (y, (at, weights)) in rows.0.iter().enumerate() {
        sums.fill(1 << (BITS - 1));
        for (row, &weight) in across[(at - first) * width..].chunks_exact(width).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        for (i, &sum) in sums.iter().enumerate() {
            out[(i % channels * size + y) * size + i / channels] = byte(sum);
        }
    }
    out
}

fn byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        height: usize,
        width: usize,
        channels: usize,
        size: usize,
        input: Vec<u8>,
        output: Vec<u8>,
    }

    #[test]
    fn every_byte_is_pillows() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../../reference/resize.json")).unwrap();
        assert!(cases.len() >= 8);
        for case in cases {
            let Case { height, width, channels, size, input, output } = case;
            let picture = Interleaved { bytes: input, height, width, channels };
            assert!(square(&picture, size) == output, "{height}x{width}x{channels} to {size}");
        }
    }

    #[test]
    fn one_colour_stays_that_colour_and_no_size_is_no_change() {
        let flat = Interleaved { bytes: vec![77; 3 * 9 * 14], height: 9, width: 14, channels: 3 };
        assert!(square(&flat, 5).iter().all(|&v| v == 77));
        assert!(square(&flat, 31).iter().all(|&v| v == 77));
        let own = Interleaved { bytes: (0..48).collect(), height: 4, width: 4, channels: 3 };
        assert_eq!(square(&own, 4), planar(&own));
        assert_eq!(planar(&own)[16], 1, "green of the first pixel stands after all reds");
    }

    #[test]
    fn the_crop_starts_where_torchvision_starts_it() {
        // What is left over is halved and a half rounded to the even number, Python's way.
        for (left_over, start) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 4)] {
            assert_eq!(Taps::new(8 + left_over, 8 + left_over, 8).0[0].0, start, "{left_over}");
        }
    }

    #[test]
    fn a_line_of_pixels_costs_no_more_than_its_square() {
        let line = Interleaved {
            bytes: (0..20_000).map(|i| (i / 100) as u8).collect(),
            height: 1,
            width: 20_000,
            channels: 1,
        };
        let out = square(&line, 32);
        assert_eq!(out.len(), 32 * 32);
        assert!(out.iter().all(|&v| (99..=100).contains(&v)), "the middle of the line");
    }
}
