//! The kernels against sums written out, over random shapes; and the promises about bytes.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use weakspot_conv::{
    ConvShape, Scalar, Transposed, bias_gradient, forward, input_gradient, pack, unpack, weight_gradient,
};

/// A convolution, its sizes spelled out for the sums below.
#[derive(Clone, Copy, Debug)]
struct Case {
    n: usize,
    ci: usize,
    co: usize,
    kernel: (usize, usize),
    stride: (usize, usize),
    padding: [usize; 4],
    size: (usize, usize),
}

impl Case {
    fn shape(&self) -> ConvShape {
        ConvShape::new(self.ci, self.co, self.kernel, self.stride, self.padding, self.size).unwrap()
    }

    /// Visits every product of the convolution: indices into input, OIHW weights and output.
    fn each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (oh, ow) = self.shape().output_size();
        let (h, w) = self.size;
        for i in 0..self.n * oh * ow * self.co {
            let (o, x, y, image) =
                (i % self.co, i / self.co % ow, i / self.co / ow % oh, i / self.co / ow / oh);
            for ky in 0..self.kernel.0 {
                for kx in 0..self.kernel.1 {
                    let Some(iy) = (y * self.stride.0 + ky).checked_sub(self.padding[0]) else { continue };
                    let Some(ix) = (x * self.stride.1 + kx).checked_sub(self.padding[1]) else { continue };
                    if iy >= h || ix >= w {
                        continue;
                    }
                    for c in 0..self.ci {
                        let weight = ((o * self.ci + c) * self.kernel.0 + ky) * self.kernel.1 + kx;
                        visit(((image * h + iy) * w + ix) * self.ci + c, weight, i);
                    }
                }
            }
        }
    }
}

/// Numbers in `[-1, 1)` from a fixed linear congruence, different for every seed.
fn numbers<T: Scalar>(len: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            T::from_f64((state >> 40) as f64 / f64::from(1u32 << 23) - 1.0)
        })
        .collect()
}

fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!((a - e).abs() <= tolerance, "at {i}: {a} instead of {e}");
    }
}

fn f64s<T: Scalar>(values: &[T]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}

/// Forward and the three gradients against sums of products in double precision.
fn check_against_sums<T: Scalar>(case: &Case, tolerance: f64) {
    let shape = case.shape();
    let input: Vec<T> = numbers(case.n * shape.input_len(), 1);
    let weights: Vec<T> = numbers(shape.weights_len(), 2);
    let bias: Vec<T> = numbers(case.co, 3);
    let gradient: Vec<T> = numbers(case.n * shape.output_len(), 4);
    let packed = pack(&shape, &weights).unwrap();
    assert_eq!(unpack(&shape, &packed).unwrap(), weights);

    let mut expected: Vec<f64> = (0..gradient.len()).map(|i| bias[i % case.co].to_f64()).collect();
    let mut expected_input = vec![0.0; input.len()];
    let mut expected_weights = vec![0.0; weights.len()];
    case.each(|i, w, o| {
        expected[o] += input[i].to_f64() * weights[w].to_f64();
        expected_input[i] += gradient[o].to_f64() * weights[w].to_f64();
        expected_weights[w] += gradient[o].to_f64() * input[i].to_f64();
    });
    let mut output = vec![T::ONE; gradient.len()];
    forward(&shape, case.n, &input, &packed, Some(&bias), &mut output).unwrap();
    assert_close(&f64s(&output), &expected, tolerance);

    let mut to_input = vec![T::ONE; input.len()];
    let transposed = Transposed::new(&shape, &packed).unwrap();
    input_gradient(&shape, case.n, &gradient, &packed, &transposed, &mut to_input).unwrap();
    assert_close(&f64s(&to_input), &expected_input, tolerance);

    let mut to_weights = vec![T::ONE; weights.len()];
    weight_gradient(&shape, case.n, &input, &gradient, &mut to_weights).unwrap();
    assert_close(&f64s(&unpack(&shape, &to_weights).unwrap()), &expected_weights, tolerance);

    let mut to_bias = vec![T::ONE; case.co];
    bias_gradient(&shape, case.n, &gradient, &mut to_bias).unwrap();
    let mut expected_bias = vec![0.0; case.co];
    for (i, g) in gradient.iter().enumerate() {
        expected_bias[i % case.co] += g.to_f64();
    }
    assert_close(&f64s(&to_bias), &expected_bias, tolerance);
}

fn case() -> impl Strategy<Value = Case> {
    let channels = || prop_oneof![1..5usize, 15..20usize, 126..132usize];
    let counts = (1..5usize, channels(), channels());
    (
        counts,
        (1..4usize, 1..4usize),
        (1..3usize, 1..3usize),
        [0..3usize, 0..3, 0..3, 0..3],
        (0..7usize, 0..7usize),
    )
        .prop_map(|((n, ci, co), kernel, stride, padding, more)| Case {
            n,
            ci,
            co,
            kernel,
            stride,
            padding: [
                padding[0] % kernel.0,
                padding[1] % kernel.1,
                padding[2] % kernel.0,
                padding[3] % kernel.1,
            ],
            size: (kernel.0 + more.0, kernel.1 + more.1),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn kernels_are_the_sums_they_stand_for(case in case()) {
        // Sums have at most 4 * 81 * 9 and 9 * 131 terms of size 1; double precision keeps 15 digits of each.
        check_against_sums::<f64>(&case, 1e-10);
        check_against_sums::<f32>(&case, 2e-3);
    }
}

/// One image among others, at any place of any batch, with any number of threads: the same bytes.
#[test]
fn an_image_does_not_see_its_batch() {
    let cases = [
        // A linear layer; deep small grids that share a tile; odd grids; several tiles per image; one input channel.
        (40, 130, (1, 1), [0; 4], (1, 1)),
        (300, 2, (1, 1), [0; 4], (1, 1)),
        (64, 200, (3, 3), [1; 4], (2, 2)),
        (24, 40, (3, 3), [1; 4], (3, 5)),
        (16, 130, (3, 3), [1; 4], (11, 13)),
        (1, 64, (3, 3), [1; 4], (28, 28)),
        (8, 1, (1, 1), [0; 4], (7, 7)),
    ];
    for (ci, co, kernel, padding, size) in cases {
        let shape = ConvShape::new(ci, co, kernel, (1, 1), padding, size).unwrap();
        let weights = pack(&shape, &numbers::<f32>(shape.weights_len(), 5)).unwrap();
        let transposed = Transposed::new(&shape, &weights).unwrap();
        let bias: Vec<f32> = numbers(co, 6);
        let image: Vec<f32> = numbers(shape.input_len(), 7);
        let gradient: Vec<f32> = numbers(shape.output_len(), 8);
        let run = |n: usize, place: usize, threads: usize| {
            let mut input = numbers(n * shape.input_len(), 9 + n as u64);
            input[place * image.len()..][..image.len()].copy_from_slice(&image);
            let mut gradients = numbers(n * shape.output_len(), 10 + n as u64);
            gradients[place * gradient.len()..][..gradient.len()].copy_from_slice(&gradient);
            let mut output = vec![0.0; n * shape.output_len()];
            let mut to_input = vec![0.0; n * shape.input_len()];
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                forward(&shape, n, &input, &weights, Some(&bias), &mut output).unwrap();
                input_gradient(&shape, n, &gradients, &weights, &transposed, &mut to_input).unwrap();
            });
            let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (
                bits(&output[place * gradient.len()..][..gradient.len()]),
                bits(&to_input[place * image.len()..][..image.len()]),
            )
        };
        let alone = run(1, 0, 1);
        for n in [1, 2, 7, 32] {
            for place in 0..n {
                let threads = 1 + place % 4;
                assert_eq!(
                    run(n, place, threads),
                    alone,
                    "{shape:?}: image {place} of {n}, {threads} threads"
                );
            }
        }
    }
}

#[test]
fn weight_gradients_are_the_same_bytes_for_any_number_of_threads() {
    for (ci, co, size) in [(3, 64, (17, 9)), (140, 150, (4, 4)), (16, 8, (2, 2))] {
        let shape = ConvShape::new(ci, co, (3, 3), (1, 1), [1; 4], size).unwrap();
        let n = 9;
        let input: Vec<f32> = numbers(n * shape.input_len(), 1);
        let gradient: Vec<f32> = numbers(n * shape.output_len(), 2);
        let run = |threads: usize| {
            let mut to_weights = vec![0.0; shape.weights_len()];
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                weight_gradient(&shape, n, &input, &gradient, &mut to_weights).unwrap();
            });
            to_weights.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(5));
    }
}

#[test]
fn impossible_shapes_and_lengths_are_refused() {
    let refused = |ci, kernel, padding, size| {
        ConvShape::new(ci, 1, kernel, (1, 1), padding, size).unwrap_err().to_string()
    };
    assert!(refused(0, (3, 3), [1; 4], (8, 8)).contains("positive"));
    assert!(refused(1, (3, 3), [3, 1, 1, 1], (8, 8)).contains("smaller than the kernel"));
    assert!(refused(1, (3, 3), [0; 4], (2, 8)).contains("smaller than the kernel"));
    let shape = ConvShape::new(2, 3, (3, 3), (1, 1), [1; 4], (4, 4)).unwrap();
    let weights = vec![0.0f32; shape.weights_len()];
    let mut output = vec![0.0; 2 * shape.output_len()];
    let short = forward(&shape, 2, &[0.0; 7], &weights, None, &mut output).unwrap_err();
    assert_eq!(short.to_string(), "input should hold 64 numbers; got 7");
}
