//! Pooling over windows that may overlap, reach into a border and skip pixels.

use rayon::prelude::*;

use crate::scalar::Scalar;
use crate::shape::{ShapeError, check};
use crate::simd::{Isa, Kernel, Vector, run};

/// Windows on images `[n, height, width, channels]` of one size.
///
/// # Determinism
/// What is computed for an image is the same bytes whatever else is in the batch and however many threads there are.
///
/// # Examples
/// ```
/// use weakspot_conv::Windows;
///
/// // Windows of two columns, side by side, on an image of 1x3 pixels: the second one is not whole.
/// let windows = Windows::new(1, (1, 3), (1, 2), (1, 2), (1, 1), [0; 4], true)?;
/// assert_eq!(windows.output_size(), (1, 2));
/// let (mut largest, mut places) = ([0.0; 2], Vec::new());
/// windows.max_forward(1, &[1.0, 5.0, 3.0], &mut largest, Some(&mut places))?;
/// assert_eq!((largest, &places[..]), ([5.0, 3.0], &[1, 0][..]));
/// let mut gradient = [0.0; 3];
/// windows.max_gradient(1, &[1.0, 2.0], &places, &mut gradient)?;
/// assert_eq!(gradient, [0.0, 1.0, 2.0]);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    channels: usize,
    size: (usize, usize),
    out: (usize, usize),
    kernel: (usize, usize),
    /// For each row of the output, the rows of the input in its window and the row of the window that each is.
    rows: Vec<Vec<(usize, usize)>>,
    columns: Vec<Vec<(usize, usize)>>,
    /// The same the other way round: for each row of the input.
    rows_back: Vec<Vec<(usize, usize)>>,
    columns_back: Vec<Vec<(usize, usize)>>,
    /// Rows and columns of each window that lie in the image or its border.
    heights: Vec<usize>,
    widths: Vec<usize>,
}

/// Cells of the largest window: places are bytes.
const CELLS: usize = 256;

/// Far above what networks have, and low enough that no sum of lengths overflows.
const LONGEST: usize = 1 << 16;

/// The windows along one axis: how many there are, which pixels each has, and how many cells lie in image and border.
#[expect(clippy::type_complexity, reason = "lists of pairs, both ways")]
fn along(
    length: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
    ceil: bool,
) -> Option<(Vec<Vec<(usize, usize)>>, Vec<Vec<(usize, usize)>>, Vec<usize>)> {
    let reach = (kernel - 1) * dilation + 1;
    let padded = length + before + after;
    let rest = padded.checked_sub(reach)?;
    let mut count = if ceil { rest.div_ceil(stride) } else { rest / stride } + 1;
    // A last window that would begin behind the image is none (PyTorch and ONNX).
    if ceil && (count - 1) * stride >= length + before {
        count -= 1;
    }
    let mut back = vec![Vec::new(); length];
    let windows = (0..count).map(|o| {
        let cells = (0..kernel).map(|tap| (o * stride + tap * dilation, tap));
        let inside: Vec<(usize, usize)> = cells
            .filter_map(|(at, tap)| at.checked_sub(before).filter(|&i| i < length).map(|i| (i, tap)))
            .collect();
        for &(i, tap) in &inside {
            back[i].push((o, tap));
        }
        inside
    });
    let windows: Vec<Vec<(usize, usize)>> = windows.collect();
    let counted = (0..count).map(|o| (0..kernel).filter(|tap| o * stride + tap * dilation < padded).count());
    let counted = counted.collect();
    // A window of nothing but border has no largest value.
    windows.iter().all(|window| !window.is_empty()).then_some((windows, back, counted))
}

impl Windows {
    /// Windows of `kernel` cells, `dilation` pixels apart, every `stride` pixels, on images of `size` with a border of
    /// `padding` `[top, left, bottom, right]`. With `ceil`, a last window that is not whole counts too.
    ///
    /// # Errors
    /// When a count is zero, a window has more than 256 cells or none in the image, or a length is too large.
    pub fn new(
        channels: usize,
        size: (usize, usize),
        kernel: (usize, usize),
        stride: (usize, usize),
        dilation: (usize, usize),
        padding: [usize; 4],
        ceil: bool,
    ) -> Result<Self, ShapeError> {
        let counts =
            [channels, size.0, size.1, kernel.0, kernel.1, stride.0, stride.1, dilation.0, dilation.1];
        if counts.contains(&0) || counts[1..].iter().chain(&padding).any(|&c| c > LONGEST) {
            return Err(ShapeError(format!(
                "windows need lengths from 1 to {LONGEST}; got {kernel:?} on {size:?}, stride {stride:?}"
            )));
        }
        let [top, left, bottom, right] = padding;
        let rows = along(size.0, kernel.0, stride.0, dilation.0, top, bottom, ceil);
        let columns = along(size.1, kernel.1, stride.1, dilation.1, left, right, ceil);
        let (Some((rows, rows_back, heights)), Some((columns, columns_back, widths))) = (rows, columns)
        else {
            return Err(ShapeError(format!(
                "every window must have a pixel of the image; got {kernel:?} on {size:?}, padding {padding:?}"
            )));
        };
        let out = (rows.len(), columns.len());
        let largest = [size.0.max(out.0), size.1.max(out.1), channels];
        if largest
            .into_iter()
            .try_fold(1_usize, usize::checked_mul)
            .is_none_or(|p| p > isize::MAX as usize / 1024)
        {
            return Err(ShapeError(format!("images of {size:?} with {channels} channels are too large")));
        }
        Ok(Self { channels, size, out, kernel, rows, columns, rows_back, columns_back, heights, widths })
    }

    /// `(height, width)` of the output.
    pub fn output_size(&self) -> (usize, usize) {
        self.out
    }

    fn check(&self, n: usize, input: usize, output: usize) -> Result<(), ShapeError> {
        let len = |(height, width): (usize, usize)| n.saturating_mul(height * width * self.channels);
        check("input", input, len(self.size))?;
        check("output", output, len(self.out))
    }

    fn input_row(&self) -> usize {
        self.size.1 * self.channels
    }

    fn output_row(&self) -> usize {
        self.out.1 * self.channels
    }

    /// The largest values of `n` images, and with `places`, which cell of its window each was. Among equal values the
    /// first in reading order counts, and a NaN beats every number (PyTorch's rule).
    ///
    /// # Errors
    /// When a length disagrees, or places are wanted of windows of more than 256 cells; nothing is written then.
    pub fn max_forward<T: Scalar>(
        &self,
        n: usize,
        input: &[T],
        output: &mut [T],
        places: Option<&mut Vec<u8>>,
    ) -> Result<(), ShapeError> {
        self.check(n, input.len(), output.len())?;
        let each = self.size.0 * self.input_row();
        let rows = self.out.0;
        let Some(places) = places else {
            output.par_chunks_mut(self.output_row()).enumerate().for_each(|(i, output)| {
                let input = &input[i / rows * each..][..each];
                run(Isa::best(), Largest { windows: self, row: i % rows, input, output, places: &mut [] });
            });
            return Ok(());
        };
        if self.kernel.0 * self.kernel.1 > CELLS {
            return Err(ShapeError(format!(
                "gradients need windows of at most {CELLS} cells; got {:?}",
                self.kernel
            )));
        }
        places.clear();
        places.resize(output.len(), 0);
        let tasks = output.par_chunks_mut(self.output_row()).zip(places.par_chunks_mut(self.output_row()));
        tasks.enumerate().for_each(|(i, (output, places))| {
            let input = &input[i / rows * each..][..each];
            run(Isa::best(), Largest { windows: self, row: i % rows, input, output, places });
        });
        Ok(())
    }

    /// The gradient to the input of [`Windows::max_forward`]; where windows overlap, it adds up.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn max_gradient<T: Scalar>(
        &self,
        n: usize,
        gradient: &[T],
        places: &[u8],
        result: &mut [T],
    ) -> Result<(), ShapeError> {
        self.check(n, result.len(), gradient.len())?;
        check("places", places.len(), gradient.len())?;
        let each = self.out.0 * self.output_row();
        let rows = self.size.0;
        result.par_chunks_mut(self.input_row()).enumerate().for_each(|(i, result)| {
            let image = i / rows * each..(i / rows + 1) * each;
            let (gradient, places) = (&gradient[image.clone()], &places[image]);
            run(Isa::best(), LargestBack { windows: self, row: i % rows, gradient, places, result });
        });
        Ok(())
    }

    /// The means of `n` images. The border counts as zeros if `count_padding`; else only pixels count.
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn average_forward<T: Scalar>(
        &self,
        n: usize,
        count_padding: bool,
        input: &[T],
        output: &mut [T],
    ) -> Result<(), ShapeError> {
        self.check(n, input.len(), output.len())?;
        let each = self.size.0 * self.input_row();
        let rows = self.out.0;
        output.par_chunks_mut(self.output_row()).enumerate().for_each(|(i, output)| {
            let input = &input[i / rows * each..][..each];
            run(Isa::best(), Means { windows: self, row: i % rows, count_padding, input, output });
        });
        Ok(())
    }

    /// The gradient to the input of [`Windows::average_forward`].
    ///
    /// # Errors
    /// When a length disagrees; nothing is written then.
    pub fn average_gradient<T: Scalar>(
        &self,
        n: usize,
        count_padding: bool,
        gradient: &[T],
        result: &mut [T],
    ) -> Result<(), ShapeError> {
        self.check(n, result.len(), gradient.len())?;
        let each = self.out.0 * self.output_row();
        let rows = self.size.0;
        result.par_chunks_mut(self.input_row()).enumerate().for_each(|(i, result)| {
            let gradient = &gradient[i / rows * each..][..each];
            run(Isa::best(), MeansBack { windows: self, row: i % rows, count_padding, gradient, result });
        });
        Ok(())
    }

    /// Numbers that a mean is taken over.
    fn count(&self, row: usize, column: usize, padding: bool) -> usize {
        if padding {
            self.heights[row] * self.widths[column]
        } else {
            self.rows[row].len() * self.columns[column].len()
        }
    }
}

// Inner loops run over the channels of a pixel, and are compiled for every instruction set.

struct Largest<'a, T> {
    windows: &'a Windows,
    row: usize,
    input: &'a [T],
    output: &'a mut [T],
    places: &'a mut [u8],
}

impl<T: Scalar> Kernel for Largest<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { windows, row, input, output, places } = self;
        let channels = windows.channels;
        let keep = !places.is_empty();
        for (x, (output, columns)) in output.chunks_exact_mut(channels).zip(&windows.columns).enumerate() {
            let mut first = true;
            for &(iy, ty) in &windows.rows[row] {
                for &(ix, tx) in columns {
                    let cell = ty * windows.kernel.1 + tx;
                    let pixel = &input[(iy * windows.size.1 + ix) * channels..][..channels];
                    if keep {
                        let places = &mut places[x * channels..][..channels];
                        for ((best, place), &v) in output.iter_mut().zip(places).zip(pixel) {
                            // The first NaN stays.
                            let beats = first || v > *best || (v.is_nan() && !best.is_nan());
                            *best = if beats { v } else { *best };
                            *place = if beats { cell as u8 } else { *place };
                        }
                    } else {
                        for (best, &v) in output.iter_mut().zip(pixel) {
                            *best = if first || v > *best || v.is_nan() { v } else { *best };
                        }
                    }
                    first = false;
                }
            }
        }
    }
}

struct LargestBack<'a, T> {
    windows: &'a Windows,
    row: usize,
    gradient: &'a [T],
    places: &'a [u8],
    result: &'a mut [T],
}

impl<T: Scalar> Kernel for LargestBack<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { windows, row, gradient, places, result } = self;
        let channels = windows.channels;
        for (result, columns) in result.chunks_exact_mut(channels).zip(&windows.columns_back) {
            result.fill(T::ZERO);
            for &(oy, ty) in &windows.rows_back[row] {
                for &(ox, tx) in columns {
                    let cell = (ty * windows.kernel.1 + tx) as u8;
                    let at = (oy * windows.out.1 + ox) * channels;
                    let (gradient, places) = (&gradient[at..][..channels], &places[at..][..channels]);
                    for ((r, &g), &place) in result.iter_mut().zip(gradient).zip(places) {
                        *r += if place == cell { g } else { T::ZERO };
                    }
                }
            }
        }
    }
}

struct Means<'a, T> {
    windows: &'a Windows,
    row: usize,
    count_padding: bool,
    input: &'a [T],
    output: &'a mut [T],
}

impl<T: Scalar> Kernel for Means<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { windows, row, count_padding, input, output } = self;
        let channels = windows.channels;
        for (x, (output, columns)) in output.chunks_exact_mut(channels).zip(&windows.columns).enumerate() {
            output.fill(T::ZERO);
            for &(iy, _) in &windows.rows[row] {
                for &(ix, _) in columns {
                    let pixel = &input[(iy * windows.size.1 + ix) * channels..][..channels];
                    for (sum, &v) in output.iter_mut().zip(pixel) {
                        *sum += v;
                    }
                }
            }
            let count = T::from_f64(windows.count(row, x, count_padding) as f64);
            for sum in output {
                *sum = *sum / count;
            }
        }
    }
}

struct MeansBack<'a, T> {
    windows: &'a Windows,
    row: usize,
    count_padding: bool,
    gradient: &'a [T],
    result: &'a mut [T],
}

impl<T: Scalar> Kernel for MeansBack<'_, T> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        let Self { windows, row, count_padding, gradient, result } = self;
        let channels = windows.channels;
        for (result, columns) in result.chunks_exact_mut(channels).zip(&windows.columns_back) {
            result.fill(T::ZERO);
            for &(oy, _) in &windows.rows_back[row] {
                for &(ox, _) in columns {
                    let count = T::from_f64(windows.count(oy, ox, count_padding) as f64);
                    let gradient = &gradient[(oy * windows.out.1 + ox) * channels..][..channels];
                    for (r, &g) in result.iter_mut().zip(gradient) {
                        *r += g / count;
                    }
                }
            }
        }
    }
}
