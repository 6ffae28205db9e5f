//! Convolutions of every shape, products and poolings against their definitions in double precision.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "errors are compared with bounds, which no NaN keeps")]

use proptest::prelude::*;
use weakspot_conv::{
    Finish, General, GeneralShape, Isa, Left, Packed, Windows, layer_norm, layer_norm_gradient,
    product_parallel, product_with, softmax, softmax_gradient,
};

/// Numbers in [-1, 1), the same for the same seed.
fn numbers(len: usize, seed: u32) -> Vec<f64> {
    (0..len as u32)
        .map(|i| {
            let mut x = i.wrapping_add(seed.wrapping_mul(0x9E37_79B9));
            for (shift, factor) in [(16, 0x85EB_CA6B_u32), (13, 0xC2B2_AE35), (16, 1)] {
                x = (x ^ (x >> shift)).wrapping_mul(factor);
            }
            f64::from((x >> 8) as f32 / 8_388_608.0 - 1.0)
        })
        .collect()
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// The largest difference, over the largest number.
fn off(ours: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(ours.len(), wanted.len());
    let largest = wanted.iter().fold(1e-30_f64, |most, v| most.max(v.abs()));
    ours.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| v.into()).collect()
}

/// Calls `visit(output index, input index, weight index)` for every product of a convolution, as the definition says.
fn every_product(shape: &GeneralShape, n: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let GeneralShape { channels_in, channels_out, kernel, stride, dilation, groups, padding, size } = *shape;
    let out = shape.output_size();
    let (ci, co) = (channels_in / groups, channels_out / groups);
    for (image, oy, ox) in
        (0..n).flat_map(|i| (0..out.0).flat_map(move |y| (0..out.1).map(move |x| (i, y, x))))
    {
        for (ky, kx) in (0..kernel.0).flat_map(|y| (0..kernel.1).map(move |x| (y, x))) {
            let y = (oy * stride.0 + ky * dilation.0).checked_sub(padding[0]).filter(|&y| y < size.0);
            let x = (ox * stride.1 + kx * dilation.1).checked_sub(padding[1]).filter(|&x| x < size.1);
            let (Some(y), Some(x)) = (y, x) else { continue };
            for o in 0..channels_out {
                for c in 0..ci {
                    let from = ((image * size.0 + y) * size.1 + x) * channels_in + o / co * ci + c;
                    let to = ((image * out.0 + oy) * out.1 + ox) * channels_out + o;
                    visit(to, from, ((o * ci + c) * kernel.0 + ky) * kernel.1 + kx);
                }
            }
        }
    }
}

struct Case {
    shape: GeneralShape,
    weights: Vec<f64>,
    bias: Vec<f64>,
    input: Vec<f64>,
    gradient: Vec<f64>,
    n: usize,
}

impl Case {
    fn new(shape: GeneralShape, n: usize, seed: u32) -> Self {
        Self {
            weights: numbers(shape.weights_len(), seed),
            bias: numbers(shape.channels_out, seed + 1),
            input: numbers(n * shape.input_len(), seed + 2),
            gradient: numbers(n * shape.output_len(), seed + 3),
            shape,
            n,
        }
    }

    /// Output and gradient to the input, as the definition says.
    fn defined(&self) -> (Vec<f64>, Vec<f64>) {
        let mut output: Vec<f64> =
            (0..self.gradient.len()).map(|i| self.bias[i % self.shape.channels_out]).collect();
        let mut back = vec![0.0; self.input.len()];
        every_product(&self.shape, self.n, |to, from, w| {
            output[to] += self.input[from] * self.weights[w];
            back[from] += self.gradient[to] * self.weights[w];
        });
        (output, back)
    }

    fn check(&self) {
        let (wanted, back) = self.defined();
        let general = General::new(self.shape, &self.weights, self.bias.clone()).unwrap();
        let mut output = vec![f64::NAN; wanted.len()];
        general.forward(self.n, &self.input, false, &mut output).unwrap();
        let mut found = vec![f64::NAN; back.len()];
        general.input_gradient(self.n, &self.gradient, &mut found).unwrap();
        assert!(off(&output, &wanted) < 1e-13, "{:?}: {:e}", self.shape, off(&output, &wanted));
        assert!(off(&found, &back) < 1e-13, "{:?}: {:e}", self.shape, off(&found, &back));
        // Single precision errs by a rounding for each term at most.
        let general = General::new(self.shape, &singles(&self.weights), singles(&self.bias)).unwrap();
        let (input, gradient) = (singles(&self.input), singles(&self.gradient));
        let mut output = vec![f32::NAN; wanted.len()];
        general.forward(self.n, &input, false, &mut output).unwrap();
        let mut found = vec![f32::NAN; back.len()];
        general.input_gradient(self.n, &gradient, &mut found).unwrap();
        let terms = self.shape.weights_len() / self.shape.channels_out.min(self.shape.channels_in) + 2;
        let bound = terms as f64 * 1.2e-7;
        assert!(
            off(&doubles(&output), &wanted) < bound,
            "{:?}: {:e}",
            self.shape,
            off(&doubles(&output), &wanted)
        );
        assert!(off(&doubles(&found), &back) < bound, "{:?}: {:e}", self.shape, off(&doubles(&found), &back));
        // A ReLU in the kernel, and one with gates.
        let mut rectified = output.clone();
        general.forward(self.n, &input, true, &mut rectified).unwrap();
        let clipped: Vec<f32> = output.iter().map(|v| v.max(0.0)).collect();
        assert_eq!(rectified, clipped);
        let mut gated = output.clone();
        let gates = general.forward_gated(self.n, &input, &mut gated).unwrap();
        assert_eq!(gated, clipped);
        assert_eq!(gates.is_open(0, 0), output[0] > 0.0);
        // One image alone, and one thread: the same bytes.
        let (each_in, each_out) = (self.shape.input_len(), self.shape.output_len());
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        alone.install(|| {
            let last = self.n - 1;
            let mut one = vec![0.0; each_out];
            general.forward(1, &input[last * each_in..], false, &mut one).unwrap();
            assert_eq!(one, output[last * each_out..], "{:?}", self.shape);
            let mut one = vec![0.0; each_in];
            general.input_gradient(1, &gradient[last * each_out..], &mut one).unwrap();
            assert_eq!(one, found[last * each_in..], "{:?}", self.shape);
        });
    }
}

fn shape(channels: [usize; 2], kernel: (usize, usize), size: (usize, usize)) -> GeneralShape {
    GeneralShape::new(channels[0], channels[1], kernel, size)
}

#[test]
fn the_convolutions_of_real_networks_agree_with_their_definition() {
    let same = |shape: GeneralShape, p: usize| GeneralShape { padding: [p; 4], ..shape };
    let by = |shape: GeneralShape, s: usize| GeneralShape { stride: (s, s), ..shape };
    let cases = [
        shape([5, 7], (1, 1), (6, 5)),
        by(shape([20, 33], (1, 1), (7, 9)), 2),
        by(same(shape([3, 40], (7, 7), (23, 21)), 3), 2),
        by(shape([3, 24], (16, 16), (32, 48)), 16),
        by(shape([3, 24], (4, 4), (12, 16)), 4),
        by(same(shape([17, 19], (3, 3), (9, 8)), 1), 2),
        by(same(shape([4, 6], (5, 5), (11, 12)), 2), 3),
        GeneralShape { padding: [0, 3, 0, 3], ..shape([18, 35], (1, 7), (5, 9)) },
        GeneralShape { padding: [3, 0, 3, 0], ..shape([18, 35], (7, 1), (9, 5)) },
        GeneralShape { stride: (2, 1), padding: [0, 1, 1, 0], ..shape([6, 5], (2, 3), (7, 6)) },
        GeneralShape { dilation: (2, 3), padding: [2, 3, 2, 3], ..shape([6, 5], (3, 3), (8, 9)) },
        GeneralShape { dilation: (2, 2), stride: (2, 2), padding: [4; 4], ..shape([6, 5], (3, 3), (9, 7)) },
        // A border wider than the kernel, and an image of one pixel.
        same(shape([3, 4], (3, 3), (1, 1)), 4),
        // Groups of ResNeXt, of ShuffleNet, and narrow ones.
        GeneralShape { groups: 8, ..same(shape([32, 32], (3, 3), (6, 7)), 1) },
        GeneralShape { groups: 3, ..by(same(shape([12, 9], (3, 3), (7, 6)), 1), 2) },
        GeneralShape { groups: 2, ..shape([24, 32], (1, 1), (5, 5)) },
        // Depthwise, with strides, and with a multiplier.
        GeneralShape { groups: 20, ..same(shape([20, 20], (3, 3), (6, 7)), 1) },
        GeneralShape { groups: 70, ..by(same(shape([70, 70], (5, 5), (9, 8)), 2), 2) },
        GeneralShape { groups: 17, padding: [0, 0, 1, 1], ..by(shape([17, 17], (3, 3), (8, 8)), 2) },
        GeneralShape { groups: 6, ..same(shape([6, 12], (3, 3), (5, 5)), 1) },
        GeneralShape { groups: 96, ..same(shape([96, 96], (7, 7), (7, 7)), 3) },
        // Taps that no pixel of a phase reaches.
        by(shape([3, 4], (1, 1), (5, 5)), 3),
    ];
    for (seed, shape) in (100..).step_by(10).zip(cases) {
        Case::new(shape, 3, seed).check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution_agrees_with_its_definition(
        groups in 1_usize..5, each in (1_usize..9, 1_usize..9), kernel in (1_usize..5, 1_usize..5),
        stride in (1_usize..4, 1_usize..4), dilation in (1_usize..3, 1_usize..3),
        padding in (0_usize..4, 0_usize..4, 0_usize..4, 0_usize..4), size in (1_usize..10, 1_usize..10),
        seed in 0_u32..1000,
    ) {
        let shape = GeneralShape {
            channels_in: groups * each.0,
            channels_out: groups * each.1,
            kernel,
            stride,
            dilation,
            groups,
            padding: [padding.0, padding.1, padding.2, padding.3],
            size,
        };
        if let Ok(shape) = shape.checked() {
            Case::new(shape, 2, seed).check();
        }
    }

    #[test]
    fn products_agree_with_their_definition_and_with_themselves(
        rows in 1_usize..60, terms in 1_usize..400, columns in 1_usize..80, turned in any::<bool>(),
        seed in 0_u32..1000,
    ) {
        let (a, b) = (numbers(rows * terms, seed), numbers(terms * columns, seed + 1));
        let bias = numbers(columns, seed + 2);
        // Either operand may lie the other way round.
        let (row_stride, term_stride) = if turned { (1, rows) } else { (terms, 1) };
        let (down, across) = if turned { (1, terms) } else { (columns, 1) };
        let at = |r: usize, c: usize| {
            (0..terms).map(|t| a[r * row_stride + t * term_stride] * b[t * down + c * across]).sum::<f64>() + bias[c]
        };
        let wanted: Vec<f64> = (0..rows * columns).map(|i| at(i / columns, i % columns)).collect();
        let (a, b, bias) = (singles(&a), singles(&b), singles(&bias));
        let packed = Packed::new(terms, columns, &b, down, across).unwrap();
        let left = Left { data: &a, rows, row_stride, term_stride };
        let finish = Finish { bias: Some(&bias), relu: false };
        let mut first: Option<Vec<f32>> = None;
        for isa in Isa::available() {
            let mut output = vec![f32::NAN; rows * columns];
            product_with(isa, left, &packed, finish, &mut output, columns).unwrap();
            prop_assert!(off(&doubles(&output), &wanted) < (terms + 2) as f64 * 1.2e-7);
            // AVX-512 and AVX2 round alike; the portable code rounds twice.
            if isa.name() != "portable" {
                prop_assert_eq!(first.get_or_insert(output.clone()), &output);
            }
        }
        // In parallel, and one row alone: the same bytes.
        let mut whole = vec![f32::NAN; rows * columns];
        product_parallel(left, &packed, finish, &mut whole).unwrap();
        let mut alone = vec![f32::NAN; columns];
        let last = Left { data: &a[(rows - 1) * row_stride..], rows: 1, ..left };
        product_parallel(last, &packed, finish, &mut alone).unwrap();
        prop_assert_eq!(&alone[..], &whole[(rows - 1) * columns..]);
        if let Some(first) = first {
            prop_assert_eq!(first, whole);
        }
    }
}

#[test]
fn a_product_of_few_rows_is_divided_by_columns_with_the_same_bytes() {
    let (rows, terms, columns) = (9, 300, 1003);
    let (a, b) = (singles(&numbers(rows * terms, 1)), singles(&numbers(terms * columns, 2)));
    let packed = Packed::new(terms, columns, &b, columns, 1).unwrap();
    let left = Left { data: &a, rows, row_stride: terms, term_stride: 1 };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut output = vec![f32::NAN; rows * columns];
        pool.install(|| product_parallel(left, &packed, Finish::default(), &mut output)).unwrap();
        output
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(5));
}

/// Where each window's cells lie: `(output, input, cell)`, in reading order.
fn every_cell(
    windows: &Windows,
    [h, w, c]: [usize; 3],
    kernel: (usize, usize),
    stride: (usize, usize),
    dilation: (usize, usize),
    padding: [usize; 4],
) -> Vec<(usize, usize, usize)> {
    let out = windows.output_size();
    let mut cells = Vec::new();
    for (oy, ox) in (0..out.0).flat_map(|y| (0..out.1).map(move |x| (y, x))) {
        for (ky, kx) in (0..kernel.0).flat_map(|y| (0..kernel.1).map(move |x| (y, x))) {
            let y = (oy * stride.0 + ky * dilation.0).checked_sub(padding[0]).filter(|&y| y < h);
            let x = (ox * stride.1 + kx * dilation.1).checked_sub(padding[1]).filter(|&x| x < w);
            let (Some(y), Some(x)) = (y, x) else { continue };
            for channel in 0..c {
                cells.push(((oy * out.1 + ox) * c + channel, (y * w + x) * c + channel, ky * kernel.1 + kx));
            }
        }
    }
    cells
}

#[test]
fn poolings_agree_with_their_definition_ties_included() {
    let cases = [
        ((3, 3), (2, 2), (1, 1), [1; 4], false, [9, 8, 17]),
        ((3, 3), (2, 2), (1, 1), [0; 4], true, [8, 7, 5]),
        ((3, 3), (2, 2), (1, 1), [0, 0, 1, 1], false, [8, 8, 33]),
        ((2, 2), (2, 2), (1, 1), [0; 4], true, [7, 5, 3]),
        ((3, 3), (1, 1), (1, 1), [1; 4], false, [5, 6, 20]),
        ((2, 3), (1, 2), (2, 1), [1, 0, 0, 1], false, [6, 7, 4]),
    ];
    for (kernel, stride, dilation, padding, ceil, [h, w, c]) in cases {
        let windows = Windows::new(c, (h, w), kernel, stride, dilation, padding, ceil).unwrap();
        let cells = every_cell(&windows, [h, w, c], kernel, stride, dilation, padding);
        let (each, out) = (h * w * c, windows.output_size().0 * windows.output_size().1 * c);
        for levels in [1000.0, 2.0, 0.0] {
            // Few levels make ties; none makes every window one.
            let input: Vec<f64> = numbers(each, 5).iter().map(|v| (v * levels).round()).collect();
            let gradient = numbers(out, 6);
            let (mut largest, mut at) = (vec![f64::NEG_INFINITY; out], vec![0; out]);
            let mut seen = vec![false; out];
            for &(o, i, cell) in &cells {
                if !seen[o] || input[i] > largest[o] {
                    (largest[o], at[o], seen[o]) = (input[i], cell, true);
                }
            }
            let mut back = vec![0.0; each];
            for &(o, i, cell) in &cells {
                if at[o] == cell {
                    back[i] += gradient[o];
                }
            }
            let (mut output, mut places, mut found) = (vec![0.0; out], Vec::new(), vec![f64::NAN; each]);
            windows.max_forward(1, &input, &mut output, Some(&mut places)).unwrap();
            windows.max_gradient(1, &gradient, &places, &mut found).unwrap();
            assert_eq!(output, largest);
            assert!(off(&found, &back) < 1e-14);
            let mut without = vec![0.0; out];
            windows.max_forward(1, &input, &mut without, None).unwrap();
            assert_eq!(without, largest);
            for count_padding in [false, true] {
                let out_size = windows.output_size();
                let inside = |o: usize, k: usize, s: usize, d: usize, length: usize| {
                    (0..k).filter(|tap| o * s + tap * d < length).count()
                };
                let count = |o: usize| {
                    let (y, x) = (o / c / out_size.1, o / c % out_size.1);
                    let padded = (h + padding[0] + padding[2], w + padding[1] + padding[3]);
                    let rows = inside(y, kernel.0, stride.0, dilation.0, padded.0);
                    let columns = inside(x, kernel.1, stride.1, dilation.1, padded.1);
                    let own = cells.iter().filter(|cell| cell.0 == o).count();
                    (if count_padding { rows * columns } else { own }) as f64
                };
                let counts: Vec<f64> = (0..out).map(count).collect();
                let (mut mean, mut back) = (vec![0.0; out], vec![0.0; each]);
                for &(o, i, _) in &cells {
                    mean[o] += input[i] / counts[o];
                    back[i] += gradient[o] / counts[o];
                }
                windows.average_forward(1, count_padding, &input, &mut output).unwrap();
                windows.average_gradient(1, count_padding, &gradient, &mut found).unwrap();
                let worst = output.iter().zip(&mean).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(worst < 1e-12 * levels.max(1.0), "{worst:e}");
                assert!(off(&found, &back) < 1e-14);
            }
        }
    }
}

#[test]
fn a_nan_is_the_largest_and_a_window_of_border_alone_is_refused() {
    let windows = Windows::new(1, (1, 3), (1, 3), (1, 1), (1, 1), [0; 4], false).unwrap();
    let mut output = [0.0_f32];
    windows.max_forward(1, &[1.0, f32::NAN, 2.0], &mut output, None).unwrap();
    assert!(output[0].is_nan());
    assert!(Windows::new(1, (2, 2), (2, 2), (2, 2), (1, 1), [2; 4], false).is_err());
}

#[test]
fn softmax_and_layer_norm_agree_with_finite_differences() {
    let (length, rows) = (37, 3);
    let input = numbers(rows * length, 1);
    let cotangent = numbers(rows * length, 2);
    let (weight, bias) = (numbers(length, 3), numbers(length, 4));
    let dot = |values: &[f64]| values.iter().zip(&cotangent).map(|(a, b)| a * b).sum::<f64>();
    let soft = |input: &[f64]| {
        let mut values = input.to_vec();
        softmax(&mut values, length);
        values
    };
    let norm = |input: &[f64]| {
        let mut values = input.to_vec();
        layer_norm(&mut values, length, Some(&weight), Some(&bias), 1e-5, None);
        values
    };
    assert!((soft(&input).iter().sum::<f64>() - rows as f64).abs() < 1e-12);
    let mut of_soft = cotangent.clone();
    softmax_gradient(&soft(&input), &mut of_soft, length);
    let (mut statistics, mut values, mut of_norm) = (Vec::new(), input.clone(), cotangent.clone());
    layer_norm(&mut values, length, Some(&weight), Some(&bias), 1e-5, Some(&mut statistics));
    layer_norm_gradient(&input, &statistics, Some(&weight), &mut of_norm, length);
    for i in (0..rows * length).step_by(7) {
        let step = 1e-6;
        let moved = |by: f64| {
            let mut moved = input.clone();
            moved[i] += by;
            moved
        };
        let slope =
            |f: &dyn Fn(&[f64]) -> Vec<f64>| (dot(&f(&moved(step))) - dot(&f(&moved(-step)))) / (2.0 * step);
        assert!((slope(&soft) - of_soft[i]).abs() < 1e-8);
        assert!((slope(&norm) - of_norm[i]).abs() < 1e-7);
    }
    // In single precision too, near and far from zero.
    for shift in [0.0, 50.0] {
        let moved: Vec<f64> = input.iter().map(|v| f64::from((v * 10.0 + shift) as f32)).collect();
        let mut single = singles(&moved);
        softmax(&mut single, length);
        assert!(off(&doubles(&single), &soft(&moved)) < 2e-6);
        let mut single = singles(&moved);
        layer_norm(&mut single, length, Some(&singles(&weight)), Some(&singles(&bias)), 1e-5, None);
        assert!(off(&doubles(&single), &norm(&moved)) < 2e-5);
    }
}
