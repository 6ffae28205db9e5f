//! Elementwise functions against double precision over the whole range, and their derivatives.

use weakspot_conv::{Function, Isa};

/// Every function, with parameters as networks have them, and how far single precision may be off: a share of the
/// value, and an absolute part.
const FUNCTIONS: [(Function, f64, f64); 19] = [
    (Function::Abs, 0.0, 0.0),
    (Function::Clip { low: 0.0, high: 6.0 }, 0.0, 0.0),
    (Function::Elu { alpha: 1.0 }, 2e-7, 2e-7),
    (Function::Erf, 4e-7, 1e-44),
    (Function::Exp, 3e-7, 1e-44),
    (Function::Gelu, 4e-7, 4e-7),
    (Function::GeluTanh, 4e-7, 1e-6),
    (Function::HardSigmoid { alpha: 0.2, beta: 0.5 }, 2e-7, 1e-7),
    (Function::HardSwish, 3e-7, 1e-6),
    (Function::LeakyRelu { alpha: 0.01 }, 2e-7, 1e-44),
    (Function::Mish, 6e-7, 4e-7),
    (Function::Neg, 0.0, 0.0),
    (Function::Reciprocal, 1e-7, 1e-44),
    (Function::Selu { alpha: 1.673_263_2, gamma: 1.050_701 }, 3e-7, 3e-7),
    (Function::Sigmoid, 4e-7, 1e-38),
    (Function::Silu, 4e-7, 1e-36),
    (Function::Softplus, 4e-7, 1e-44),
    (Function::Sqrt, 1e-7, 1e-44),
    (Function::Tanh, 4e-7, 1e-44),
];

/// Points over the whole range of single precision, dense around zero.
fn points() -> Vec<f32> {
    let mut points: Vec<f32> = (-4000..=4000).map(|i| i as f32 * 0.01).collect();
    points.extend((0..3000).map(|i| f32::from_bits(i * 715_000)).filter(|v| v.is_finite()));
    let negative: Vec<f32> = points.iter().map(|v| -v).collect();
    points.extend(negative);
    points
}

#[test]
fn single_precision_keeps_its_bounds_over_the_whole_range() {
    for (function, relative, absolute) in FUNCTIONS {
        let mut singles = points();
        let mut doubles: Vec<f64> = singles.iter().map(|&v| v.into()).collect();
        let inputs = singles.clone();
        function.apply(&mut singles);
        function.apply(&mut doubles);
        for ((x, ours), wanted) in inputs.iter().zip(&singles).zip(&doubles) {
            let ours = f64::from(*ours);
            if wanted.is_nan() || wanted.abs() > f64::from(f32::MAX) {
                assert!(
                    ours.is_nan() == wanted.is_nan() && (ours.is_nan() || !ours.is_finite()),
                    "{function:?} {x}"
                );
                continue;
            }
            let off = (ours - wanted).abs();
            assert!(
                off <= relative * wanted.abs() + absolute,
                "{function:?} at {x}: {ours} and not {wanted}"
            );
        }
    }
}

#[test]
fn ends_are_exact() {
    let value = |function: Function, x: f32| {
        let mut values = [x];
        function.apply(&mut values);
        values[0]
    };
    assert_eq!(value(Function::Exp, 0.0), 1.0);
    assert_eq!((value(Function::Exp, -200.0), value(Function::Exp, 200.0)), (0.0, f32::INFINITY));
    for function in [Function::Erf, Function::Tanh] {
        assert_eq!((value(function, 30.0), value(function, -30.0), value(function, 0.0)), (1.0, -1.0, 0.0));
        assert_eq!((value(function, f32::INFINITY), value(function, f32::NEG_INFINITY)), (1.0, -1.0));
    }
    assert_eq!((value(Function::Sigmoid, 200.0), value(Function::Sigmoid, -200.0)), (1.0, 0.0));
    for (function, ..) in FUNCTIONS {
        let clips =
            matches!(function, Function::Clip { .. } | Function::HardSigmoid { .. } | Function::HardSwish);
        assert!(clips || value(function, f32::NAN).is_nan(), "{function:?}");
    }
}

#[test]
fn derivatives_agree_with_finite_differences() {
    for (function, ..) in FUNCTIONS {
        // Away from corners and poles.
        let inputs: Vec<f64> = (-40..40).map(|i| f64::from(i) * 0.13 + 0.0317).collect();
        let inputs: Vec<f64> = match function {
            Function::Sqrt | Function::Reciprocal => inputs.into_iter().filter(|x| *x > 0.1).collect(),
            _ => inputs,
        };
        let mut slopes = vec![1.0; inputs.len()];
        function.gradient(&inputs, &mut slopes);
        let mut singles = vec![1.0_f32; inputs.len()];
        let inputs_single: Vec<f32> = inputs.iter().map(|&x| x as f32).collect();
        function.gradient(&inputs_single, &mut singles);
        for ((&x, slope), single) in inputs.iter().zip(slopes).zip(singles) {
            let step = 1e-6;
            let mut around = [x - step, x + step];
            function.apply(&mut around);
            let wanted = (around[1] - around[0]) / (2.0 * step);
            assert!(
                (slope - wanted).abs() < 1e-7 * wanted.abs().max(1.0),
                "{function:?} at {x}: {slope}, not {wanted}"
            );
            assert!((f64::from(single) - slope).abs() < 3e-6 * slope.abs().max(1.0), "{function:?} at {x}");
        }
    }
}

#[test]
fn corners_have_pytorchs_derivative() {
    let slope = |function: Function, x: f64| {
        let mut gradient = [1.0];
        function.gradient(&[x], &mut gradient);
        gradient[0]
    };
    let clip = Function::Clip { low: 0.0, high: 6.0 };
    assert_eq!((slope(clip, 0.0), slope(clip, 6.0), slope(clip, 6.1)), (1.0, 1.0, 0.0));
    assert_eq!((slope(Function::HardSwish, -3.0), slope(Function::HardSwish, 3.0)), (-0.5, 1.5));
    let sigmoid = Function::HardSigmoid { alpha: 0.25, beta: 0.5 };
    assert_eq!((slope(sigmoid, -2.0), slope(sigmoid, 2.0), slope(sigmoid, 0.0)), (0.0, 0.0, 0.25));
    assert_eq!(slope(Function::Abs, 0.0), 0.0);
    assert_eq!(slope(Function::LeakyRelu { alpha: 0.1 }, 0.0), 0.1);
}

#[test]
fn instruction_sets_and_threads_give_the_same_bytes() {
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for (function, ..) in FUNCTIONS {
        let inputs = points();
        let mut wanted = inputs.clone();
        function.apply(&mut wanted);
        let mut slopes = vec![1.0; inputs.len()];
        function.gradient(&inputs, &mut slopes);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for isa in Isa::available() {
            let (mut values, mut gradient) = (inputs.clone(), vec![1.0; inputs.len()]);
            one.install(|| {
                function.apply_with(isa, &mut values);
                function.gradient_with(isa, &inputs, &mut gradient);
            });
            let same = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
            };
            assert!(same(&values, &wanted), "{function:?} {}", isa.name());
            assert!(same(&gradient, &slopes), "{function:?} {}", isa.name());
            assert_eq!(bits(&inputs), bits(&points()));
        }
    }
}
