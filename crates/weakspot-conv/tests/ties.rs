//! Among equal maxima the first counts, whatever a kernel's rounding does: images with flat areas pass convolutions and
//! poolings, and are compared with sums in double precision, where pixels that are equal by definition are equal.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use weakspot_conv::{Activation, ConvShape, Convolution, Gates, Isa, Kinds, MaxPool, Method};

/// Numbers in `[0, 1)` from a fixed linear congruence.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u32 << 24) as f32
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.next() * n as f32) as usize).min(n - 1)
    }
}

/// Images of one colour with up to three rectangles of other colours, each beginning and ending anywhere, and a few
/// spots. Black is one of the colours.
fn flat_images(n: usize, (height, width): (usize, usize), channels: usize, seed: u64) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    let mut images = Vec::new();
    for _ in 0..n {
        let colour = |numbers: &mut Numbers| -> Vec<f32> {
            let black = numbers.below(3) == 0;
            (0..channels).map(|_| if black { 0.0 } else { numbers.next() }).collect()
        };
        let mut image = vec![colour(&mut numbers); height * width];
        for _ in 0..numbers.below(4) {
            let colour = colour(&mut numbers);
            let (top, left) = (numbers.below(height), numbers.below(width));
            let (rows, columns) = (1 + numbers.below(height - top), 1 + numbers.below(width - left));
            for y in top..top + rows {
                image[y * width + left..][..columns].fill(colour.clone());
            }
        }
        for _ in 0..numbers.below(8) {
            let place = numbers.below(height * width);
            image[place] = colour(&mut numbers);
        }
        images.extend(image.concat());
    }
    images
}

/// A convolution with a batch norm folded into it; one channel in three has no bias.
fn layer(ci: usize, co: usize, size: (usize, usize), isa: Isa, seed: u64) -> Convolution<f32> {
    let mut numbers = Numbers(seed);
    let shape = ConvShape::new(ci, co, (3, 3), (1, 1), [1; 4], size).unwrap();
    let mut signed = |len: usize| (0..len).map(|_| numbers.next() - 0.5).collect::<Vec<_>>();
    let (weights, bias, scale) = (signed(shape.weights_len()), signed(co), signed(co));
    let scale: Vec<f32> = scale.iter().map(|s| s + 1.0).collect();
    let shift = bias.iter().zip(&scale).enumerate().map(|(i, (b, s))| if i % 3 == 0 { -b * s } else { *b });
    let shift: Vec<f32> = shift.collect();
    let conv = Convolution::with_isa(shape, &weights, bias, Method::Fast, isa).unwrap();
    conv.scaled(&scale, &shift).unwrap()
}

/// The definition, every pixel's products in the same order.
fn sums(n: usize, conv: &Convolution<f32>, (ci, co): (usize, usize), input: &[f64]) -> Vec<f64> {
    let (weights, (height, width)) = (conv.weights().unwrap(), conv.shape().output_size());
    let mut output = Vec::with_capacity(n * height * width * co);
    for pixel in 0..n * height * width {
        let (image, y, x) = (pixel / width / height, pixel / width % height, pixel % width);
        for o in 0..co {
            let mut sum = f64::from(conv.bias()[o]);
            for tap in 0..9 {
                let (iy, ix) = (y + tap / 3, x + tap % 3);
                if (1..=height).contains(&iy) && (1..=width).contains(&ix) {
                    let from = ((image * height + iy - 1) * width + ix - 1) * ci;
                    for c in 0..ci {
                        sum += input[from + c] * f64::from(weights[(o * ci + c) * 9 + tap]);
                    }
                }
            }
            output.push(sum);
        }
    }
    output
}

/// What was compared: windows with equal maxima, others, and those that rounding cannot tell apart from equal ones.
#[derive(Debug, Default)]
struct Seen {
    ties: usize,
    others: usize,
    close: usize,
}

/// Numbers closer than this share of the largest are close: the stated 80 roundings of a sum of absolute products (up
/// to ten times its sum) through three layers.
const CLOSE: f64 = 3.0 * 10.0 * 80.0 * f32::EPSILON as f64 / 2.0;

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, v| if v.abs() > largest { v.abs() } else { largest })
}

/// The gates of a ReLU: closed at 0.
fn check_gates(values: &[f64], channels: usize, gates: &Gates) {
    let close = CLOSE * largest(values);
    for (i, &v) in values.iter().enumerate() {
        if v == 0.0 || v.abs() > close {
            assert_eq!(gates.is_open(i / channels, i % channels), v > 0.0, "{v} at {i}");
        }
    }
}

/// The places of maxima after a ReLU, and the maxima by definition.
fn check_maxima(
    (height, width): (usize, usize),
    channels: usize,
    values: &[f64],
    is_open: impl Fn(usize, usize) -> bool,
    seen: &mut Seen,
) -> Vec<f64> {
    let close = CLOSE * largest(values);
    let images = values.len() / (height * width * channels);
    let mut pooled = Vec::new();
    for window in 0..images * (height / 2) * (width / 2) {
        let (row, x) = (window / (width / 2), window % (width / 2));
        let top = row / (height / 2) * height + row % (height / 2) * 2;
        let pixels = [0, 1, 2, 3].map(|k| (top + k / 2) * width + 2 * x + k % 2);
        for c in 0..channels {
            let four = pixels.map(|pixel| values[pixel * channels + c]);
            let best = four.into_iter().fold(f64::MIN, |best, v| if v > best { v } else { best });
            pooled.push(if best > 0.0 { best } else { 0.0 });
            let is_close = |v: f64| v != best && best - v <= close;
            if (best != 0.0 && best.abs() <= close) || four.into_iter().any(is_close) {
                seen.close += 1;
                continue;
            }
            let first = four.iter().position(|v| *v == best).filter(|_| best > 0.0);
            let open: Vec<usize> = (0..4).filter(|&k| is_open(pixels[k], c)).collect();
            assert_eq!(open, Vec::from_iter(first), "{four:?} in window {window}, channel {c}");
            let ties = four.iter().filter(|v| **v == best).count() > 1 && best > 0.0;
            *(if ties { &mut seen.ties } else { &mut seen.others }) += 1;
        }
    }
    pooled
}

fn relu(values: &[f64]) -> Vec<f64> {
    values.iter().map(|&v| if v > 0.0 { v } else { 0.0 }).collect()
}

/// A convolution with its ReLU, one that is fused with its pooling, and one with a separate pooling.
fn check(n: usize, [ci, c1, c2, c3]: [usize; 4], size: (usize, usize), isa: Isa, seed: u64, seen: &mut Seen) {
    let half = (size.0 / 2, size.1 / 2);
    let first = layer(ci, c1, size, isa, seed + 1);
    let second = layer(c1, c2, size, isa, seed + 2);
    let third = layer(c2, c3, half, isa, seed + 3);
    let input = flat_images(n, size, ci, seed);
    let exact: Vec<f64> = input.iter().map(|&v| v.into()).collect();
    let pixels = n * size.0 * size.1;

    let kinds = Kinds::new(n, size, ci, &input).unwrap().convolved(first.shape()).unwrap();
    let (mut one, mut gates) = (vec![0.0; pixels * c1], Gates::closed(pixels, c1));
    first.forward(n, &input, Activation::Gated(&mut gates), &mut one).unwrap();
    let exact = sums(n, &first, (ci, c1), &exact);
    check_gates(&exact, c1, &gates);

    let kinds = kinds.gated(&gates).unwrap().convolved(second.shape()).unwrap();
    let pool = MaxPool::new(2, c2, size).unwrap();
    let exact = sums(n, &second, (c1, c2), &relu(&exact));
    let (mut two, mut maxima) = (vec![0.0; n * half.0 * half.1 * c2], Gates::closed(pixels, c2));
    let mut between = vec![0.0; pixels * c2];
    second.forward(n, &one, Activation::Gated(&mut Gates::closed(pixels, c2)), &mut between).unwrap();
    let places = pool.forward(n, &between, true, Some(&kinds), &mut two).unwrap().unwrap();
    let mut apart = vec![0.0f32; pixels * c2];
    pool.gradient(n, &vec![1.0; two.len()], &places, None, &mut apart).unwrap();
    let apart_kinds = kinds.pooled_at(&pool, &places, &two).unwrap();
    let open = |pixel: usize, c: usize| apart[pixel * c2 + c] > 0.0 && between[pixel * c2 + c] > 0.0;
    let exact_two = check_maxima(size, c2, &exact, open, seen);
    let kinds = if second.pools() {
        second.forward_pooled(n, &one, Some(&mut maxima), Some(&kinds), &mut two).unwrap();
        check_maxima(size, c2, &exact, |pixel, c| maxima.is_open(pixel, c), seen);
        let together = kinds.pooled(&pool, &maxima).unwrap();
        assert_eq!(together, apart_kinds);
        together
    } else {
        apart_kinds
    };
    if half.0 < 2 || half.1 < 2 || !third.pools() {
        return;
    }
    let kinds = kinds.convolved(third.shape()).unwrap();
    let exact = sums(n, &third, (c2, c3), &exact_two);
    let (mut three, mut maxima) =
        (vec![0.0; n * (half.0 / 2) * (half.1 / 2) * c3], Gates::closed(n * half.0 * half.1, c3));
    third.forward_pooled(n, &two, Some(&mut maxima), Some(&kinds), &mut three).unwrap();
    check_maxima(half, c3, &exact, |pixel, c| maxima.is_open(pixel, c), seen);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn of_equal_maxima_the_first_counts(
        n in 1..3usize,
        ci in prop_oneof![1..4usize, 15..18usize],
        c1 in prop_oneof![2..6usize, 15..18usize],
        c2 in prop_oneof![2..6usize, 15..18usize, 31..34usize],
        size in (2..27usize, 2..27usize),
        seed in 0..u64::MAX / 2,
    ) {
        for isa in Isa::available() {
            check(n, [ci, c1, c2, 7], size, isa, seed, &mut Seen::default());
        }
    }
}

/// The same images every time: that there are equal maxima, and that nearly all windows are compared.
#[test]
fn flat_areas_have_equal_maxima() {
    let mut seen = Seen::default();
    for (seed, size) in [(28, 28), (32, 32), (13, 18), (7, 6), (4, 4), (2, 2)].into_iter().enumerate() {
        for isa in Isa::available() {
            for ci in [1, 3, 4] {
                check(2, [ci, 20, 33, 18], size, isa, 100 + seed as u64, &mut seen);
                // So few that a ReLU stops all channels that differ, or one pixel is the largest in all of them.
                check(2, [ci, 2, 2, 40], size, isa, 200 + seed as u64, &mut seen);
            }
        }
    }
    assert!(seen.ties > 10_000 && seen.ties > seen.others / 10, "{seen:?}");
    assert!(seen.close < (seen.ties + seen.others) / 100, "{seen:?}");
}

/// Kinds of an image are its own, at any place of any batch.
#[test]
fn kinds_do_not_see_their_batch() {
    let size = (9, 14);
    let conv = layer(3, 8, size, Isa::best(), 1);
    let images = flat_images(5, size, 3, 9);
    let all = Kinds::new(5, size, 3, &images).unwrap().convolved(conv.shape()).unwrap();
    let mut one_by_one: Option<Kinds> = None;
    for image in images.chunks(9 * 14 * 3) {
        let kinds = Kinds::new(1, size, 3, image).unwrap().convolved(conv.shape()).unwrap();
        match &mut one_by_one {
            Some(joined) => joined.append(kinds).unwrap(),
            None => one_by_one = Some(kinds),
        }
    }
    assert_eq!(Some(all), one_by_one);
}

#[test]
fn kinds_of_other_images_are_refused() {
    let kinds = Kinds::new(1, (4, 6), 2, &[0.5f32; 48]).unwrap();
    let other = Kinds::new(1, (6, 4), 2, &[0.5f32; 48]).unwrap();
    let conv = layer(2, 3, (6, 4), Isa::best(), 1);
    assert!(Kinds::new(1, (4, 6), 2, &[0.5f32; 47]).unwrap_err().to_string().contains("images"));
    assert!(kinds.convolved(conv.shape()).unwrap_err().to_string().contains("(6, 4)"));
    assert!(kinds.clone().append(other).is_err());
    assert!(kinds.clone().gated(&Gates::closed(23, 2)).is_err());
    let pool = MaxPool::new(2, 2, (6, 4)).unwrap();
    assert!(kinds.pooled(&pool, &Gates::closed(24, 2)).is_err());
    let fits = MaxPool::new(2, 2, (4, 6)).unwrap();
    assert!(kinds.pooled(&fits, &Gates::closed(24, 2)).is_ok());
    assert!(kinds.pooled(&fits, &Gates::closed(23, 2)).is_err());
    let (mut pooled, mut short) = ([0.0f32; 12], [0.0f32; 16]);
    let places = fits.forward(1, &[0.5; 48], true, None, &mut pooled).unwrap().unwrap();
    assert!(kinds.pooled_at(&fits, &places, &pooled).is_ok());
    assert!(kinds.pooled_at(&fits, &places, &short[..11]).is_err());
    let places = fits.forward(0, &[], true, None, &mut short[..0]).unwrap().unwrap();
    assert!(kinds.pooled_at(&fits, &places, &pooled).is_err());
    let short = Kinds::new(1, (4, 4), 2, &[0.5f32; 32]).unwrap();
    let mut pooled = [0.0f32; 12];
    let refused = pool.forward(1, &[0.5; 48], true, Some(&short), &mut pooled).unwrap_err();
    assert!(refused.to_string().contains("kinds"));
    let mut pooled = [0.0f32; 18];
    let refused = conv.forward_pooled(1, &[0.5; 48], None, Some(&short), &mut pooled).unwrap_err();
    assert!(refused.to_string().contains("kinds"));
}
