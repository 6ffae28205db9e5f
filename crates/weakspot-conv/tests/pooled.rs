//! Convolutions fused with a ReLU and a max-pooling, against the three one after the other.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use proptest::prelude::*;
use weakspot_conv::{Activation, ConvShape, Convolution, Gates, Isa, MaxPool, Method};

/// Numbers in `[-1, 1)`, the same for the same seed; one in `zeros` is 0 (none for 0).
fn numbers(len: usize, seed: u64, zeros: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let v = (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0;
            if zeros > 0 && (state >> 33).is_multiple_of(zeros) { 0.0 } else { v }
        })
        .collect()
}

struct Layer {
    n: usize,
    channels: [usize; 2],
    size: (usize, usize),
    shape: ConvShape,
    conv: Convolution<f32>,
    pool: MaxPool,
    input: Vec<f32>,
}

impl Layer {
    fn new(n: usize, ci: usize, co: usize, size: (usize, usize), isa: Isa) -> Self {
        let shape = ConvShape::new(ci, co, (3, 3), (1, 1), [1; 4], size).unwrap();
        let weights = numbers(shape.weights_len(), 2, 0);
        let conv = Convolution::with_isa(shape, &weights, numbers(co, 3, 0), Method::Fast, isa).unwrap();
        let pool = MaxPool::new(2, co, size).unwrap();
        Self { n, channels: [ci, co], size, shape, conv, pool, input: numbers(n * shape.input_len(), 1, 3) }
    }

    fn gates(&self) -> Gates {
        let pixels = self.n * self.size.0 * self.size.1;
        // Rubbish that must be overwritten: all open.
        Gates::relu(&mut vec![1.0f32; pixels * self.channels[1]], self.channels[1]).unwrap()
    }

    fn pooled_len(&self) -> usize {
        self.n * (self.size.0 / 2) * (self.size.1 / 2) * self.channels[1]
    }

    fn check(&self) {
        // One after the other.
        let mut between = vec![f32::NAN; self.n * self.shape.output_len()];
        let mut open = self.gates();
        self.conv.forward(self.n, &self.input, Activation::Gated(&mut open), &mut between).unwrap();
        let mut expected = vec![f32::NAN; self.pooled_len()];
        let places = self.pool.forward(self.n, &between, true, None, &mut expected).unwrap().unwrap();
        let gradient = numbers(expected.len(), 5, 4);
        let mut spread = vec![f32::NAN; between.len()];
        self.pool.gradient(self.n, &gradient, &places, Some(&open), &mut spread).unwrap();
        let mut below = numbers(self.input.len(), 7, 0);
        let below = Gates::relu(&mut below, self.channels[0]).unwrap();

        // Together.
        let mut maxima = self.gates();
        for maxima in [Some(&mut maxima), None] {
            let mut pooled = vec![f32::NAN; expected.len()];
            self.conv.forward_pooled(self.n, &self.input, maxima, None, &mut pooled).unwrap();
            assert_eq!(bits(&pooled), bits(&expected));
        }
        let mut at = vec![f32::NAN; between.len()];
        self.pool.gradient_at(self.n, &gradient, &maxima, &mut at).unwrap();
        assert_eq!(bits(&at), bits(&spread));
        for gates in [None, Some(&below)] {
            let (mut expected, mut together) = (self.input.clone(), self.input.clone());
            self.conv.input_gradient(self.n, &spread, gates, &mut expected).unwrap();
            self.conv.input_gradient_pooled(self.n, &gradient, &maxima, gates, &mut together).unwrap();
            assert_eq!(bits(&together), bits(&expected));
        }
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn together_they_are_the_same_bytes(
        n in 1..4usize,
        ci in prop_oneof![Just(2usize), 4..6usize, 15..34usize],
        co in prop_oneof![1..5usize, 15..18usize, 31..34usize, 60..66usize],
        size in (2..19usize, 2..19usize),
    ) {
        for isa in Isa::available() {
            Layer::new(n, ci, co, size, isa).check();
        }
    }
}

/// Filters so large that threads share them.
#[test]
fn with_many_channels_too() {
    Layer::new(3, 250, 260, (12, 10), Isa::best()).check();
    Layer::new(5, 250, 260, (2, 2), Isa::best()).check();
}

/// Of equal values the first counts, whichever they are; a window of zeros has no place; a NaN is the largest.
#[test]
fn ties_zeros_and_nan() {
    for isa in Isa::available() {
        // The second channel counts nothing: with one there would be no pooling.
        let shape = ConvShape::new(2, 1, (3, 3), (1, 1), [1; 4], (2, 6)).unwrap();
        let mut weights = [0.0; 18];
        weights[4] = 1.0;
        let both = |input: [f32; 12]| input.map(|v| [v, 1.0]).concat();
        let conv = Convolution::with_isa(shape, &weights, vec![0.0], Method::Fast, isa).unwrap();
        let mut maxima = Gates::closed(12, 1);
        let mut pooled = [0.0; 3];
        // Two equal maxima; nothing above zero; a far larger neighbour is in another window.
        let input = [0.5, 0.25, -1.0, 0.0, 0.0, 4.0, 0.25, 0.5, 0.0, -2.0, 0.0, 0.0];
        conv.forward_pooled(1, &both(input), Some(&mut maxima), None, &mut pooled).unwrap();
        assert_eq!(pooled, [0.5, 0.0, 4.0]);
        let open: Vec<usize> = (0..12).filter(|&p| maxima.is_open(p, 0)).collect();
        assert_eq!(open, [0, 5], "{}", isa.name());
        let mut input = input;
        input[9] = f32::NAN;
        conv.forward_pooled(1, &both(input), Some(&mut maxima), None, &mut pooled).unwrap();
        assert!(pooled[1].is_nan());
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let layer = Layer::new(1, 2, 3, (4, 4), Isa::best());
    let (mut pooled, mut short) = (vec![0.0; 12], vec![0.0; 11]);
    let mut wrong = Gates::closed(4, 3);
    let refused = |result: Result<(), weakspot_conv::ShapeError>| result.unwrap_err().to_string();
    assert!(refused(layer.conv.forward_pooled(1, &layer.input, None, None, &mut short)).contains("output"));
    assert!(
        refused(layer.conv.forward_pooled(1, &layer.input, Some(&mut wrong), None, &mut pooled))
            .contains("maxima")
    );
    let mut back = layer.input.clone();
    assert!(
        refused(layer.conv.input_gradient_pooled(1, &pooled, &wrong, None, &mut back)).contains("maxima")
    );
    let maxima = Gates::closed(16, 3);
    assert!(
        refused(layer.conv.input_gradient_pooled(1, &short, &maxima, None, &mut back))
            .contains("output gradient")
    );
    // Direct convolutions do not pool, and neither do images without a window or first layers.
    let weights = numbers(layer.shape.weights_len(), 2, 0);
    let direct = Convolution::new(layer.shape, &weights, vec![0.0; 3], Method::Direct).unwrap();
    let flat = ConvShape::new(2, 3, (3, 3), (1, 1), [1; 4], (1, 4)).unwrap();
    let flat = Convolution::new(flat, &weights, vec![0.0; 3], Method::Fast).unwrap();
    let first = ConvShape::new(3, 2, (3, 3), (1, 1), [1; 4], (4, 4)).unwrap();
    let first = Convolution::new(first, &weights, vec![0.0; 2], Method::Fast).unwrap();
    for conv in [direct, flat, first] {
        assert!(!conv.pools());
        assert!(refused(conv.forward_pooled(1, &[], None, None, &mut [])).contains("does not pool"));
    }
}
