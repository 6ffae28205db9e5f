//! The shape of a convolution with groups, stride, dilation and padding.

use crate::shape::ShapeError;

/// The shape of a two-dimensional convolution on images of one size.
///
/// # Examples
/// ```
/// use weakspot_conv::GeneralShape;
///
/// // A depthwise convolution of 32 channels with stride 2.
/// let shape = GeneralShape::new(32, 32, (3, 3), (112, 112));
/// let shape = GeneralShape { groups: 32, stride: (2, 2), padding: [1; 4], ..shape }.checked()?;
/// assert_eq!((shape.output_size(), shape.weights_len()), ((56, 56), 288));
/// # Ok::<(), weakspot_conv::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralShape {
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// Height and width of the kernel.
    pub kernel: (usize, usize),
    /// Vertical and horizontal.
    pub stride: (usize, usize),
    /// Distance between a kernel's taps.
    pub dilation: (usize, usize),
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Zeros around the input: `[top, left, bottom, right]`.
    pub padding: [usize; 4],
    /// Height and width of the input.
    pub size: (usize, usize),
}

impl GeneralShape {
    /// Stride and dilation 1, one group, no padding.
    pub fn new(
        channels_in: usize,
        channels_out: usize,
        kernel: (usize, usize),
        size: (usize, usize),
    ) -> Self {
        let (stride, dilation, groups, padding) = ((1, 1), (1, 1), 1, [0; 4]);
        Self { channels_in, channels_out, kernel, stride, dilation, groups, padding, size }
    }

    /// The same shape, if it is one.
    ///
    /// # Errors
    /// When a count is zero, the groups do not divide the channels, the padded image is smaller than the kernel, or a
    /// length is too large.
    pub fn checked(self) -> Result<Self, ShapeError> {
        let Self { channels_in, channels_out, kernel, stride, dilation, groups, padding, size } = self;
        let counts = [
            channels_in,
            channels_out,
            kernel.0,
            kernel.1,
            stride.0,
            stride.1,
            dilation.0,
            dilation.1,
            groups,
        ];
        if counts.contains(&0) || size.0 == 0 || size.1 == 0 {
            return Err(ShapeError(format!("a convolution needs positive sizes; got {self:?}")));
        }
        if channels_in % groups != 0 || channels_out % groups != 0 {
            return Err(ShapeError(format!(
                "{channels_in} and {channels_out} channels do not divide into {groups} groups"
            )));
        }
        let largest = [size.0, size.1, kernel.0, kernel.1, stride.0, stride.1, dilation.0, dilation.1];
        if largest.iter().chain(&padding).any(|&length| length > LONGEST) {
            return Err(ShapeError(format!("a convolution has lengths up to {LONGEST}; got {self:?}")));
        }
        let reach = self.reach();
        let padded = (size.0 + padding[0] + padding[2], size.1 + padding[1] + padding[3]);
        if padded.0 < reach.0 || padded.1 < reach.1 {
            return Err(ShapeError(format!(
                "a padded image of {}x{} is smaller than the kernel, which reaches over {}x{}",
                padded.0, padded.1, reach.0, reach.1
            )));
        }
        let out = self.output_size();
        let lengths = [
            [size.0, size.1, channels_in],
            [out.0, out.1, channels_out],
            [kernel.0 * kernel.1, channels_in, channels_out],
        ];
        for lengths in lengths {
            let product = lengths.into_iter().try_fold(1_usize, usize::checked_mul);
            if product.is_none_or(|p| p > isize::MAX as usize / 1024) {
                return Err(ShapeError(format!("a convolution of {self:?} is too large")));
            }
        }
        Ok(self)
    }

    /// Height and width that a kernel with its dilation covers.
    fn reach(&self) -> (usize, usize) {
        ((self.kernel.0 - 1) * self.dilation.0 + 1, (self.kernel.1 - 1) * self.dilation.1 + 1)
    }

    /// `(height, width)` of the output.
    pub fn output_size(&self) -> (usize, usize) {
        let (reach, [top, left, bottom, right]) = (self.reach(), self.padding);
        let side = |length: usize, reach: usize, stride: usize| (length - reach) / stride + 1;
        (
            side(self.size.0 + top + bottom, reach.0, self.stride.0),
            side(self.size.1 + left + right, reach.1, self.stride.1),
        )
    }

    /// Numbers in one input image.
    pub fn input_len(&self) -> usize {
        self.size.0 * self.size.1 * self.channels_in
    }

    /// Numbers in one output image.
    pub fn output_len(&self) -> usize {
        let (height, width) = self.output_size();
        height * width * self.channels_out
    }

    /// Numbers in the weights.
    pub fn weights_len(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.channels_in / self.groups * self.channels_out
    }

    /// Whether patches are the pixels themselves.
    pub(super) fn is_pointwise(&self) -> bool {
        self.kernel == (1, 1) && self.stride == (1, 1) && self.padding == [0; 4] && self.groups == 1
    }

    /// Whether every channel is alone.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups == self.channels_in && self.groups == self.channels_out
    }
}

/// Far above what networks have, and low enough that no sum of lengths overflows.
const LONGEST: usize = 1 << 16;
