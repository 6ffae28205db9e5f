//! The kernels against sums written out, over random shapes; and the promises about bytes.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "errors are stated: cargo test -p weakspot-conv errors_on -- --nocapture"
)]

use proptest::prelude::*;
use weakspot_conv::{Activation, ConvShape, Convolution, Gates, Isa, Method, Scalar};

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

/// What the kernels are compared with, in double precision.
struct Sums {
    output: Vec<f64>,
    to_input: Vec<f64>,
    to_weights: Vec<f64>,
    to_bias: Vec<f64>,
    /// The largest sum of absolute products of each.
    scales: [f64; 3],
}

struct Numbers<T> {
    input: Vec<T>,
    weights: Vec<T>,
    bias: Vec<T>,
    gradient: Vec<T>,
}

impl<T: Scalar> Numbers<T> {
    fn new(case: &Case) -> Self {
        let shape = case.shape();
        Self {
            input: numbers(case.n * shape.input_len(), 1),
            weights: numbers(shape.weights_len(), 2),
            bias: numbers(case.co, 3),
            gradient: numbers(case.n * shape.output_len(), 4),
        }
    }

    fn sums(&self, case: &Case) -> Sums {
        let Self { input, weights, bias, gradient } = self;
        let mut output: Vec<f64> = (0..gradient.len()).map(|i| bias[i % case.co].to_f64()).collect();
        let (mut to_input, mut to_weights) = (vec![0.0; input.len()], vec![0.0; weights.len()]);
        let mut absolute = [vec![1.0; output.len()], vec![0.0; input.len()], vec![0.0; weights.len()]];
        case.each(|i, w, o| {
            let products = [
                input[i].to_f64() * weights[w].to_f64(),
                gradient[o].to_f64() * weights[w].to_f64(),
                gradient[o].to_f64() * input[i].to_f64(),
            ];
            output[o] += products[0];
            to_input[i] += products[1];
            to_weights[w] += products[2];
            for ((absolute, product), at) in absolute.iter_mut().zip(products).zip([o, i, w]) {
                absolute[at] += product.abs();
            }
        });
        let mut to_bias = vec![0.0; case.co];
        for (i, g) in gradient.iter().enumerate() {
            to_bias[i % case.co] += g.to_f64();
        }
        let scales = absolute.map(|a| a.into_iter().fold(0.0, f64::max));
        Sums { output, to_input, to_weights, to_bias, scales }
    }
}

fn same<T: Scalar>(a: &[T], b: &[T]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits())
}

/// The largest error of the four results, each divided by the largest sum of absolute products behind it.
fn errors<T: Scalar>(case: &Case, method: Method, isa: Isa) -> [f64; 4] {
    let shape = case.shape();
    let given = Numbers::<T>::new(case);
    let sums = given.sums(case);
    let conv = Convolution::with_isa(shape, &given.weights, given.bias.clone(), method, isa).unwrap();
    assert_eq!(conv.weights().unwrap(), given.weights);
    // Rubbish that must be overwritten.
    let rubbish = |len: usize| vec![T::from_f64(f64::NAN); len];
    let mut output = rubbish(given.gradient.len());
    conv.forward(case.n, &given.input, Activation::Linear, &mut output).unwrap();
    let mut to_input = rubbish(given.input.len());
    conv.input_gradient(case.n, &given.gradient, None, &mut to_input).unwrap();
    let (mut packed, mut to_bias) = (rubbish(given.weights.len()), rubbish(case.co));
    conv.weight_gradient(case.n, &given.input, &given.gradient, &mut packed, &mut to_bias).unwrap();
    let mut to_weights = Convolution::new(shape, &given.weights, given.bias.clone(), method).unwrap();
    to_weights.parameters_mut().unwrap().0.copy_from_slice(&packed);

    // The epilogues: a ReLU with and without gates, and closed gates on the way back.
    let mut gates = Gates::closed(output.len() / case.co, case.co);
    let (mut gated, mut relu) = (rubbish(output.len()), rubbish(output.len()));
    conv.forward(case.n, &given.input, Activation::Gated(&mut gates), &mut gated).unwrap();
    conv.forward(case.n, &given.input, Activation::Relu, &mut relu).unwrap();
    for (i, &v) in output.iter().enumerate() {
        let open = v > T::ZERO;
        assert_eq!(relu[i], if open { v } else { T::ZERO });
        assert_eq!(gated[i], relu[i]);
        assert_eq!(gates.is_open(i / case.co, i % case.co), open, "gate {i}");
    }
    let mut before: Vec<T> = numbers(given.input.len(), 11);
    let gates = Gates::relu(&mut before, case.ci).unwrap();
    let mut closed = rubbish(given.input.len());
    conv.input_gradient(case.n, &given.gradient, Some(&gates), &mut closed).unwrap();
    for ((&closed, &open), &before) in closed.iter().zip(&to_input).zip(&before) {
        assert_eq!(closed, if before > T::ZERO { open } else { T::ZERO });
    }

    // Frozen, it computes the same bytes.
    let mut frozen = Convolution::with_isa(shape, &given.weights, given.bias.clone(), method, isa).unwrap();
    frozen.freeze();
    let (mut again, mut back) = (rubbish(output.len()), rubbish(to_input.len()));
    frozen.forward(case.n, &given.input, Activation::Linear, &mut again).unwrap();
    frozen.input_gradient(case.n, &given.gradient, None, &mut back).unwrap();
    assert!(same(&again, &output) && same(&back, &to_input));

    let error = |actual: &[T], expected: &[f64], scale: f64| {
        let pairs = actual.iter().zip(expected);
        pairs.map(|(a, e)| (a.to_f64() - e).abs()).fold(0.0, |a: f64, b| if b <= a { a } else { b }) / scale
    };
    let bias_scale = (case.n * shape.output_len()).max(1) as f64;
    [
        error(&output, &sums.output, sums.scales[0]),
        error(&to_input, &sums.to_input, sums.scales[1]),
        error(&to_weights.weights().unwrap(), &sums.to_weights, sums.scales[2]),
        error(&to_bias, &sums.to_bias, bias_scale),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let channels = || prop_oneof![1..5usize, 15..20usize, 126..130usize];
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

/// Convolutions that Winograd's algorithm takes.
fn three_by_three() -> impl Strategy<Value = Case> {
    let channels = || prop_oneof![1..5usize, 15..18usize, 31..34usize, 60..66usize];
    let side = || prop_oneof![1..10usize, 10..18usize];
    (1..4usize, channels(), channels(), side(), side()).prop_map(|(n, ci, co, height, width)| Case {
        n,
        ci,
        co,
        kernel: (3, 3),
        stride: (1, 1),
        padding: [1; 4],
        size: (height, width),
    })
}

fn within(case: &Case, errors: [f64; 4], bound: f64) {
    assert!(errors.iter().all(|&e| e <= bound), "errors {errors:?} of {case:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn kernels_are_the_sums_they_stand_for(case in case()) {
        // Relative to the sum of absolute products: a few roundings, 2^-24 and 2^-53 each.
        within(&case, errors::<f64>(&case, Method::Direct, Isa::best()), 1e-14);
        within(&case, errors::<f32>(&case, Method::Direct, Isa::best()), 2e-6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn winograd_is_the_same_convolution_on_every_instruction_set(case in three_by_three()) {
        for isa in Isa::available() {
            within(&case, errors::<f32>(&case, Method::Fast, isa), WINOGRAD);
        }
    }
}

/// The stated bound of Winograd's errors, relative to the largest sum of absolute products: 80 roundings.
const WINOGRAD: f64 = 80.0 * f32::EPSILON as f64 / 2.0;

/// Prints the errors, which are bounded above, on the shapes of VGG16 at 32 px.
#[test]
fn errors_on_real_shapes_are_those_stated() {
    for (ci, co, side) in [(3, 64, 32), (64, 64, 32), (128, 128, 16), (256, 256, 8), (512, 512, 2)] {
        let case = Case { n: 1, ci, co, kernel: (3, 3), stride: (1, 1), padding: [1; 4], size: (side, side) };
        for isa in Isa::available() {
            let fast = errors::<f32>(&case, Method::Fast, isa);
            let direct = errors::<f32>(&case, Method::Direct, isa);
            println!(
                "{ci} to {co} at {side}x{side}, {}: forward, to the input, to the weights: fast {:.1e} {:.1e} {:.1e}, \
                 direct {:.1e} {:.1e} {:.1e}",
                isa.name(),
                fast[0],
                fast[1],
                fast[2],
                direct[0],
                direct[1],
                direct[2]
            );
            within(&case, fast, WINOGRAD);
        }
    }
}

/// Both multiply and add with one rounding, in the same order.
#[test]
fn avx_paths_give_the_same_bytes() {
    let fused: Vec<Isa> = Isa::available().into_iter().filter(|isa| isa.name() != "portable").collect();
    for (ci, co, size) in [(35, 70, (9, 14)), (35, 70, (2, 2)), (3, 70, (9, 27)), (1, 20, (30, 5))] {
        let case = Case { n: 3, ci, co, kernel: (3, 3), stride: (1, 1), padding: [1; 4], size };
        let given = Numbers::<f32>::new(&case);
        let mut first = None;
        for &isa in &fused {
            let bias = given.bias.clone();
            let conv = Convolution::with_isa(case.shape(), &given.weights, bias, Method::Fast, isa).unwrap();
            let (mut output, mut to_input) = (vec![0.0; given.gradient.len()], vec![0.0; given.input.len()]);
            let (mut to_weights, mut to_bias) = (vec![0.0; given.weights.len()], vec![0.0; case.co]);
            conv.forward(3, &given.input, Activation::Linear, &mut output).unwrap();
            conv.input_gradient(3, &given.gradient, None, &mut to_input).unwrap();
            conv.weight_gradient(3, &given.input, &given.gradient, &mut to_weights, &mut to_bias).unwrap();
            let bytes: Vec<u32> =
                [output, to_input, to_weights].concat().iter().map(|v| v.to_bits()).collect();
            assert_eq!(*first.get_or_insert_with(|| bytes.clone()), bytes, "{case:?}, {}", isa.name());
        }
    }
}

/// Where the definition gives exactly the bias, or no gradient at all, so do the transforms: the sign of a rounding
/// would be taken for a gradient's.
#[test]
fn what_sees_only_zeros_is_exactly_zero() {
    for (ci, co, size) in
        [(3, 18, (13, 11)), (5, 18, (13, 11)), (40, 5, (8, 8)), (17, 17, (2, 3)), (300, 260, (8, 9))]
    {
        let case = Case { n: 2, ci, co, kernel: (3, 3), stride: (1, 1), padding: [1; 4], size };
        let mut given = Numbers::<f32>::new(&case);
        // Zeros but for some pixels, of which a few have one channel only.
        let some = |pixel: usize| pixel % 29 == 5;
        for (values, channels) in [(&mut given.input, ci), (&mut given.gradient, co)] {
            for (i, v) in values.iter_mut().enumerate() {
                let last_only = (i / channels) % 2 == 1 && i % channels != channels - 1;
                *v = if !some(i / channels) || last_only { 0.0 } else { *v + 1.5 };
            }
        }
        for isa in Isa::available() {
            let run = |method: Method| {
                let bias = given.bias.clone();
                let conv = Convolution::with_isa(case.shape(), &given.weights, bias, method, isa).unwrap();
                let (mut output, mut to_input) = (given.gradient.clone(), given.input.clone());
                conv.forward(2, &given.input, Activation::Linear, &mut output).unwrap();
                conv.input_gradient(2, &given.gradient, None, &mut to_input).unwrap();
                (output, to_input)
            };
            let ((direct, direct_in), (fast, fast_in)) = (run(Method::Direct), run(Method::Fast));
            let mut untouched = 0;
            for (i, (direct, fast)) in direct.iter().zip(&fast).enumerate() {
                assert!(*direct != given.bias[i % co] || fast == direct, "output {i}: {fast}");
                untouched += usize::from(*direct == given.bias[i % co]);
            }
            for (i, (direct, fast)) in direct_in.iter().zip(&fast_in).enumerate() {
                assert!(*direct != 0.0 || *fast == 0.0, "gradient {i}: {fast}");
            }
            assert!(untouched > 0 || size == (2, 3));
        }
    }
}

/// What the definition makes infinite or NaN is so here too (it may spread within a tile), and a ReLU keeps a NaN.
#[test]
fn what_is_not_finite_stays_so() {
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX];
    let shapes = [(3, (9, 6), 26), (5, (9, 6), 26), (1, (9, 6), 26), (5, (2, 2), 3)];
    for (bad, (ci, size, pixel)) in bad.into_iter().flat_map(|bad| shapes.map(|shape| (bad, shape))) {
        let case = Case { n: 1, ci, co: 18, kernel: (3, 3), stride: (1, 1), padding: [1; 4], size };
        let mut given = Numbers::<f32>::new(&case);
        given.input[pixel * ci + ci / 2] = bad;
        for isa in Isa::available() {
            let run = |method: Method, activation: Activation<'_>| {
                let conv =
                    Convolution::with_isa(case.shape(), &given.weights, given.bias.clone(), method, isa)
                        .unwrap();
                let mut output = vec![0.0; given.gradient.len()];
                conv.forward(1, &given.input, activation, &mut output).unwrap();
                output
            };
            let (direct, fast) =
                (run(Method::Direct, Activation::Linear), run(Method::Fast, Activation::Linear));
            let relu = run(Method::Fast, Activation::Relu);
            for ((direct, fast), relu) in direct.iter().zip(&fast).zip(&relu) {
                assert!(direct.is_finite() || !fast.is_finite(), "{bad}: {direct} became {fast}");
                assert_eq!(fast.is_nan(), relu.is_nan());
            }
        }
    }
}

/// An image gives the same bytes at any place of any batch, with any number of threads.
#[test]
fn an_image_does_not_see_its_batch() {
    let cases = [
        // Linear layers; deep small grids that share a tile; odd grids; several tiles per image; one and three input
        // channels.
        (40, 130, (1, 1), [0; 4], (1, 1)),
        (300, 2, (1, 1), [0; 4], (1, 1)),
        (64, 200, (3, 3), [1; 4], (2, 2)),
        (24, 40, (3, 3), [1; 4], (3, 5)),
        (16, 130, (3, 3), [1; 4], (11, 13)),
        (1, 64, (3, 3), [1; 4], (28, 28)),
        (3, 40, (3, 3), [1; 4], (9, 13)),
        (8, 1, (1, 1), [0; 4], (7, 7)),
    ];
    for (ci, co, kernel, padding, size) in cases {
        let shape = ConvShape::new(ci, co, kernel, (1, 1), padding, size).unwrap();
        let weights: Vec<f32> = numbers(shape.weights_len(), 5);
        let conv = |method| Convolution::new(shape, &weights, numbers(co, 6), method).unwrap();
        let convs = [conv(Method::Direct), conv(Method::Fast)];
        let image: Vec<f32> = numbers(shape.input_len(), 7);
        let gradient: Vec<f32> = numbers(shape.output_len(), 8);
        let run = |conv: &Convolution<f32>, n: usize, place: usize, threads: usize| {
            let mut input = numbers(n * shape.input_len(), 9 + n as u64);
            input[place * image.len()..][..image.len()].copy_from_slice(&image);
            let mut gradients = numbers(n * shape.output_len(), 10 + n as u64);
            gradients[place * gradient.len()..][..gradient.len()].copy_from_slice(&gradient);
            let mut output = vec![0.0; n * shape.output_len()];
            let mut to_input = vec![0.0; n * shape.input_len()];
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                conv.forward(n, &input, Activation::Relu, &mut output).unwrap();
                conv.input_gradient(n, &gradients, None, &mut to_input).unwrap();
            });
            let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            (
                bits(&output[place * gradient.len()..][..gradient.len()]),
                bits(&to_input[place * image.len()..][..image.len()]),
            )
        };
        for conv in &convs {
            let alone = run(conv, 1, 0, 1);
            for n in [1, 2, 7, 32] {
                for place in 0..n {
                    let threads = 1 + place % 4;
                    assert_eq!(
                        run(conv, n, place, threads),
                        alone,
                        "{shape:?}: image {place} of {n}, {threads} threads"
                    );
                }
            }
        }
    }
}

#[test]
fn weight_gradients_are_the_same_bytes_for_any_number_of_threads() {
    for (ci, co, size) in [(3, 64, (17, 9)), (3, 20, (60, 41)), (140, 150, (4, 4)), (16, 8, (2, 2))] {
        let shape = ConvShape::new(ci, co, (3, 3), (1, 1), [1; 4], size).unwrap();
        let n = 9;
        let input: Vec<f32> = numbers(n * shape.input_len(), 1);
        let gradient: Vec<f32> = numbers(n * shape.output_len(), 2);
        for method in [Method::Direct, Method::Fast] {
            let weights = vec![0.0; shape.weights_len()];
            let conv = Convolution::new(shape, &weights, vec![0.0; co], method).unwrap();
            let run = |threads: usize| {
                let (mut to_weights, mut to_bias) = (vec![0.0; shape.weights_len()], vec![0.0; co]);
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                    conv.weight_gradient(n, &input, &gradient, &mut to_weights, &mut to_bias).unwrap();
                });
                to_weights.iter().chain(&to_bias).map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(run(1), run(2));
            assert_eq!(run(1), run(5));
        }
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
    assert!(refused(usize::MAX / 8, (3, 3), [1; 4], (8, 8)).contains("too large"));
    let shape = ConvShape::new(2, 3, (3, 3), (1, 1), [1; 4], (4, 4)).unwrap();
    let weights = vec![0.0f32; shape.weights_len()];
    for method in [Method::Direct, Method::Fast] {
        let conv = Convolution::new(shape, &weights, vec![0.0; 3], method).unwrap();
        let (right, mut output) = (vec![0.0; 2 * shape.input_len()], vec![0.0; 2 * shape.output_len()]);
        let short = conv.forward(2, &[0.0; 7], Activation::Linear, &mut output).unwrap_err();
        assert_eq!(short.to_string(), "input should hold 64 numbers; got 7");
        assert!(conv.forward(2, &right, Activation::Linear, &mut output[1..]).is_err());
        assert!(conv.forward(usize::MAX / 8, &right, Activation::Linear, &mut output).is_err());
        let mut gates = Gates::closed(31, 3);
        assert!(conv.forward(2, &right, Activation::Gated(&mut gates), &mut output).is_err());
        let gates = Gates::closed(32, 3);
        let mut to_input = right.clone();
        assert!(conv.input_gradient(2, &output, Some(&gates), &mut to_input).is_err());
        assert!(conv.input_gradient(1, &output, None, &mut to_input).is_err());
        let mut to_weights = weights.clone();
        assert!(conv.weight_gradient(2, &right, &output, &mut to_weights, &mut [0.0; 2]).is_err());
        assert!(conv.weight_gradient(2, &right, &output, &mut to_weights[1..], &mut [0.0; 3]).is_err());
    }
    assert!(Convolution::new(shape, &weights[1..], vec![0.0; 3], Method::Fast).is_err());
    assert!(Convolution::new(shape, &weights, vec![0.0; 2], Method::Fast).is_err());
}
