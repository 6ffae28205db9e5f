//! Which pixels are equal by definition.
//!
//! Winograd's transforms round differently at every place of a tile: two pixels that see the same numbers are equal up
//! to their last bits, and it depends on the kernel which of them is larger. For this reason equality is not read from
//! the numbers. It is derived from the input, layer by layer: pixels whose patches hold the same pixels are of one
//! kind, and so are windows whose maxima are the same pixels.

use rayon::prelude::*;

use crate::gates::Gates;
use crate::places::Places;
use crate::pool::MaxPool;
use crate::scalar::Scalar;
use crate::shape::{ConvShape, ShapeError, check};
use crate::simd::LANES;

/// A number for each pixel of some images. It is the same for pixels that are equal in all channels by definition,
/// because they are computed from equal numbers in the same way, whatever rounding makes of them.
///
/// Kinds are hashes of 64 bits: two pixels of different kinds share a number by chance about once in 10^19 pairs.
/// Pixels that are equal for another reason, such as sums that happen to be the same, are not recognised.
///
/// # Examples
/// ```
/// use weakspot_conv::{Kinds, MaxPool};
///
/// // Two pixels that are equal by definition, of which rounding made the second larger.
/// let kinds = Kinds::new(1, (2, 2), 1, &[1.0, 1.0, 0.0, 0.0])?;
/// let pool = MaxPool::new(2, 1, (2, 2))?;
/// let mut largest = [0.0];
/// let places = pool.forward(1, &[1.0, 1.000_000_1, 0.0, 0.0], true, Some(&kinds), &mut largest)?.unwrap();
/// // The gradient still goes to the first.
/// let mut gradient = [0.0; 4];
/// pool.gradient(1, &[7.0], &places, None, &mut gradient)?;
/// assert_eq!(gradient, [7.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    size: (usize, usize),
    of: Vec<u64>,
}

/// The kind of zeros: of input pixels that are zero, and of everything outside the images.
const NOTHING: u64 = 0;

/// Where the hashes of a row, of a patch and of a window's pixel begin. They are not 0, so that a pixel that sees only
/// zeros is not of the kind of zeros, since it has a bias.
const SEEDS: [u64; 3] = [0x2545_f491_4f6c_dd1d, 0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];

/// One step of a hash: for every `hash` a permutation of `value`, and vice versa; it maps zeros to 0.
#[inline]
fn mix(hash: u64, value: u64) -> u64 {
    // The factor is an odd one of the spectral test (Steele and Vigna, arXiv:2001.05304).
    let product = (hash ^ value).wrapping_mul(0xf135_7aea_2e62_a9c5);
    product ^ product >> 29
}

impl Kinds {
    /// The kinds of `n` images `[height, width, channels]`, by their numbers.
    ///
    /// # Errors
    /// When the length disagrees.
    pub fn new<T: Scalar>(
        n: usize,
        size: (usize, usize),
        channels: usize,
        images: &[T],
    ) -> Result<Self, ShapeError> {
        let pixels = n * size.0 * size.1;
        check("images", images.len(), pixels * channels)?;
        let mut of = vec![NOTHING; pixels];
        of.par_iter_mut().zip(images.par_chunks_exact(channels)).with_min_len(1 << 10).for_each(
            |(kind, pixel)| {
                // Adding 0 turns -0 into 0.
                *kind = pixel.iter().fold(NOTHING, |hash, v| mix(hash, (v.to_f64() + 0.0).to_bits()));
            },
        );
        Ok(Self { size, of })
    }

    /// The kinds of a convolution's output on these pixels.
    ///
    /// # Errors
    /// When the convolution is for images of another size.
    pub fn convolved(&self, shape: &ConvShape) -> Result<Self, ShapeError> {
        self.check_size(shape.size)?;
        let (height, width) = shape.out;
        let mut of = vec![0; self.images() * height * width];
        let images = of.par_chunks_exact_mut(height * width).zip(self.of.par_chunks_exact(self.len()));
        images.for_each_init(Vec::new, |rows, (to, from)| convolve(shape, from, rows, to));
        Ok(Self { size: shape.out, of })
    }

    /// The kinds after a ReLU: pixels that it stopped in all channels are zeros.
    ///
    /// # Errors
    /// When the gates have another number of pixels.
    pub fn gated(mut self, gates: &Gates) -> Result<Self, ShapeError> {
        check("gates", gates.pixels(), self.of.len())?;
        let words = gates.channels().div_ceil(LANES).max(1);
        let pixels = self.of.par_iter_mut().zip(gates.bits().par_chunks_exact(words));
        pixels.with_min_len(1 << 10).for_each(|(kind, bits)| {
            if bits.iter().all(|&bits| bits == 0) {
                *kind = NOTHING;
            }
        });
        Ok(self)
    }

    /// The kinds of the output of a ReLU and a pooling of 2x2 windows, given its `maxima`: those of
    /// [`Convolution::forward_pooled`](crate::Convolution::forward_pooled).
    ///
    /// # Errors
    /// When the pooling or the maxima are of images of another size.
    pub fn pooled(&self, pool: &MaxPool, maxima: &Gates) -> Result<Self, ShapeError> {
        check("maxima", maxima.pixels(), self.of.len())?;
        let words = maxima.channels().div_ceil(LANES);
        self.of_windows(pool, words, |_, _, pixel, word| maxima.bits()[pixel * words + word])
    }

    /// The kinds of the output of a max-pooling, given its maxima and their places.
    ///
    /// # Errors
    /// When the pooling, the places or the maxima are of images of another size.
    pub fn pooled_at<T: Scalar>(
        &self,
        pool: &MaxPool,
        places: &Places,
        maxima: &[T],
    ) -> Result<Self, ShapeError> {
        let channels = pool.channels();
        let (height, width) = pool.output_size();
        let windows = self.images() * height * width;
        check("maxima", maxima.len(), windows * channels)?;
        check("places", places.0.len(), windows * pool.groups() * pool.planes())?;
        let words = channels.div_ceil(LANES);
        self.of_windows(pool, words, |window, k, _, word| {
            let values = &maxima[window * channels..][..channels];
            let values = &values[word * LANES..channels.min((word + 1) * LANES)];
            let nonzero = |(i, v): (usize, &T)| u16::from(*v != T::ZERO) << i;
            let nonzero = values.iter().enumerate().map(nonzero).fold(0, |word, bit| word | bit);
            nonzero & places.at(pool, window, word, k)
        })
    }

    /// The kinds of windows' maxima: the same where the same kinds are the maximum in the same channels.
    /// `winner(window, k, pixel, word)` are the channels in which the window's k-th pixel is a maximum that is not 0.
    fn of_windows(
        &self,
        pool: &MaxPool,
        words: usize,
        winner: impl Fn(usize, usize, usize, usize) -> u16 + Sync,
    ) -> Result<Self, ShapeError> {
        let ((height, width), window) = (pool.output_size(), pool.window());
        self.check_size(pool.size())?;
        let mut of = vec![NOTHING; self.images() * height * width];
        of.par_iter_mut().enumerate().with_min_len(1 << 8).for_each(|(i, kind)| {
            let (row, x) = (i / width, i % width);
            let top = row / height * self.size.0 + row % height * window;
            for k in 0..window * window {
                let pixel = (top + k / window) * self.size.1 + x * window + k % window;
                let (mut hash, mut any) = (mix(SEEDS[2], self.of[pixel]), 0);
                for first in (0..words).step_by(4) {
                    let four = (first..words.min(first + 4))
                        .fold(0, |four, word| four << LANES | u64::from(winner(i, k, pixel, word)));
                    any |= four;
                    hash = mix(hash, four);
                }
                if any != 0 {
                    // The order does not count: a maximum is that of a set.
                    *kind = kind.wrapping_add(hash);
                }
            }
        });
        Ok(Self { size: (height, width), of })
    }

    /// Adds images of the same size at the end.
    ///
    /// # Errors
    /// When they are of another size.
    pub fn append(&mut self, other: Self) -> Result<(), ShapeError> {
        self.check_size(other.size)?;
        self.of.extend(other.of);
        Ok(())
    }

    /// Pixels, of all images together.
    pub fn pixels(&self) -> usize {
        self.of.len()
    }

    /// Pixels of one image.
    fn len(&self) -> usize {
        self.size.0 * self.size.1
    }

    fn images(&self) -> usize {
        self.of.len() / self.len().max(1)
    }

    fn check_size(&self, size: (usize, usize)) -> Result<(), ShapeError> {
        if size == self.size {
            return Ok(());
        }
        Err(ShapeError(format!("kinds of images of {:?} pixels were expected to be of {size:?}", self.size)))
    }

    pub(crate) fn as_slice(&self) -> &[u64] {
        &self.of
    }
}

/// One image: first every row of the patches, then the rows of each patch together. `rows` is memory to use.
fn convolve(shape: &ConvShape, from: &[u64], rows: &mut Vec<u64>, to: &mut [u64]) {
    let ((height, width), columns) = (shape.size, shape.out.1);
    let padded = width + shape.padding[1] + shape.padding[3];
    rows.clear();
    rows.resize(padded + (height + 1) * columns, NOTHING);
    let (line, rows) = rows.split_at_mut(padded);
    let (outside, rows) = rows.split_at_mut(columns);
    let hash = |line: &[u64], to: &mut [u64]| {
        to.fill(SEEDS[0]);
        for kx in 0..shape.kernel.1 {
            for (hash, &kind) in to.iter_mut().zip(line[kx..].iter().step_by(shape.stride.1)) {
                *hash = mix(*hash, kind);
            }
        }
    };
    hash(line, outside);
    for (row, to) in from.chunks_exact(width).zip(rows.chunks_exact_mut(columns)) {
        line[shape.padding[1]..][..width].copy_from_slice(row);
        hash(line, to);
    }
    for (y, to) in to.chunks_exact_mut(columns).enumerate() {
        to.fill(SEEDS[1]);
        for ky in 0..shape.kernel.0 {
            let row = (y * shape.stride.0 + ky).checked_sub(shape.padding[0]).filter(|&row| row < height);
            let row = row.map_or(&*outside, |row| &rows[row * columns..][..columns]);
            for (hash, &row) in to.iter_mut().zip(row) {
                *hash = mix(*hash, row);
            }
        }
    }
}
