//! Functions of one number on slices, and their derivatives.
//!
//! In single precision exp, erf and tanh are polynomials that the compiler turns into vector instructions. They
//! multiply and add with two roundings everywhere, so that every instruction set gives the same bytes.
//! `tests/functions.rs` bounds their errors against double precision over the whole range.

use rayon::prelude::*;

use crate::scalar::Scalar;
use crate::simd::{Isa, Kernel, Vector, run};

/// A function that is applied to each number. Parameters are ONNX's.
///
/// # Examples
/// ```
/// use weakspot_conv::Function;
///
/// let mut values = [-1.0_f64, 2.0, 9.0];
/// let clip = Function::Clip { low: 0.0, high: 6.0 };
/// let mut gradient = [1.0; 3];
/// clip.gradient(&values, &mut gradient);
/// clip.apply(&mut values);
/// assert_eq!((values, gradient), ([0.0, 2.0, 6.0], [0.0, 1.0, 0.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// `|x|`; derivative 0 at 0.
    Abs,
    /// Between two bounds; the derivative is 1 on them, as in PyTorch.
    Clip {
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
    },
    /// `x` above 0, `alpha (exp(x) - 1)` else.
    Elu {
        /// The limit to the left, with its sign changed.
        alpha: f64,
    },
    /// The error function.
    Erf,
    /// `exp(x)`.
    Exp,
    /// `x Phi(x)`, where Phi is the normal distribution.
    Gelu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `alpha x + beta` between 0 and 1.
    HardSigmoid {
        /// The slope.
        alpha: f64,
        /// The value at 0.
        beta: f64,
    },
    /// `x` times `x / 6 + 1 / 2` between 0 and 1.
    HardSwish,
    /// `x` above 0, `alpha x` else.
    LeakyRelu {
        /// The slope to the left.
        alpha: f64,
    },
    /// The natural logarithm.
    Log,
    /// `x tanh(log(1 + exp(x)))`.
    Mish,
    /// `-x`.
    Neg,
    /// `1 / x`.
    Reciprocal,
    /// `gamma x` above 0, `gamma alpha (exp(x) - 1)` else.
    Selu {
        /// As for `Elu`.
        alpha: f64,
        /// A factor.
        gamma: f64,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `log(1 + exp(x))`.
    Softplus,
    /// The square root.
    Sqrt,
    /// The hyperbolic tangent.
    Tanh,
}

/// The arithmetic that the functions are written in.
pub(crate) trait Elementary: Copy + PartialOrd {
    fn of(value: f64) -> Self;
    fn exp(self) -> Self;
    fn erf(self) -> Self;
    fn tanh(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn root(self) -> Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn over(self, other: Self) -> Self;
}

macro_rules! arithmetic {
    () => {
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            self + other
        }

        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            self - other
        }

        #[inline(always)]
        fn times(self, other: Self) -> Self {
            self * other
        }

        #[inline(always)]
        fn over(self, other: Self) -> Self {
            self / other
        }
    };
}

impl Elementary for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn exp(self) -> Self {
        self.exp()
    }

    fn erf(self) -> Self {
        libm::erf(self)
    }

    fn tanh(self) -> Self {
        self.tanh()
    }

    fn ln(self) -> Self {
        self.ln()
    }

    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    fn root(self) -> Self {
        self.sqrt()
    }

    arithmetic!();
}

impl Elementary for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    /// `2^n (1 + p(r))` with `x = n log 2 + r` and a Taylor polynomial of degree 7 on `|r| <= log(2) / 2`.
    #[inline(always)]
    fn exp(self) -> Self {
        // Beyond these the result is 0 or infinite; a NaN passes through both comparisons.
        let x = if self < -104.0 { -104.0 } else { self };
        let x = if x > 89.0 { 89.0 } else { x };
        let n = x * std::f32::consts::LOG2_E + ROUND - ROUND;
        // log 2 in two parts, the first with trailing zeros so that its product is exact.
        let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
        let p = 1.0 / 5040.0;
        let p = p * r + 1.0 / 720.0;
        let p = p * r + 1.0 / 120.0;
        let p = p * r + 1.0 / 24.0;
        let p = p * r + 1.0 / 6.0;
        let p = p * r + 0.5;
        let p = p * r * r + r + 1.0;
        // In two factors, so that neither leaves the range of normal numbers.
        let n = n as i32;
        let half = n >> 1;
        let power = |n: i32| Self::from_bits(((n + 127) as u32) << 23);
        p * power(half) * power(n - half)
    }

    /// Taylor's polynomial up to 1, `1 - t exp(-x^2 + q(t))` with `t = 1 / (1 + x / 2)` beyond: the Chebyshev fit of
    /// erfc in Press et al., Numerical Recipes, second edition, section 6.2, relative error below 1.2e-7.
    #[inline(always)]
    fn erf(self) -> Self {
        let u = self * self;
        let p = 1.0 / 76_204_800.0;
        let p = p * u - 1.0 / 6_894_720.0;
        let p = p * u + 1.0 / 685_440.0;
        let p = p * u - 1.0 / 75_600.0;
        let p = p * u + 1.0 / 9_360.0;
        let p = p * u - 1.0 / 1_320.0;
        let p = p * u + 1.0 / 216.0;
        let p = p * u - 1.0 / 42.0;
        let p = p * u + 0.1;
        let p = p * u - 1.0 / 3.0;
        let p = p * u + 1.0;
        let near = self * p * std::f32::consts::FRAC_2_SQRT_PI;
        let size = self.abs();
        let size = if size > 6.0 { 6.0 } else { size };
        let t = 1.0 / (0.5 * size + 1.0);
        let q = 0.170_872_77;
        let q = q * t - 0.822_152_23;
        let q = q * t + 1.488_515_9;
        let q = q * t - 1.135_204;
        let q = q * t + 0.278_868_07;
        let q = q * t - 0.186_288_06;
        let q = q * t + 0.096_784_18;
        let q = q * t + 0.374_091_96;
        let q = q * t + 1.000_023_7;
        let q = q * t - 1.265_512_2;
        let far = 1.0 - t * Elementary::exp(q - size * size);
        let far = if self < 0.0 { -far } else { far };
        if u < 1.0 || self.is_nan() { near } else { far }
    }

    /// Taylor's polynomial up to 1/2, `1 - 2 / (exp(2 x) + 1)` beyond.
    #[inline(always)]
    fn tanh(self) -> Self {
        let u = self * self;
        let p = -1.455_834_4e-3;
        let p = p * u + 21_844.0 / 6_081_075.0;
        let p = p * u - 1_382.0 / 155_925.0;
        let p = p * u + 62.0 / 2_835.0;
        let p = p * u - 17.0 / 315.0;
        let p = p * u + 2.0 / 15.0;
        let p = p * u - 1.0 / 3.0;
        let near = self * (p * u) + self;
        let size = self.abs();
        let far = 1.0 - 2.0 / (Elementary::exp(size + size) + 1.0);
        let far = if self < 0.0 { -far } else { far };
        if u < 0.25 || self.is_nan() { near } else { far }
    }

    #[inline(always)]
    fn ln(self) -> Self {
        self.ln()
    }

    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    arithmetic!();
}

/// Adding and subtracting 1.5 * 2^23 rounds to a whole number.
const ROUND: f32 = 12_582_912.0;

/// `1 / (1 + exp(-x))`.
#[inline(always)]
fn sigmoid<E: Elementary>(x: E) -> E {
    let (zero, one) = (E::of(0.0), E::of(1.0));
    one.over(zero.minus(x).exp().plus(one))
}

/// The normal distribution.
#[inline(always)]
fn phi<E: Elementary>(x: E) -> E {
    let half = E::of(0.5);
    x.times(E::of(std::f64::consts::FRAC_1_SQRT_2)).erf().times(half).plus(half)
}

/// `log(1 + exp(x))`, for large `x` too.
#[inline(always)]
fn softplus<E: Elementary>(x: E) -> E {
    let zero = E::of(0.0);
    let (above, size) = if x > zero { (x, x) } else { (zero, zero.minus(x)) };
    zero.minus(size).exp().ln_1p().plus(above)
}

/// The argument of the hyperbolic tangent in [`Function::GeluTanh`], and its derivative.
#[inline(always)]
fn cubic<E: Elementary>(x: E) -> (E, E) {
    let (a, b) = (E::of((2.0 / std::f64::consts::PI).sqrt()), E::of(0.044_715));
    let u = x.times(x);
    let one = E::of(1.0);
    (a.times(x).times(b.times(u).plus(one)), a.times(E::of(3.0).times(b).times(u).plus(one)))
}

/// Calls `$run!(f, derivative)` for a function.
macro_rules! with_function {
    ($function:expr, $run:ident) => {
        match $function {
            Function::Abs => {
                $run!(|x: E| if x < E::of(0.0) { E::of(0.0).minus(x) } else { x }, |x: E| if x < E::of(0.0) {
                    E::of(-1.0)
                } else if x > E::of(0.0) {
                    E::of(1.0)
                } else {
                    E::of(0.0)
                })
            }
            Function::Clip { low, high } => {
                let (low, high) = (E::of(low), E::of(high));
                $run!(
                    move |x: E| {
                        let x = if x < low { low } else { x };
                        if x > high { high } else { x }
                    },
                    move |x: E| if x < low || x > high { E::of(0.0) } else { E::of(1.0) }
                )
            }
            Function::Elu { alpha } => {
                let alpha = E::of(alpha);
                $run!(
                    move |x: E| if x > E::of(0.0) { x } else { x.exp().minus(E::of(1.0)).times(alpha) },
                    move |x: E| if x > E::of(0.0) { E::of(1.0) } else { x.exp().times(alpha) }
                )
            }
            Function::Erf => $run!(|x: E| x.erf(), |x: E| {
                E::of(0.0).minus(x.times(x)).exp().times(E::of(std::f64::consts::FRAC_2_SQRT_PI))
            }),
            Function::Exp => $run!(|x: E| x.exp(), |x: E| x.exp()),
            Function::Gelu => $run!(|x: E| x.times(phi(x)), |x: E| {
                let density = E::of(-0.5).times(x).times(x).exp().times(E::of(0.398_942_280_401_432_7));
                phi(x).plus(x.times(density))
            }),
            Function::GeluTanh => $run!(
                |x: E| {
                    let (inner, _) = cubic(x);
                    x.times(E::of(0.5)).times(inner.tanh().plus(E::of(1.0)))
                },
                |x: E| {
                    let (inner, slope) = cubic(x);
                    let (t, one) = (inner.tanh(), E::of(1.0));
                    let curve = x.times(one.minus(t.times(t))).times(slope);
                    t.plus(one).plus(curve).times(E::of(0.5))
                }
            ),
            Function::HardSigmoid { alpha, beta } => {
                let (alpha, beta) = (E::of(alpha), E::of(beta));
                $run!(
                    move |x: E| {
                        let y = alpha.times(x).plus(beta);
                        let y = if y < E::of(0.0) { E::of(0.0) } else { y };
                        if y > E::of(1.0) { E::of(1.0) } else { y }
                    },
                    move |x: E| {
                        let y = alpha.times(x).plus(beta);
                        if y > E::of(0.0) && y < E::of(1.0) { alpha } else { E::of(0.0) }
                    }
                )
            }
            Function::HardSwish => $run!(
                |x: E| {
                    let y = x.plus(E::of(3.0));
                    let y = if y < E::of(0.0) { E::of(0.0) } else { y };
                    let y = if y > E::of(6.0) { E::of(6.0) } else { y };
                    x.times(y.over(E::of(6.0)))
                },
                |x: E| if x < E::of(-3.0) {
                    E::of(0.0)
                } else if x > E::of(3.0) {
                    E::of(1.0)
                } else {
                    x.over(E::of(3.0)).plus(E::of(0.5))
                }
            ),
            Function::LeakyRelu { alpha } => {
                let alpha = E::of(alpha);
                $run!(move |x: E| if x > E::of(0.0) { x } else { x.times(alpha) }, move |x: E| if x > E::of(
                    0.0
                ) {
                    E::of(1.0)
                } else {
                    alpha
                })
            }
            Function::Log => $run!(|x: E| x.ln(), |x: E| E::of(1.0).over(x)),
            Function::Mish => $run!(|x: E| x.times(softplus(x).tanh()), |x: E| {
                let t = softplus(x).tanh();
                t.plus(x.times(sigmoid(x)).times(E::of(1.0).minus(t.times(t))))
            }),
            Function::Neg => $run!(|x: E| E::of(0.0).minus(x), |_: E| E::of(-1.0)),
            Function::Reciprocal => {
                $run!(|x: E| E::of(1.0).over(x), |x: E| E::of(-1.0).over(x.times(x)))
            }
            Function::Selu { alpha, gamma } => {
                let (alpha, gamma) = (E::of(alpha), E::of(gamma));
                $run!(
                    move |x: E| {
                        gamma.times(if x > E::of(0.0) { x } else { x.exp().minus(E::of(1.0)).times(alpha) })
                    },
                    move |x: E| gamma.times(if x > E::of(0.0) { E::of(1.0) } else { x.exp().times(alpha) })
                )
            }
            Function::Sigmoid => $run!(|x: E| sigmoid(x), |x: E| {
                let y = sigmoid(x);
                y.times(E::of(1.0).minus(y))
            }),
            Function::Silu => $run!(|x: E| x.times(sigmoid(x)), |x: E| {
                let y = sigmoid(x);
                y.times(x.times(E::of(1.0).minus(y)).plus(E::of(1.0)))
            }),
            Function::Softplus => $run!(|x: E| softplus(x), |x: E| sigmoid(x)),
            Function::Sqrt => $run!(|x: E| x.root(), |x: E| E::of(0.5).over(x.root())),
            Function::Tanh => $run!(|x: E| x.tanh(), |x: E| {
                let t = x.tanh();
                E::of(1.0).minus(t.times(t))
            }),
        }
    };
}

/// Numbers per task.
const CHUNK: usize = 1 << 13;

struct Apply<'a, E> {
    function: Function,
    values: &'a mut [E],
}

impl<E: Elementary> Kernel for Apply<'_, E> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        macro_rules! each {
            ($f:expr, $derivative:expr) => {
                for v in self.values {
                    *v = $f(*v);
                }
            };
        }
        with_function!(self.function, each);
    }
}

struct Derive<'a, E> {
    function: Function,
    inputs: &'a [E],
    gradient: &'a mut [E],
}

impl<E: Elementary> Kernel for Derive<'_, E> {
    #[inline(always)]
    fn run<V: Vector>(self) {
        macro_rules! each {
            ($f:expr, $derivative:expr) => {
                for (g, &x) in self.gradient.iter_mut().zip(self.inputs) {
                    *g = g.times($derivative(x));
                }
            };
        }
        with_function!(self.function, each);
    }
}

impl Function {
    /// Replaces every number by the function's value.
    pub fn apply<T: Scalar>(&self, values: &mut [T]) {
        self.apply_with(Isa::best(), values);
    }

    /// [`Function::apply`] with an instruction set of this processor that need not be the fastest.
    pub fn apply_with<T: Scalar>(&self, isa: Isa, values: &mut [T]) {
        let function = *self;
        values.par_chunks_mut(CHUNK).for_each(|values| {
            if let Some(values) = T::singles_mut(values) {
                run(isa, Apply { function, values });
            } else if let Some(values) = T::doubles_mut(values) {
                run(isa, Apply { function, values });
            }
        });
    }

    /// Multiplies every number of a gradient by the derivative at its input.
    pub fn gradient<T: Scalar>(&self, inputs: &[T], gradient: &mut [T]) {
        self.gradient_with(Isa::best(), inputs, gradient);
    }

    /// [`Function::gradient`] with an instruction set of this processor that need not be the fastest.
    pub fn gradient_with<T: Scalar>(&self, isa: Isa, inputs: &[T], gradient: &mut [T]) {
        let function = *self;
        gradient.par_chunks_mut(CHUNK).zip(inputs.par_chunks(CHUNK)).for_each(|(gradient, inputs)| {
            if let (Some(inputs), Some(gradient)) = (T::singles(inputs), T::singles_mut(gradient)) {
                run(isa, Derive { function, inputs, gradient });
            } else if let (Some(inputs), Some(gradient)) = (T::doubles(inputs), T::doubles_mut(gradient)) {
                run(isa, Derive { function, inputs, gradient });
            }
        });
    }
}
