//! Max-pooling, and its gradient with the ReLU below it.

use rayon::prelude::*;

use crate::gates::Gates;
use crate::kinds::Kinds;
use crate::places::Places;
use crate::scalar::Scalar;
use crate::shape::{ShapeError, check};
use crate::simd::{Isa, Kernel, LANES, Vector, run};

/// Max-pooling of square windows side by side from the top left; rows and columns left over at the bottom and right
/// are dropped.
///
/// Among equal values the first in reading order counts, and a NaN beats every number. This is PyTorch's rule.
///
/// # Examples
/// ```
/// use weakspot_conv::MaxPool;
///
/// // An image of 2x4 pixels of one channel, in windows of 2x2.
/// let pool = MaxPool::new(2, 1, (2, 4))?;
/// let image = [1.0_f32, 5.0, 0.0, 0.0, 2.0, 3.0, 0.0, 9.0];
/// let mut largest = [0.0; 2];
/// let places = pool.forward(1, &image, true, None, &mut largest)?.unwrap();
/// assert_eq!(largest, [5.0, 9.0]);
/// let mut gradient = [0.0; 8];
/// pool.gradient(1, &[1.0, 2.0], &places, None, &mut gradient)?;
/// assert_eq!(gradient, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0]);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    window: usize,
    channels: usize,
    size: (usize, usize),
    out: (usize, usize),
    /// Bits of a place in the window.
    planes: usize,
}

impl MaxPool {
    /// Windows of `window` pixels a side on images `[height, width, channels]`.
    ///
    /// # Errors
    /// When a count is zero, or a window larger than the image.
    pub fn new(window: usize, channels: usize, size: (usize, usize)) -> Result<Self, ShapeError> {
        if window == 0 || window > 255 || channels == 0 || size.0 < window || size.1 < window {
            return Err(ShapeError(format!(
                "cannot pool {window}x{window} windows of {channels} channels on an image of {size:?}"
            )));
        }
        let planes = (window * window).next_power_of_two().ilog2() as usize;
        Ok(Self { window, channels, size, out: (size.0 / window, size.1 / window), planes })
    }

    /// Words that hold the places in a window.
    pub(crate) fn planes(&self) -> usize {
        self.planes
    }

    /// Pixels of a window's side.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// `(height, width)` of the images.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.size
    }

    /// `(height, width)` of the output.
    pub(crate) fn output_size(&self) -> (usize, usize) {
        self.out
    }

    fn lengths(&self, n: usize) -> Result<[usize; 2], ShapeError> {
        let numbers = |(height, width): (usize, usize)| {
            [n, height, width, self.channels].into_iter().try_fold(1usize, usize::checked_mul)
        };
        match (numbers(self.size), numbers(self.out)) {
            (Some(input), Some(output)) => Ok([input, output]),
            _ => Err(ShapeError(format!("{n} images of {:?} do not fit in memory", self.size))),
        }
    }

    pub(crate) fn groups(&self) -> usize {
        self.channels.div_ceil(LANES)
    }

    /// The maxima of `n` images, and their places if `keep`. If `kinds`, those of the input, are given, the first of
    /// the pixels of one kind counts, even if rounding made another larger.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn forward<T: Scalar>(
        &self,
        n: usize,
        input: &[T],
        keep: bool,
        kinds: Option<&Kinds>,
        output: &mut [T],
    ) -> Result<Option<Places>, ShapeError> {
        let lengths = self.lengths(n)?;
        if let Some(kinds) = kinds {
            check("kinds", kinds.pixels() * self.channels, lengths[0])?;
        }
        check("input", input.len(), lengths[0])?;
        check("output", output.len(), lengths[1])?;
        let words = self.out.1 * self.groups() * self.planes;
        let mut places = vec![0; if keep { n * self.out.0 * words } else { 0 }];
        let kinds = kinds.filter(|_| keep).map(Kinds::as_slice);
        let pool = |row: usize, output: &mut [T], places: &mut [u16]| {
            let input = self.rows_under(row, self.channels, input);
            let kinds = kinds.map(|kinds| self.rows_under(row, 1, kinds));
            if let (Some(input), Some(output)) = (T::singles(input), T::singles_mut(output)) {
                run(Isa::best(), Forward { pool: self, input, kinds, output, places });
            } else {
                self.forward_row(input, kinds, output, places);
            }
        };
        let rows = output.par_chunks_exact_mut(self.out.1 * self.channels).enumerate();
        if keep {
            // Windows of one pixel have a place too, but it takes no bits.
            if words == 0 {
                rows.for_each(|(row, output)| pool(row, output, &mut []));
            } else {
                let places = places.par_chunks_exact_mut(words);
                rows.zip(places).for_each(|((row, output), places)| pool(row, output, places));
            }
            return Ok(Some(Places(places)));
        }
        rows.for_each(|(row, output)| pool(row, output, &mut []));
        Ok(None)
    }

    /// The rows of pixels, of so many numbers each, under a row of windows, counted through all images.
    fn rows_under<'a, T>(&self, row: usize, numbers: usize, input: &'a [T]) -> &'a [T] {
        let pitch = self.size.1 * numbers;
        let first = row / self.out.0 * self.size.0 + row % self.out.0 * self.window;
        &input[first * pitch..][..self.window * pitch]
    }

    /// The places of a window that are equal to an earlier one by definition, each with the first it is equal to.
    fn equals(&self, kinds: Option<&[u64]>, x: usize, equals: &mut Vec<[usize; 2]>) {
        equals.clear();
        let Some(kinds) = kinds else { return };
        let at = |k: usize| kinds[k / self.window * self.size.1 + x * self.window + k % self.window];
        for k in 1..self.window * self.window {
            equals.extend((0..k).find(|&j| at(j) == at(k)).map(|first| [k, first]));
        }
    }

    /// [`Forward`] for any numbers.
    fn forward_row<T: Scalar>(
        &self,
        input: &[T],
        kinds: Option<&[u64]>,
        output: &mut [T],
        places: &mut [u16],
    ) {
        let mut equals = Vec::new();
        for (i, best) in output.iter_mut().enumerate() {
            let (x, c) = (i / self.channels, i % self.channels);
            let mut place = 0;
            for k in 0..self.window * self.window {
                let pixel = k / self.window * self.size.1 + x * self.window + k % self.window;
                let v = input[pixel * self.channels + c];
                if k == 0 || v > *best || v.is_nan() {
                    (*best, place) = (v, k);
                }
            }
            if c == 0 {
                self.equals(kinds, x, &mut equals);
            }
            place = equals.iter().find(|[k, _]| *k == place).map_or(place, |[_, first]| *first);
            for plane in 0..if places.is_empty() { 0 } else { self.planes } {
                let word = (x * self.groups() + c / LANES) * self.planes + plane;
                places[word] |= ((place >> plane & 1) as u16) << (c % LANES);
            }
        }
    }

    /// The gradient to the input of `n` images: all of it to the place of the maximum, unless a ReLU below, whose gates
    /// may be given, is closed there.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn gradient<T: Scalar>(
        &self,
        n: usize,
        gradient: &[T],
        places: &Places,
        gates: Option<&Gates>,
        to_input: &mut [T],
    ) -> Result<(), ShapeError> {
        let lengths = self.lengths(n)?;
        let words = self.groups() * self.planes;
        check("places", places.0.len(), n * self.out.0 * self.out.1 * words)?;
        self.spread(lengths, gradient, Some(places), gates, to_input)
    }

    /// As [`MaxPool::gradient`], where the places of the maxima are given by gates that are open there:
    /// [`Convolution::forward_pooled`](crate::Convolution::forward_pooled)'s.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn gradient_at<T: Scalar>(
        &self,
        n: usize,
        gradient: &[T],
        maxima: &Gates,
        to_input: &mut [T],
    ) -> Result<(), ShapeError> {
        Self { planes: 0, ..*self }.spread(self.lengths(n)?, gradient, None, Some(maxima), to_input)
    }

    fn spread<T: Scalar>(
        &self,
        lengths: [usize; 2],
        gradient: &[T],
        places: Option<&Places>,
        gates: Option<&Gates>,
        to_input: &mut [T],
    ) -> Result<(), ShapeError> {
        check("input gradient", to_input.len(), lengths[0])?;
        check("gradient", gradient.len(), lengths[1])?;
        let words = self.groups() * self.planes;
        if let Some(gates) = gates {
            check("gates", gates.channels(), self.channels)?;
            check("gates", gates.pixels() * self.channels, to_input.len())?;
        }
        let pitch = self.size.1 * self.channels;
        let bits = gates.map_or(&[][..], Gates::bits);
        to_input.par_chunks_exact_mut(pitch).enumerate().for_each(|(row, to)| {
            let (image, y) = (row / self.size.0, row % self.size.0);
            if y / self.window >= self.out.0 {
                to.fill(T::ZERO);
                return;
            }
            let under = (image * self.out.0 + y / self.window) * self.out.1;
            let gradient = &gradient[under * self.channels..][..self.out.1 * self.channels];
            let places = places.map_or(&[][..], |places| &places.0[under * words..][..self.out.1 * words]);
            let gates = bits.get(row * self.size.1 * self.groups()..).filter(|_| gates.is_some());
            let first = y % self.window * self.window;
            if let (Some(gradient), Some(to)) = (T::singles(gradient), T::singles_mut(to)) {
                run(Isa::best(), Gradient { pool: self, from: gradient, places, gates, first, to });
            } else {
                self.gradient_row(gradient, places, gates, first, to);
            }
        });
        Ok(())
    }

    /// [`Gradient`] for any numbers.
    fn gradient_row<T: Scalar>(
        &self,
        gradient: &[T],
        places: &[u16],
        gates: Option<&[u16]>,
        first: usize,
        to: &mut [T],
    ) {
        for (i, to) in to.iter_mut().enumerate() {
            let (x, c) = (i / self.channels, i % self.channels);
            let (window, group) = (x / self.window, c / LANES);
            let bit = |word: u16| word >> (c % LANES) & 1 == 1;
            let open = gates.is_none_or(|gates| bit(gates[x * self.groups() + group]));
            *to = T::ZERO;
            if window < self.out.1 && open {
                let words = &places[(window * self.groups() + group) * self.planes..][..self.planes];
                let place: usize = words.iter().enumerate().map(|(p, &w)| usize::from(bit(w)) << p).sum();
                // Without planes the gates alone decide.
                if self.planes == 0 || place == first + x % self.window {
                    *to = gradient[window * self.channels + c];
                }
            }
        }
    }
}

/// A row of maxima from the rows under it.
struct Forward<'a> {
    pool: &'a MaxPool,
    input: &'a [f32],
    kinds: Option<&'a [u64]>,
    output: &'a mut [f32],
    /// Empty if not wanted.
    places: &'a mut [u16],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { pool, input, kinds, output, places } = self;
        let (c, window, planes) = (pool.channels, pool.window, pool.planes);
        let mut equals = Vec::new();
        for (x, output) in output.chunks_exact_mut(c).enumerate() {
            pool.equals(kinds, x, &mut equals);
            for (g, output) in output.chunks_mut(LANES).enumerate() {
                let from = |k: usize| {
                    let pixel = k / window * pool.size.1 + x * window + k % window;
                    &input[pixel * c + g * LANES..][..output.len()]
                };
                let mut best = V::load_slice(from(0));
                let mut place = [0u16; 16];
                for k in 1..window * window {
                    let v = V::load_slice(from(k));
                    let larger = v.beats(best);
                    best = best.blend(v, larger);
                    for (plane, bits) in place.iter_mut().enumerate().take(planes) {
                        let set = if k >> plane & 1 == 1 { larger } else { 0 };
                        *bits = *bits & !larger | set;
                    }
                }
                for &[k, first] in &equals {
                    let mut here = u16::MAX;
                    for (plane, &bits) in place.iter().enumerate().take(planes) {
                        here &= if k >> plane & 1 == 1 { bits } else { !bits };
                    }
                    for (plane, bits) in place.iter_mut().enumerate().take(planes) {
                        *bits = *bits & !here | if first >> plane & 1 == 1 { here } else { 0 };
                    }
                }
                best.store_slice(output);
                if let Some(words) = places.get_mut((x * pool.groups() + g) * planes..) {
                    for (word, bits) in words.iter_mut().zip(place).take(planes) {
                        *word = bits;
                    }
                }
            }
        }
    }
}

/// A row of the input's gradient from the row of windows over it.
struct Gradient<'a> {
    pool: &'a MaxPool,
    from: &'a [f32],
    places: &'a [u16],
    /// From this row on.
    gates: Option<&'a [u16]>,
    /// The place in the window of the row's first pixel.
    first: usize,
    to: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { pool, from, places, gates, first, to } = self;
        let (c, window, groups) = (pool.channels, pool.window, pool.groups());
        let within = pool.out.1 * window * c;
        let (to, rest) = to.split_at_mut(within);
        rest.fill(0.0);
        for (x, to) in to.chunks_exact_mut(c).enumerate() {
            let place = first + x % window;
            for (g, to) in to.chunks_mut(LANES).enumerate() {
                let words = &places[(x / window * groups + g) * pool.planes..][..pool.planes];
                let mut here = u16::MAX;
                for (plane, &word) in words.iter().enumerate() {
                    here &= if place >> plane & 1 == 1 { word } else { !word };
                }
                if let Some(gates) = gates {
                    here &= gates[x * groups + g];
                }
                let windows = &from[x / window * c + g * LANES..][..to.len()];
                V::load_slice(windows).keep(here).store_slice(to);
            }
        }
    }
}
