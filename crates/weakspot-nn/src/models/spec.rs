//! What describes a model.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use weakspot::{Error, Result};

/// The trunk.
///
/// # Examples
/// ```
/// use weakspot_nn::Arch;
///
/// assert_eq!("vgg16-bn".parse::<Arch>()?, Arch::Vgg16Bn);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Arch {
    /// Configuration D of Simonyan and Zisserman: `vgg16`.
    Vgg16,
    /// The same with batch norm after every convolution: `vgg16-bn`.
    Vgg16Bn,
}

/// The layers after the trunk.
///
/// # Examples
/// ```
/// use weakspot_nn::Head;
///
/// assert_eq!("pool-linear".parse::<Head>()?, Head::PoolLinear);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Head {
    /// torchvision's: final max-pool, average pooling to 7x7, three linear layers: `linear3`.
    Linear3,
    /// The mean of the last ReLU over its grid and one linear layer, for which CAM exists: `gap`.
    Gap,
    /// The final max-pool, the mean over the remaining grid and one linear layer, as in most VGG16s for CIFAR:
    /// `pool-linear`.
    PoolLinear,
}

/// The fraction of the channels a network keeps: 1, 1/2, 1/4, ... 1/64, as all of VGG's counts are multiples of 64.
///
/// # Examples
/// ```
/// use weakspot_nn::Width;
///
/// assert_eq!("1/8".parse::<Width>()?, Width::one_in(8)?);
/// assert_eq!((Width::FULL.to_string(), Width::one_in(8)?.to_string()), ("1".to_owned(), "1/8".to_owned()));
/// assert!(Width::one_in(3).is_err());
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Width(usize);

/// Everything that defines a model, except its weights.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Head, ModelSpec, Width};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [3, 224, 224], 2);
/// let spec = ModelSpec { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225], ..spec };
/// assert_eq!((spec.channels, spec.height, spec.n_outputs), (3, 224, 2));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The trunk.
    pub arch: Arch,
    /// The layers after it.
    pub head: Head,
    /// The fraction of the channels kept, those of the head included.
    pub width: Width,
    /// Colour channels of an image: 1 or 3, usually.
    pub channels: usize,
    /// Height of an image in pixels, at least 1. Below 32 the network pads it to 32.
    pub height: usize,
    /// Width of an image in pixels, likewise.
    pub width_px: usize,
    /// Outputs of the network: one per class, or 1 for a single logit z, which is read as (-z/2, z/2).
    pub n_outputs: usize,
    /// This is subtracted from the pixels, per channel.
    pub mean: Vec<f32>,
    /// The pixels are then divided by this, per channel.
    pub std: Vec<f32>,
}

impl ModelSpec {
    /// A model for images of `[channels, height, width]` that takes pixels as they are: mean 0, std 1.
    pub fn new(arch: Arch, head: Head, width: Width, image: [usize; 3], n_outputs: usize) -> Self {
        let [channels, height, width_px] = image;
        let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
        Self { arch, head, width, channels, height, width_px, n_outputs, mean, std }
    }
}

impl Width {
    /// Every channel.
    pub const FULL: Self = Self(1);

    /// One in `divisor` channels.
    ///
    /// # Errors
    /// `InvalidParameter` when the divisor is not 1, 2, 4, 8, 16, 32 or 64.
    pub fn one_in(divisor: usize) -> Result<Self> {
        if divisor <= 64 && divisor.is_power_of_two() {
            Ok(Self(divisor))
        } else {
            Err(unknown("width", &format!("1/{divisor}"), "1, 1/2, 1/4, 1/8, 1/16, 1/32 and 1/64"))
        }
    }

    /// How many of `channels` are kept.
    pub(crate) fn of(self, channels: usize) -> usize {
        channels / self.0
    }
}

/// The error for an unknown word.
fn unknown(what: &str, got: &str, known: &str) -> Error {
    Error::invalid(format!("unknown {what} {got:?}")).with_hint(format!("known values are {known}"))
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vgg16 => "vgg16",
            Self::Vgg16Bn => "vgg16-bn",
        })
    }
}

impl FromStr for Arch {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "vgg16" => Ok(Self::Vgg16),
            "vgg16-bn" | "vgg16_bn" => Ok(Self::Vgg16Bn),
            _ => Err(unknown("architecture", s, "vgg16 and vgg16-bn")),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linear3 => "linear3",
            Self::Gap => "gap",
            Self::PoolLinear => "pool-linear",
        })
    }
}

impl FromStr for Head {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "linear3" => Ok(Self::Linear3),
            "gap" => Ok(Self::Gap),
            "pool-linear" => Ok(Self::PoolLinear),
            _ => Err(unknown("head", s, "gap, pool-linear and linear3")),
        }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 1 { f.write_str("1") } else { write!(f, "1/{}", self.0) }
    }
}

impl FromStr for Width {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let (one, divisor) = s.split_once('/').unwrap_or((s, "1"));
        match (one.trim(), divisor.trim().parse()) {
            ("1", Ok(divisor)) => Self::one_in(divisor),
            _ => Err(unknown("width", s, "1, 1/2, 1/4, 1/8, 1/16, 1/32 and 1/64")),
        }
    }
}

macro_rules! as_text {
    ($t:ty) => {
        impl From<$t> for String {
            fn from(value: $t) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $t {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }
    };
}

as_text!(Arch);
as_text!(Head);
as_text!(Width);
