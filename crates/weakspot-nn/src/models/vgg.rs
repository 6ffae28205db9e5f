//! VGG16, plain and with batch norm, with torchvision's layers and names.
//!
//! # References
//! Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
//! arXiv:1409.1556, table 1, column D. Head `gap`: Zhou et al., "Learning Deep Features for Discriminative
//! Localization", CVPR 2016, arXiv:1512.04150, section 2.
//!
//! # Where we differ
//! Images with a side below 32 are padded with zeros first, because five poolings leave nothing of them. The zeros
//! come after the normalisation, as in a PyTorch pipeline that normalises while loading: they stand for the mean.

use weakspot::{Error, Result};

use super::spec::{Arch, Head, ModelSpec};
use crate::network::{Layer, NamedLayer, Network, Shape};

/// Output channels of the convolutions; 0 is a max-pool.
const CONFIGURATION_D: [usize; 18] =
    [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0];

/// The smallest side, in pixels, that is not empty after five poolings.
pub const SMALLEST_SIDE: usize = 32;

/// Far above what memory allows, and low enough that no product of sizes overflows.
const LARGEST_SIDE: usize = 1 << 15;

/// The network of a specification.
///
/// # Errors
/// `InvalidParameter` when a number of the specification is zero, or mean and std do not fit the channels.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Head, ModelSpec, Width, models};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [3, 224, 224], 2);
/// let network = models::network(&spec)?;
/// let last_relu = network.outputs()[network.position("features.29").unwrap()];
/// assert_eq!((last_relu.to_string(), network.output().channels), ("512x14x14".to_owned(), 2));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn network(spec: &ModelSpec) -> Result<Network> {
    if spec.height > LARGEST_SIDE || spec.width_px > LARGEST_SIDE {
        return Err(Error::invalid(format!(
            "images may have sides up to {LARGEST_SIDE}; got {}x{}",
            spec.height, spec.width_px
        )));
    }
    if spec.n_outputs == 0 || spec.channels == 0 || spec.height == 0 || spec.width_px == 0 {
        return Err(Error::invalid(format!(
            "a model needs channels, pixels and outputs; got images of {}x{}x{} and {} outputs",
            spec.channels, spec.height, spec.width_px, spec.n_outputs
        )));
    }
    if spec.mean.len() != spec.channels || spec.std.len() != spec.channels {
        return Err(Error::invalid(format!(
            "mean and std need one value per channel ({}); got {} and {}",
            spec.channels,
            spec.mean.len(),
            spec.std.len()
        )));
    }
    let mut layers = Vec::new();
    let mut push = |name: String, layer: Layer| layers.push(NamedLayer { name, layer });
    push("normalize".into(), Layer::Normalize { mean: spec.mean.clone(), std: spec.std.clone() });
    let padding = padding(spec);
    if padding != [0; 4] {
        push("pad".into(), Layer::ZeroPad2d { padding });
    }
    let mut channels = spec.channels;
    let mut index = 0;
    let mut next = |layer: Layer| {
        push(format!("features.{index}"), layer);
        index += 1;
    };
    let trunk = match spec.head {
        Head::Linear3 | Head::PoolLinear => &CONFIGURATION_D[..],
        // The average is taken over the last ReLU's grid.
        Head::Gap => &CONFIGURATION_D[..CONFIGURATION_D.len() - 1],
    };
    for &count in trunk {
        if count == 0 {
            next(Layer::MaxPool2d { size: 2 });
            continue;
        }
        let channels_out = spec.width.of(count);
        let (kernel, stride, padding) = ((3, 3), (1, 1), [1; 4]);
        next(Layer::Conv2d { channels_in: channels, channels_out, kernel, stride, padding });
        if spec.arch == Arch::Vgg16Bn {
            next(Layer::BatchNorm2d { channels: channels_out, epsilon: 1e-5 });
        }
        next(Layer::Relu);
        channels = channels_out;
    }
    match spec.head {
        Head::Gap | Head::PoolLinear => {
            push("avgpool".into(), Layer::AdaptiveAvgPool2d { size: (1, 1) });
            push("flatten".into(), Layer::Flatten);
            push("classifier".into(), Layer::Linear { features_in: channels, features_out: spec.n_outputs });
        }
        Head::Linear3 => {
            push("avgpool".into(), Layer::AdaptiveAvgPool2d { size: (7, 7) });
            push("flatten".into(), Layer::Flatten);
            let hidden = spec.width.of(4096);
            for (first, features_in) in [(0, channels * 49), (3, hidden)] {
                push(format!("classifier.{first}"), Layer::Linear { features_in, features_out: hidden });
                push(format!("classifier.{}", first + 1), Layer::Relu);
                push(format!("classifier.{}", first + 2), Layer::Dropout { p: 0.5 });
            }
            push("classifier.6".into(), Layer::Linear { features_in: hidden, features_out: spec.n_outputs });
        }
    }
    let input = Shape { channels: spec.channels, height: spec.height, width: spec.width_px };
    Network::new(input, layers)
}

/// Zeros around an image, `[top, left, bottom, right]`, that bring shorter sides to 32; an odd one goes to the bottom
/// or the right.
fn padding(spec: &ModelSpec) -> [usize; 4] {
    let (vertical, horizontal) =
        (SMALLEST_SIDE.saturating_sub(spec.height), SMALLEST_SIDE.saturating_sub(spec.width_px));
    let (top, left) = (vertical / 2, horizontal / 2);
    [top, left, vertical - top, horizontal - left]
}
