//! Which layer a map is read at.

use std::fmt;

use super::{Method, ReadAt};
use crate::classifier::{LayerInfo, Signature};
use crate::error::{Error, ErrorKind, Result};
use crate::hint::Hint;
use crate::image::Frame;

/// A class activation map on fewer cells than this per side says too little about places.
pub const MIN_GRID_SIDE: usize = 4;

/// The name that stands for the image itself, for maps that read no layer.
pub const INPUT_LAYER: &str = "input";

/// ReLUs per block of VGG16 (configuration D), for names like `conv5_3`.
const VGG16_BLOCKS: [usize; 5] = [2, 2, 3, 3, 3];

/// The layer a map is read at, and how it was chosen.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Method, choose_layer};
/// use weakspot::classifier::{Classifier, InputSpec};
/// use weakspot::testing::ConvGap;
///
/// let model = ConvGap::random(0, 2, 4, 2, InputSpec { channels: 3, height: 16, width: 16 });
/// let layer = choose_layer(model.signature(), None, Method::GRAD_CAM)?;
/// assert_eq!((layer.grid, layer.automatic), ((8, 8), true));
/// assert_eq!(layer.to_string(), "features.1 (8x8)");
/// # Ok::<(), weakspot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenLayer {
    /// The layer's name, or [`INPUT_LAYER`].
    pub name: String,
    /// `(height, width)` of its grid.
    pub grid: (usize, usize),
    /// How far the grid reaches beyond the image: [`LayerInfo::margins`].
    pub margins: [usize; 4],
    /// Whether it was chosen automatically and not by name.
    pub automatic: bool,
    /// The last ReLU, if the automatic choice passed it over because its grid is too small.
    pub passed_over: Option<LayerInfo>,
}

impl ChosenLayer {
    /// What a map on the grid covers.
    pub fn frame(&self) -> Frame {
        if self.name == INPUT_LAYER { Frame::Image } else { Frame::Margins(self.margins) }
    }
}

impl fmt::Display for ChosenLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}x{})", self.name, self.grid.0, self.grid.1)?;
        if let Some(last) = &self.passed_over {
            write!(f, ", since {} has only {}x{}", last.name, last.grid.0, last.grid.1)?;
        }
        Ok(())
    }
}

/// Chooses the layer a map is read at (METHODS, section 4).
///
/// Without a name, this is the last ReLU after a convolution, or, if a side of its grid is below
/// [`MIN_GRID_SIDE`], the deepest ReLU whose grid is large enough. CAM reads the layer that its head averages.
///
/// Names are torchvision's (`features.29`, `features.30`, `avgpool`), or `conv5_3` and `block5_conv3`, as the
/// Grad-CAM paper and Keras call VGG16's convolutions *after their ReLU*. A convolution's own index
/// (`features.28`) is refused, and the hint names its ReLU: to read a different layer than the one named, and
/// not say so, would be worse than an error.
///
/// # Errors
/// `InvalidParameter` for a layer that does not exist, comes before its ReLU, or has too small a grid;
/// `Unsupported` if the model has no layer or no head for the method.
///
/// # Examples
/// ```
/// use weakspot::attribution::{Method, choose_layer};
/// use weakspot::classifier::{Classifier, InputSpec};
/// use weakspot::testing::ConvGap;
///
/// let model = ConvGap::random(0, 2, 4, 2, InputSpec { channels: 3, height: 16, width: 16 });
/// let signature = model.signature();
/// assert_eq!(choose_layer(signature, None, Method::GRAD_CAM)?.name, "features.1");
/// let error = choose_layer(signature, Some("features.0"), Method::GRAD_CAM).unwrap_err();
/// assert_eq!(error.hint(), Some("layer = features.1"));
/// # Ok::<(), weakspot::Error>(())
/// ```
pub fn choose_layer(signature: &Signature, requested: Option<&str>, method: Method) -> Result<ChosenLayer> {
    let layers = &signature.layers;
    let read_at = method.row().read_at;
    match read_at {
        ReadAt::Input => match requested {
            None | Some(INPUT_LAYER) => Ok(the_input(signature, requested.is_none())),
            Some(name) => Err(Error::invalid(format!("the {method} map reads the input; got layer {name:?}"))
                .with_hint(leave_layer_out())),
        },
        ReadAt::Head => {
            let head = signature.cam_head.as_ref().ok_or_else(|| {
                Error::new(
                    ErrorKind::Unsupported,
                    "CAM needs a head of global average pooling and one linear layer, which this model does not have",
                )
                .with_hint(
                    Hint::new().say("use ").set("cam", "grad-cam").say(", or a model with ").set("head", "gap"),
                )
            })?;
            let place = layers.iter().position(|l| l.name == head.layer).ok_or_else(|| {
                Error::invalid(format!("the model cannot trace {:?}, the layer its head averages", head.layer))
            })?;
            if let Some(name) = requested
                && resolve(layers, name)? != place
            {
                return Err(Error::invalid(format!(
                    "CAM reads {}, the layer its head averages; got {name:?}",
                    head.layer
                ))
                .with_hint(leave_layer_out()));
            }
            let advice = Hint::new()
                .say("use ")
                .set("cam", "grad-cam")
                .say(", which reads an earlier layer, or use larger images");
            asked(layers, place, requested.is_none(), advice)
        }
        ReadAt::Deepest | ReadAt::DeepestOrInput => match requested {
            Some(INPUT_LAYER) if read_at == ReadAt::DeepestOrInput => Ok(the_input(signature, false)),
            Some(name) => {
                let place = resolve(layers, name)?;
                // A model that names a layer itself is no chain: what follows in the list need not read the layer.
                if signature.preferred.is_none()
                    && let Some(relu) = relu_after(layers, place)
                {
                    return Err(Error::invalid(format!(
                        "{} comes before its ReLU, {relu}; class activation maps are read after it",
                        layers[place].name
                    ))
                    .with_hint(Hint::new().set("layer", relu)));
                }
                let advice = match automatic(signature) {
                    Some(found) => {
                        Hint::new().set("layer", found.name).say(", or leave ").setting("layer").say(" out")
                    }
                    None => use_gradient(),
                };
                asked(layers, place, false, advice)
            }
            None => match automatic(signature) {
                Some(found) => Ok(found),
                None if read_at == ReadAt::DeepestOrInput => Ok(the_input(signature, true)),
                None => Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "the model has no ReLU after a convolution whose grid has {MIN_GRID_SIDE} or more cells per \
                         side"
                    ),
                )
                .with_hint(use_gradient())),
            },
        },
    }
}

fn leave_layer_out() -> Hint {
    Hint::new().say("leave ").setting("layer").say(" out, or use ").set("cam", "grad-cam")
}

fn use_gradient() -> Hint {
    Hint::new().say("use ").set("cam", "gradient").say(", which reads the input itself")
}

fn the_input(signature: &Signature, automatic: bool) -> ChosenLayer {
    let grid = (signature.input.height, signature.input.width);
    ChosenLayer { name: INPUT_LAYER.to_owned(), grid, margins: [0; 4], automatic, passed_over: None }
}

/// The layer that the model names, or the deepest ReLU with enough cells.
fn automatic(signature: &Signature) -> Option<ChosenLayer> {
    let layers = &signature.layers;
    if let Some(layer) = signature.preferred.as_ref().and_then(|name| signature.layer(name)) {
        let LayerInfo { name, grid, margins, .. } = layer.clone();
        return Some(ChosenLayer { name, grid, margins, automatic: true, passed_over: None });
    }
    let mut relus = (0..layers.len()).rev().filter(|&i| layers[i].is_activation());
    let last = relus.clone().next()?;
    let found = relus.find(|&i| is_wide_enough(layers, i))?;
    Some(ChosenLayer {
        name: layers[found].name.clone(),
        grid: layers[found].grid,
        margins: layers[found].margins,
        automatic: true,
        passed_over: (found != last).then(|| layers[last].clone()),
    })
}

/// A layer that was named: its grid is checked and never replaced.
fn asked(layers: &[LayerInfo], place: usize, automatic: bool, advice: Hint) -> Result<ChosenLayer> {
    let layer = &layers[place];
    if !is_wide_enough(layers, place) {
        let (h, w) = narrowest(layers, place);
        return Err(Error::invalid(format!(
            "{} has {h}x{w} places to tell apart; a class activation map needs {MIN_GRID_SIDE} or more per side",
            layer.name
        ))
        .with_hint(advice));
    }
    Ok(ChosenLayer {
        name: layer.name.clone(),
        grid: layer.grid,
        margins: layer.margins,
        automatic,
        passed_over: None,
    })
}

/// The smallest grid up to and including a layer. Adaptive pooling may give back more cells than it got (1x1 to
/// 7x7 in VGG16 at 32 pixels); the copies know no more about where than the cell they came from.
fn narrowest(layers: &[LayerInfo], place: usize) -> (usize, usize) {
    let smaller = |(h, w): (usize, usize), l: &LayerInfo| (h.min(l.grid.0), w.min(l.grid.1));
    layers[..=place].iter().fold((usize::MAX, usize::MAX), smaller)
}

fn is_wide_enough(layers: &[LayerInfo], place: usize) -> bool {
    let (h, w) = narrowest(layers, place);
    h >= MIN_GRID_SIDE && w >= MIN_GRID_SIDE
}

/// The place of a layer by its own name or by an alias.
fn resolve(layers: &[LayerInfo], name: &str) -> Result<usize> {
    let own = layers.iter().position(|l| l.name == name);
    own.or_else(|| alias(layers, name)).ok_or_else(|| {
        let relus: Vec<&str> = layers.iter().filter(|l| l.is_activation()).map(|l| l.name.as_str()).collect();
        let hint = if relus.is_empty() {
            Hint::new().say("the model has no layer to read; use ").set("cam", "gradient")
        } else {
            Hint::from(format!("one of {}", relus.join(", ")))
        };
        Error::invalid(format!("the model has no layer {name:?}")).with_hint(hint)
    })
}

/// `conv5_3` (Simonyan and Zisserman, Grad-CAM) and `block5_conv3` (Keras): VGG16's convolutions after their ReLU.
fn alias(layers: &[LayerInfo], name: &str) -> Option<usize> {
    let numbers = name
        .strip_prefix("conv")
        .and_then(|rest| rest.split_once('_'))
        .or_else(|| name.strip_prefix("block").and_then(|rest| rest.split_once("_conv")))?;
    let (block, convolution): (usize, usize) = (numbers.0.parse().ok()?, numbers.1.parse().ok()?);
    let size = *VGG16_BLOCKS.get(block.checked_sub(1)?)?;
    let within = convolution.checked_sub(1).filter(|&c| c < size)?;
    let relus: Vec<usize> = (0..layers.len()).filter(|&i| layers[i].is_activation()).collect();
    let ordinal = VGG16_BLOCKS[..block - 1].iter().sum::<usize>() + within;
    (relus.len() == VGG16_BLOCKS.iter().sum::<usize>()).then(|| relus[ordinal])
}

/// The ReLU that a convolution, or a batch norm after one, feeds. A pooling layer feeds none: it changes its
/// input's grid, or a convolution stands between.
fn relu_after(layers: &[LayerInfo], place: usize) -> Option<&str> {
    let here = &layers[place];
    let same = |l: &LayerInfo| l.grid == here.grid && l.channels == here.channels;
    let next = layers.get(place + 1).filter(|l| !here.is_activation() && same(l))?;
    if next.is_activation() {
        return Some(&next.name);
    }
    let keeps_its_grid = place.checked_sub(1).is_none_or(|before| layers[before].grid == here.grid);
    layers.get(place + 2).filter(|l| keeps_its_grid && l.is_activation() && same(l)).map(|l| l.name.as_str())
}
