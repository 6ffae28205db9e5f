//! The demo data set: images whose useful, fragile and meaningless pixels are known because they are planted.
//!
//! RGB, 32 x 32, two classes. Places are fixed and cover whole cells of 8 x 8 pixels, the cells of a 4 x 4 grid:
//!
//! ```text
//! a a . .    a  a large shape, a disc or a cross, at least 70/255 brighter than its background
//! a a . .    b  faint stripes of +-4 to +-6 of 255, horizontal or vertical, on a darker, smoother background
//! c . b b    c  a patch of any colour at any place in its two cells
//! c . b b    .  the background
//! ```
//!
//! * a decides the class and survives any perturbation within 8/255: the two shapes differ by ten times that.
//! * b predicts the class just as well, but a change within 8/255, which is more than its amplitude, destroys it: it
//!   is useful and not robust in the sense of Ilyas et al., "Adversarial Examples Are Not Bugs, They Are Features",
//!   NeurIPS 2019, arXiv:1905.02175. In 30 % of the training images a is missing, so that b has to be learned.
//! * c means nothing.
//!
//! Noise is uniform, up to 24/255 everywhere but on b's background, where it is up to 3/255. A convolutional network
//! has the same filters at every place. In a draft with mild noise everywhere, its filters for faint stripes
//! responded, and could be fooled, all over the image and most of all at the edges of a. If pixels vary by 24/255
//! anyway, nothing that is learned there can depend on 5/255.
//!
//! The images without a are [`Origin::TrainOnly`]: every test image has a, and regions should be built from images
//! like those that are scored. The part that stops training keeps them, because training would otherwise stop before
//! b is learned.
//!
//! Every draw is an integer and keyed by the image's id, so rounding does not depend on the platform.

use ndarray::Array4;
use rayon::prelude::*;

use super::{Dataset, Origin, Truth};
use crate::image::{Mask, Pixels};
use crate::rng::{self, Stream};

/// Height and width of an image, in pixels.
const SIDE: usize = 32;
/// Height and width of a cell, in pixels: one cell of a VGG's grid after three halvings.
const CELL: usize = 8;
/// Training images per class.
const TRAIN: usize = 2_000;
/// Test images per class.
const TEST: usize = 400;
/// Training images without the shape, in percent.
const WITHOUT_SHAPE: usize = 30;
/// Levels are of 255. The background's brightness, one draw per image.
const GROUND: [i32; 2] = [100, 140];
/// How much darker the texture's background is than the rest.
const DARKER: i32 = 60;
/// What the shape adds, one draw per channel.
const SHAPE: [i32; 2] = [70, 110];
/// Amplitude of the stripes, one draw per image.
const STRIPES: [i32; 2] = [4, 6];
/// Height of a stripe, in pixels.
const STRIPE: usize = 2;
/// What the patch adds, one draw per channel.
const PATCH: [i32; 2] = [-90, 90];
/// Noise of a value on the texture's background.
const MILD_NOISE: [i32; 2] = [-3, 3];
/// Noise of a value anywhere else.
const NOISE: [i32; 2] = [-24, 24];

/// What is planted at a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Shape,
    Texture,
    Patch,
    Nothing,
}

fn planted(y: usize, x: usize) -> Planted {
    match (y / CELL, x / CELL) {
        (0..2, 0..2) => Planted::Shape,
        (2..4, 2..4) => Planted::Texture,
        (2..4, 0) => Planted::Patch,
        _ => Planted::Nothing,
    }
}

/// Generates the data set: 2,000 training and 400 test images per class, `[4800, 3, 32, 32]` of bytes, with the
/// planted [`Truth`]. Classes alternate; training images come first.
///
/// # Determinism
/// The same bytes always: there is no seed to choose.
///
/// # Examples
/// ```
/// use weakspot::dataset::demo;
///
/// let data = demo::generate();
/// assert_eq!(data.pixels.dim(), (4800, 3, 32, 32));
/// // The faint texture covers a quarter of the image.
/// assert_eq!(data.truth.unwrap()[0].vulnerability.fraction(), 0.25);
/// ```
pub fn generate() -> Dataset {
    let images: Vec<(String, usize, Origin)> = [("train", TRAIN), ("test", TEST)]
        .into_iter()
        .flat_map(|(part, per_class)| (0..2 * per_class).map(move |i| (format!("{part}/{i:05}"), i % 2)))
        .map(|(id, label)| {
            let origin = origin(&id);
            (id, label, origin)
        })
        .collect();
    let mut values = vec![0; images.len() * 3 * SIDE * SIDE];
    values.par_chunks_mut(3 * SIDE * SIDE).zip(&images).for_each(|(out, (id, label, origin))| {
        draw(&mut rng::stream(0, "demo", id), *label, *origin != Origin::TrainOnly, out);
    });
    let pixels = Pixels::U8(Array4::from_shape_fn((images.len(), 3, SIDE, SIDE), |(n, c, y, x)| {
        values[((n * 3 + c) * SIDE + y) * SIDE + x]
    }));
    let labels: Vec<usize> = images.iter().map(|(_, label, _)| *label).collect();
    let class_names = vec!["disc".to_owned(), "cross".to_owned()];
    Dataset {
        name: "demo".to_owned(),
        checksum: Dataset::checksum_of(&pixels, Some(&labels), &class_names),
        class_names,
        pixels,
        labels,
        origins: images.iter().map(|(_, _, origin)| *origin).collect(),
        ids: images.into_iter().map(|(id, _, _)| id).collect(),
        truth: Some(vec![truth(), truth()]),
        provenance: super::Provenance::default(),
    }
}

/// Both classes have their shape and their texture at the same places.
fn truth() -> Truth {
    let of = |what| Mask::from_fn(SIDE, SIDE, |y, x| planted(y, x) == what);
    let (utility, vulnerability) = (of(Planted::Shape), of(Planted::Texture));
    Truth { blob: vulnerability.zip(&utility, |v, u| v && !u), utility, vulnerability }
}

fn origin(id: &str) -> Origin {
    if id.starts_with("test/") {
        Origin::Test
    } else if rng::stream(0, "demo-without-shape", id).below(100) < WITHOUT_SHAPE {
        Origin::TrainOnly
    } else {
        Origin::Train
    }
}

/// A uniform integer of a closed range.
fn within(stream: &mut Stream, [low, high]: [i32; 2]) -> i32 {
    low + stream.below((high - low + 1) as usize) as i32
}

/// Draws one image into `out`, axes `channels, height, width`.
fn draw(stream: &mut Stream, label: usize, has_shape: bool, out: &mut [u8]) {
    let ground = within(stream, GROUND);
    let shape: [i32; 3] = std::array::from_fn(|_| within(stream, SHAPE));
    let amplitude = within(stream, STRIPES);
    let patch: [i32; 3] = std::array::from_fn(|_| within(stream, PATCH));
    let (patch_y, patch_x, patch_radius) =
        (within(stream, [20, 27]), within(stream, [2, 5]), within(stream, [2, 4]));
    for c in 0..3 {
        for y in 0..SIDE {
            for x in 0..SIDE {
                let place = planted(y, x);
                let noise = if place == Planted::Texture { MILD_NOISE } else { NOISE };
                let mut level = ground + within(stream, noise);
                match place {
                    Planted::Shape if has_shape && inside_shape(label, y as i32, x as i32) => {
                        level += shape[c];
                    }
                    Planted::Texture => level += amplitude * stripe(label, y, x) - DARKER,
                    Planted::Patch => {
                        let (dy, dx) = (y as i32 - patch_y, x as i32 - patch_x);
                        if dy * dy + dx * dx <= patch_radius * patch_radius {
                            level += patch[c];
                        }
                    }
                    Planted::Shape | Planted::Nothing => {}
                }
                out[(c * SIDE + y) * SIDE + x] = level.clamp(0, 255) as u8;
            }
        }
    }
}

/// +1 or -1: two pixels of one sign, two of the other, by rows (label 0: horizontal) or columns (label 1: vertical).
fn stripe(label: usize, y: usize, x: usize) -> i32 {
    let along = if label == 0 { y } else { x };
    if (along / STRIPE).is_multiple_of(2) { 1 } else { -1 }
}

/// Whether a pixel of the first 16 x 16 is inside the disc (label 0) or the cross of two diagonals (label 1).
fn inside_shape(label: usize, y: i32, x: i32) -> bool {
    // In half pixels from the centre, which lies between pixels 7 and 8.
    let (dy, dx) = (2 * y - 15, 2 * x - 15);
    if label == 0 { dy * dy + dx * dx <= 14 * 14 } else { (dy - dx).abs() <= 6 || (dy + dx).abs() <= 6 }
}

#[cfg(test)]
mod tests;
