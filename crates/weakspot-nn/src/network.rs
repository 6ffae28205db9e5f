//! Networks as data: named layers, and the shape of each layer's output.

use weakspot::{Error, Result};
use weakspot_conv::ConvShape;

/// Channels, height and width of one image's activations. After flattening, height and width are 1.
///
/// # Examples
/// ```
/// use weakspot_nn::Shape;
///
/// let shape = Shape { channels: 512, height: 7, width: 7 };
/// assert_eq!((shape.len(), shape.to_string()), (25_088, "512x7x7".to_owned()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels, or features.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Numbers in one image.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// What a layer does. Meanings, names and defaults are PyTorch's.
///
/// # Examples
/// ```
/// use weakspot_nn::Layer;
///
/// let layer = Layer::Linear { features_in: 512, features_out: 2 };
/// assert_eq!(layer.parameters(), [("weight", vec![2, 512]), ("bias", vec![2])]);
/// assert!(Layer::Relu.parameters().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `(x - mean) / std` per channel: pixels in `[0, 1]` to what the first convolution was trained on.
    Normalize {
        /// One per channel.
        mean: Vec<f32>,
        /// One per channel, positive.
        std: Vec<f32>,
    },
    /// Zeros around the image: `[top, left, bottom, right]`.
    ZeroPad2d {
        /// Rows and columns.
        padding: [usize; 4],
    },
    /// A convolution with bias.
    Conv2d {
        /// Channels of the input.
        channels_in: usize,
        /// Channels of the output.
        channels_out: usize,
        /// Height and width.
        kernel: (usize, usize),
        /// Vertical and horizontal.
        stride: (usize, usize),
        /// Zeros around the input: `[top, left, bottom, right]`.
        padding: [usize; 4],
    },
    /// Batch normalisation with scale and shift; running statistics outside training.
    BatchNorm2d {
        /// Channels.
        channels: usize,
        /// Added to the variance.
        epsilon: f64,
    },
    /// `max(x, 0)`.
    Relu,
    /// The largest value of each window, windows side by side from the top left; what is left over at the right and
    /// the bottom is dropped.
    MaxPool2d {
        /// Side of the square window, and the step from one to the next.
        size: usize,
    },
    /// Averages over a grid of `size` cells, which overlap or repeat where they do not divide the input.
    AdaptiveAvgPool2d {
        /// Height and width of the output.
        size: (usize, usize),
    },
    /// One vector per image, in the order channels, rows, columns.
    Flatten,
    /// A fully connected layer with bias.
    Linear {
        /// Length of the input vector.
        features_in: usize,
        /// Length of the output vector.
        features_out: usize,
    },
    /// In training, zeroes each value with probability `p` and divides the others by `1 - p`; otherwise nothing.
    Dropout {
        /// In `[0, 1)`.
        p: f32,
    },
}

/// A layer and its name.
///
/// # Examples
/// ```
/// use weakspot_nn::{Layer, NamedLayer, Network, Shape};
///
/// let relu = NamedLayer { name: "relu".to_owned(), layer: Layer::Relu };
/// let flatten = NamedLayer { name: "flatten".to_owned(), layer: Layer::Flatten };
/// let network = Network::new(Shape { channels: 2, height: 3, width: 3 }, vec![relu, flatten])?;
/// assert_eq!(network.position("flatten"), Some(1));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NamedLayer {
    /// As torchvision names it: `features.0`. Its tensors are `features.0.weight` and so on.
    pub name: String,
    /// What it does.
    pub layer: Layer,
}

/// A tensor a network needs.
///
/// # Examples
/// ```
/// use weakspot_nn::{Arch, Head, ModelSpec, Width, models};
///
/// let spec = ModelSpec::new(Arch::Vgg16, Head::Gap, Width::FULL, [3, 224, 224], 1000);
/// let first = &models::network(&spec)?.parameters()[0];
/// assert_eq!((first.name.as_str(), &first.shape[..]), ("features.0.weight", &[64, 3, 3, 3][..]));
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `features.0.weight`.
    pub name: String,
    /// In PyTorch's order: `[out, in, height, width]`, `[out, in]` or `[channels]`.
    pub shape: Vec<usize>,
}

/// A chain of layers from images of one shape to logits.
///
/// # Examples
/// ```
/// use weakspot_nn::{Layer, NamedLayer, Network, Shape};
///
/// let input = Shape { channels: 1, height: 4, width: 4 };
/// let layers = [("pool", Layer::MaxPool2d { size: 2 }), ("flatten", Layer::Flatten)];
/// let layers = layers.map(|(name, layer)| NamedLayer { name: name.to_owned(), layer }).to_vec();
/// let network = Network::new(input, layers)?;
/// assert_eq!(network.outputs()[0], Shape { channels: 1, height: 2, width: 2 });
/// assert_eq!(network.output().channels, 4);
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    input: Shape,
    layers: Vec<NamedLayer>,
    outputs: Vec<Shape>,
}

impl Layer {
    /// The layer's tensors: name within the layer, shape.
    pub fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        match *self {
            Self::Conv2d { channels_in, channels_out, kernel, .. } => vec![
                ("weight", vec![channels_out, channels_in, kernel.0, kernel.1]),
                ("bias", vec![channels_out]),
            ],
            Self::Linear { features_in, features_out } => {
                vec![("weight", vec![features_out, features_in]), ("bias", vec![features_out])]
            }
            Self::BatchNorm2d { channels, .. } => {
                ["weight", "bias", "running_mean", "running_var"].map(|name| (name, vec![channels])).to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// The shape of the layer's output for an input of the shape `input`.
    fn output(&self, input: Shape) -> Result<Shape> {
        let expect_channels = |expected: usize| {
            if input.channels == expected {
                Ok(())
            } else {
                Err(Error::shape(format!("expected {expected} channels; got {input}")))
            }
        };
        match self {
            Self::Normalize { mean, std } => {
                expect_channels(mean.len())?;
                expect_channels(std.len())?;
                if std.iter().any(|s| !(s.is_finite() && *s > 0.0)) || mean.iter().any(|m| !m.is_finite()) {
                    return Err(Error::invalid(format!(
                        "mean must be finite and std positive; got mean {mean:?}, std {std:?}"
                    )));
                }
                Ok(input)
            }
            Self::ZeroPad2d { padding: [top, left, bottom, right] } => Ok(Shape {
                channels: input.channels,
                height: input.height + top + bottom,
                width: input.width + left + right,
            }),
            Self::Conv2d { channels_in, channels_out, kernel, stride, padding } => {
                expect_channels(*channels_in)?;
                let size = (input.height, input.width);
                let shape = ConvShape::new(*channels_in, *channels_out, *kernel, *stride, *padding, size)
                    .map_err(|e| Error::shape(e.to_string()))?;
                let (height, width) = shape.output_size();
                Ok(Shape { channels: *channels_out, height, width })
            }
            Self::BatchNorm2d { channels, .. } => expect_channels(*channels).map(|()| input),
            Self::MaxPool2d { size } => {
                if !(1..=15).contains(size) || input.height < *size || input.width < *size {
                    return Err(Error::shape(format!("cannot pool {size}x{size} windows of {input}")));
                }
                Ok(Shape { channels: input.channels, height: input.height / size, width: input.width / size })
            }
            Self::AdaptiveAvgPool2d { size: (height, width) } => {
                if *height == 0 || *width == 0 {
                    return Err(Error::shape("an adaptive pooling needs a grid of at least 1x1"));
                }
                Ok(Shape { channels: input.channels, height: *height, width: *width })
            }
            Self::Flatten => Ok(Shape { channels: input.len(), height: 1, width: 1 }),
            Self::Linear { features_in, features_out } => {
                if input.len() != *features_in || input.channels != *features_in {
                    return Err(Error::shape(format!("expected a vector of {features_in}; got {input}")));
                }
                Ok(Shape { channels: *features_out, height: 1, width: 1 })
            }
            Self::Dropout { p } => {
                if (0.0..1.0).contains(p) {
                    Ok(input)
                } else {
                    Err(Error::invalid(format!("a dropout probability must be in [0, 1); got {p}")))
                }
            }
            Self::Relu => Ok(input),
        }
    }
}

impl Network {
    /// A chain of layers for images of a shape.
    ///
    /// # Errors
    /// `Shape` or `InvalidParameter`, naming the layer, when a layer does not accept the output of the one before;
    /// when two layers have the same name; when nothing is left of an image.
    pub fn new(input: Shape, layers: Vec<NamedLayer>) -> Result<Self> {
        let mut outputs = Vec::with_capacity(layers.len());
        let mut shape = input;
        for (i, NamedLayer { name, layer }) in layers.iter().enumerate() {
            if layers[..i].iter().any(|other| other.name == *name) {
                return Err(Error::invalid(format!("two layers are named {name}")));
            }
            shape = layer.output(shape).map_err(|e| e.context(name))?;
            if shape.is_empty() {
                return Err(Error::shape(format!("{name}: nothing is left of an image of {input}")));
            }
            outputs.push(shape);
        }
        Ok(Self { input, layers, outputs })
    }

    /// The shape of an image.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The layers, from the input to the output.
    pub fn layers(&self) -> &[NamedLayer] {
        &self.layers
    }

    /// The shape of each layer's output.
    pub fn outputs(&self) -> &[Shape] {
        &self.outputs
    }

    /// The shape of the network's output.
    pub fn output(&self) -> Shape {
        self.outputs.last().copied().unwrap_or(self.input)
    }

    /// The place of the layer with this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.name == name)
    }

    /// Every tensor the network needs, in the order of its layers.
    pub fn parameters(&self) -> Vec<Parameter> {
        let full = |layer: &NamedLayer| {
            let name = layer.name.clone();
            layer
                .layer
                .parameters()
                .into_iter()
                .map(move |(part, shape)| Parameter { name: format!("{name}.{part}"), shape })
        };
        self.layers.iter().flat_map(full).collect()
    }
}
