//! The shape of a convolution, and the fixed tiles it is computed in.

use std::fmt;

/// Numbers that do not fit together: what was expected, and what was given.
///
/// # Examples
/// ```
/// use weakspot_conv::{ConvShape, Convolution, Method};
///
/// let too_few = Convolution::new(ConvShape::linear(2, 1)?, &[1.0_f32, 1.0], vec![], Method::Fast);
/// assert_eq!(too_few.unwrap_err().to_string(), "bias should hold 1 numbers; got 0");
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError(pub(crate) String);

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ShapeError {}

/// Checks the length of an array.
pub(crate) fn check(what: &str, length: usize, expected: usize) -> Result<(), ShapeError> {
    if length == expected {
        Ok(())
    } else {
        Err(ShapeError(format!("{what} should hold {expected} numbers; got {length}")))
    }
}

/// The shape of a two-dimensional convolution (cross-correlation, as in every framework) on images of one size.
///
/// # Examples
/// ```
/// use weakspot_conv::ConvShape;
///
/// // From 3 to 64 channels, 7x7 kernels, stride 2, 3 pixels of padding, images of 224x224.
/// let shape = ConvShape::new(3, 64, (7, 7), (2, 2), [3; 4], (224, 224))?;
/// assert_eq!(shape.output_size(), (112, 112));
/// assert_eq!(shape.weights_len(), 64 * 3 * 7 * 7);
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    pub(crate) channels_in: usize,
    pub(crate) channels_out: usize,
    pub(crate) kernel: (usize, usize),
    pub(crate) stride: (usize, usize),
    pub(crate) padding: [usize; 4],
    pub(crate) size: (usize, usize),
    pub(crate) out: (usize, usize),
}

/// Panels of this many output channels: wide enough that a patch matrix is read few times, and a multiple of every
/// micro-kernel's width.
pub(crate) const PANEL: usize = 128;

impl ConvShape {
    /// A convolution from `channels_in` to `channels_out` channels with a kernel, a stride (both `(vertical,
    /// horizontal)`) and zero padding `[top, left, bottom, right]`, on images of `size` `(height, width)`.
    ///
    /// # Errors
    /// When a count is zero, a padding is not smaller than the kernel, or the padded image is smaller than it.
    pub fn new(
        channels_in: usize,
        channels_out: usize,
        kernel: (usize, usize),
        stride: (usize, usize),
        padding: [usize; 4],
        size: (usize, usize),
    ) -> Result<Self, ShapeError> {
        let counts = [channels_in, channels_out, kernel.0, kernel.1, stride.0, stride.1, size.0, size.1];
        if counts.contains(&0) {
            return Err(ShapeError(format!(
                "a convolution needs positive sizes; got {channels_in} to {channels_out} channels, kernel {kernel:?}, \
                 stride {stride:?}, image {size:?}"
            )));
        }
        let [top, left, bottom, right] = padding;
        if top.max(bottom) >= kernel.0 || left.max(right) >= kernel.1 {
            return Err(ShapeError(format!(
                "a padding must be smaller than the kernel {kernel:?}; got {padding:?}"
            )));
        }
        let (height, width) = (size.0 + top + bottom, size.1 + left + right);
        if height < kernel.0 || width < kernel.1 {
            return Err(ShapeError(format!(
                "a padded image of {height}x{width} is smaller than the kernel {kernel:?}"
            )));
        }
        // Every length that the kernels compute later is one of these times a few.
        let largest = [
            [size.0, size.1, channels_in.max(channels_out), 1],
            [kernel.0, kernel.1, channels_in, channels_out],
        ];
        for counts in largest {
            let product = counts.into_iter().try_fold(1usize, usize::checked_mul);
            if product.is_none_or(|p| p > isize::MAX as usize / 1024) {
                return Err(ShapeError(format!(
                    "a convolution from {channels_in} to {channels_out} channels on an image of {size:?} is too large"
                )));
            }
        }
        let out = ((height - kernel.0) / stride.0 + 1, (width - kernel.1) / stride.1 + 1);
        Ok(Self { channels_in, channels_out, kernel, stride, padding, size, out })
    }

    /// A linear layer: a 1x1 convolution on a 1x1 grid.
    ///
    /// # Errors
    /// When a count is zero.
    pub fn linear(inputs: usize, outputs: usize) -> Result<Self, ShapeError> {
        Self::new(inputs, outputs, (1, 1), (1, 1), [0; 4], (1, 1))
    }

    /// `(height, width)` of the output.
    pub fn output_size(&self) -> (usize, usize) {
        self.out
    }

    /// Numbers in one input image.
    pub fn input_len(&self) -> usize {
        self.size.0 * self.size.1 * self.channels_in
    }

    /// Numbers in one output image.
    pub fn output_len(&self) -> usize {
        self.out.0 * self.out.1 * self.channels_out
    }

    /// Numbers in the weights.
    pub fn weights_len(&self) -> usize {
        self.patch() * self.channels_out
    }

    /// Numbers in one patch: what one output number is a sum over.
    pub(crate) fn patch(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.channels_in
    }

    /// Whether patches are the pixels themselves.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == (1, 1) && self.stride == (1, 1)
    }

    /// The tiles for products that must not depend on the batch.
    pub(crate) fn tiling(&self) -> Tiling {
        // Enough rows that a panel of weights is used often once it is in the cache, few enough that patches stay
        // there, and little waste when a small batch is filled up: 16 for linear layers, whose every image is a row.
        Tiling::new(self, if self.out == (1, 1) { 16 } else { TILE_ROWS })
    }
}

const TILE_ROWS: usize = 64;

/// How a batch is cut: tiles of `images` whole images, or of `band` output rows of one image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling {
    pub images: usize,
    pub band: usize,
}

/// The output positions of one tile. `images` may reach past the batch: what is missing counts as zeros.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile {
    pub first: usize,
    pub images: usize,
    pub top: usize,
    pub band: usize,
}

impl Tiling {
    /// Tiles of at least `rows` output positions where the batch allows it.
    pub(crate) fn new(shape: &ConvShape, rows: usize) -> Self {
        let (height, width) = shape.out;
        if height * width >= rows {
            Self { images: 1, band: rows.div_ceil(width).min(height) }
        } else {
            Self { images: rows.div_ceil(height * width), band: height }
        }
    }

    /// The tiles of a batch of `n` images, in order.
    pub(crate) fn tiles(self, shape: &ConvShape, n: usize) -> impl Iterator<Item = Tile> + use<> {
        let height = shape.out.0;
        (0..n).step_by(self.images).flat_map(move |first| {
            (0..height).step_by(self.band).map(move |top| Tile {
                first,
                images: self.images,
                top,
                band: self.band.min(height - top),
            })
        })
    }
}

impl Tile {
    /// Output positions in the tile, those past the batch included.
    pub(crate) fn rows(&self, shape: &ConvShape) -> usize {
        self.images * self.band * shape.out.1
    }

    /// Output positions of the tile that lie in a batch of `n` images.
    pub(crate) fn rows_within(&self, shape: &ConvShape, n: usize) -> usize {
        self.images.min(n - self.first) * self.band * shape.out.1
    }
}
