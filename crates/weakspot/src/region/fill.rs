//! What neutralized pixels are set to (METHODS, section 6): a value, or a fill that has a name and a row.

use std::fmt;
use std::str::FromStr;

use ndarray::{ArrayView4, Axis};

use crate::error::{Error, Result};
use crate::hint::Hint;

/// What is known of a fill that has a name. A new one is a row and its place in [`NamedFill::ALL`].
///
/// # Examples
/// ```
/// use weakspot::region::Fill;
///
/// let Fill::Named(fill) = Fill::CHANNEL_MEAN else { unreachable!("it has a name") };
/// assert_eq!((fill.row().values)(&[0.25, 0.5]), [0.25, 0.5]);
/// ```
#[derive(Debug)]
pub struct FillRow {
    /// The name on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Who proposed it, and where; `None` for a fill of our own.
    pub reference: Option<&'static str>,
    /// The value of each channel, in `[0, 1]`, from the mean of each channel over the fit part.
    pub values: fn(&[f32]) -> Vec<f32>,
}

static CHANNEL_MEAN: FillRow = FillRow {
    name: "channel-mean",
    summary: "the mean of each channel over the fit part",
    reference: None,
    values: <[f32]>::to_vec,
};

/// A fill by its row.
///
/// # Examples
/// ```
/// use weakspot::region::NamedFill;
///
/// assert_eq!(NamedFill::ALL.map(|fill| fill.row().name), ["channel-mean"]);
/// ```
#[derive(Clone, Copy)]
pub struct NamedFill(&'static FillRow);

impl NamedFill {
    /// Every fill that has a name.
    pub const ALL: [Self; 1] = [Self(&CHANNEL_MEAN)];

    /// What is known of it.
    pub fn row(self) -> &'static FillRow {
        self.0
    }
}

impl PartialEq for NamedFill {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl fmt::Debug for NamedFill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// What neutralized pixels are set to.
///
/// # Examples
/// ```
/// use weakspot::region::Fill;
///
/// assert_eq!("0.5".parse::<Fill>()?, Fill::Value(0.5));
/// let fill: Fill = "channel-mean".parse()?;
/// assert_eq!(fill.resolve(3, Some(&[0.4, 0.5, 0.6]))?.values, [0.4, 0.5, 0.6]);
/// // This fill needs the means.
/// assert!(fill.resolve(3, None).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// One value in every channel, in `[0, 1]`: the paper's 0 and 1.
    Value(f32),
    /// A fill that depends on the images.
    Named(NamedFill),
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Named(fill) => f.write_str(fill.0.name),
        }
    }
}

impl FromStr for Fill {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(named) = NamedFill::ALL.into_iter().find(|fill| fill.0.name == text) {
            return Ok(Self::Named(named));
        }
        match text.trim().parse::<f32>() {
            // -0 is 0, so that one fill has one name.
            Ok(value) if (0.0..=1.0).contains(&value) => Ok(Self::Value(value + 0.0)),
            _ => {
                let names = NamedFill::ALL.map(|fill| fill.0.name).join(" or ");
                Err(Error::invalid(format!("a fill is a value in [0, 1] or {names}; got {text:?}"))
                    .with_hint("for example 0,1 or 0,1,channel-mean"))
            }
        }
    }
}

impl Fill {
    /// The mean of each channel over the fit part.
    pub const CHANNEL_MEAN: Self = Self::Named(NamedFill(&CHANNEL_MEAN));

    /// The value of each channel; `means` are those of the fit part, which only fills that have a name need.
    ///
    /// # Errors
    /// `InvalidParameter` where the means are needed and were not given, or not one per channel.
    pub fn resolve(self, channels: usize, means: Option<&[f32]>) -> Result<ResolvedFill> {
        match (self, means) {
            (Self::Value(value), _) => Ok(ResolvedFill { values: vec![value; channels] }),
            (Self::Named(fill), Some(means)) if means.len() == channels => {
                Ok(ResolvedFill { values: (fill.0.values)(means) })
            }
            (Self::Named(_), Some(means)) => Err(Error::invalid(format!(
                "expected {channels} channel means, one per channel; got {}",
                means.len()
            ))),
            (Self::Named(fill), None) => {
                Err(Error::invalid(format!("the fill {} needs the fit part's means", fill.0.name))
                    .with_hint(Hint::new().set("fill", "0,1")))
            }
        }
    }
}

/// A fill whose values are known.
///
/// # Examples
/// ```
/// use weakspot::region::Fill;
///
/// assert_eq!(Fill::Value(0.0).resolve(3, None)?.values, [0.0, 0.0, 0.0]);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedFill {
    /// One value per channel, in `[0, 1]`.
    pub values: Vec<f32>,
}

/// The mean of each channel over many images, whatever their order and batches.
///
/// # Determinism
/// Sums whole numbers of 2^-32, so that no order of adding rounds differently.
///
/// # Examples
/// ```
/// use ndarray::Array4;
/// use weakspot::region::ChannelMeans;
///
/// let mut means = ChannelMeans::new(2);
/// means.add(Array4::from_shape_fn((1, 2, 4, 4), |(_, c, ..)| c as f32).view());
/// means.add(Array4::ones((1, 2, 4, 4)).view());
/// assert_eq!(means.means(), [0.5, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelMeans {
    sums: Vec<u128>,
    pixels: u64,
}

impl ChannelMeans {
    /// No image yet.
    pub fn new(channels: usize) -> Self {
        Self { sums: vec![0; channels], pixels: 0 }
    }

    /// Adds a batch `[batch, channels, height, width]` in `[0, 1]`.
    ///
    /// # Panics
    /// If the number of channels differs.
    pub fn add(&mut self, images: ArrayView4<'_, f32>) {
        let (n, channels, height, width) = images.dim();
        assert_eq!(channels, self.sums.len(), "images of one data set have one number of channels");
        for (sum, channel) in self.sums.iter_mut().zip(images.axis_iter(Axis(1))) {
            *sum += channel.iter().map(|&v| (f64::from(v) * FIXED_POINT).round() as u128).sum::<u128>();
        }
        self.pixels += (n * height * width) as u64;
    }

    /// One mean per channel, in `[0, 1]`; 0 without a pixel.
    pub fn means(&self) -> Vec<f32> {
        let pixels = self.pixels.max(1) as f64;
        self.sums.iter().map(|&sum| (sum as f64 / FIXED_POINT / pixels) as f32).collect()
    }
}

/// 2^32.
const FIXED_POINT: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_are_printed_as_they_are_read() {
        let named = NamedFill::ALL.map(|fill| fill.0.name);
        for text in ["0", "1", "0.5"].into_iter().chain(named) {
            assert_eq!(text.parse::<Fill>().unwrap().to_string(), text);
        }
        for bad in ["2", "-0.1", "nan", "mean", ""] {
            assert!(bad.parse::<Fill>().unwrap_err().hint().is_some(), "{bad}");
        }
    }

    #[test]
    fn every_named_fill_gives_one_value_in_range_for_each_channel_and_needs_the_means() {
        for fill in NamedFill::ALL.map(Fill::Named) {
            let values = fill.resolve(3, Some(&[0.0, 0.5, 1.0])).unwrap().values;
            assert_eq!(values.len(), 3, "{fill}");
            assert!(values.iter().all(|value| (0.0..=1.0).contains(value)), "{fill}");
            assert!(fill.resolve(2, Some(&[0.5])).is_err());
            assert!(fill.resolve(2, None).unwrap_err().hint().is_some());
        }
        assert_eq!(Fill::CHANNEL_MEAN.resolve(2, Some(&[0.25, 0.5])).unwrap().values, [0.25, 0.5]);
    }

    #[test]
    fn means_do_not_depend_on_order_or_batches() {
        let images = crate::testing::noise_images(
            3,
            40,
            &crate::classifier::InputSpec { channels: 2, height: 5, width: 5 },
            0.0,
            1.0,
        );
        let mut whole = ChannelMeans::new(2);
        whole.add(images.view());
        let mut parts = ChannelMeans::new(2);
        for i in (0..40).rev() {
            parts.add(images.slice(ndarray::s![i..=i, .., .., ..]));
        }
        assert_eq!(whole, parts);
        let exact: f64 = images.index_axis(Axis(1), 1).iter().map(|&v| f64::from(v)).sum::<f64>() / 1000.0;
        assert!((f64::from(whole.means()[1]) - exact).abs() < 1e-7);
        assert_eq!(ChannelMeans::new(1).means(), [0.0]);
    }
}
