//! Functions of one number, applied to each: `y = f(x)`; the gradient is multiplied by `f'(x)`.

use weakspot::Result;
use weakspot::classifier::LayerKind;
use weakspot_conv::{Function, Method, Scalar};

use super::{
    Arrangement, Binary, InPlace, Kept, Kernel, Needs, Operator, Pairwise, Placed, Prepare, Saved, View,
};
use crate::graph::layout::Layout;
use crate::onnx::{Constant, Reading, Value, integers};

/// A function by its ONNX name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Elementwise {
    pub name: &'static str,
    pub function: Function,
}

impl Elementwise {
    /// Whether it is one of the functions that networks put behind a convolution.
    fn is_activation(self) -> bool {
        !matches!(
            self.function,
            Function::Exp
                | Function::Log
                | Function::Sqrt
                | Function::Reciprocal
                | Function::Abs
                | Function::Neg
        )
    }
}

impl Operator for Elementwise {
    fn name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> LayerKind {
        if self.is_activation() { LayerKind::Activation } else { LayerKind::Other }
    }

    fn output(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        super::one(self.name, inputs).map(<[usize]>::to_vec)
    }

    fn arrange(&self, inputs: &[Layout], output: &[usize]) -> Arrangement {
        super::like_the_first(inputs, output)
    }

    fn mixed_axes(&self, _inputs: &[&[usize]]) -> Vec<(usize, usize)> {
        Vec::new()
    }
}

impl<T: Scalar> Prepare<T> for Elementwise {
    fn prepare(&self, _: &[Placed<'_>], _: &Layout, _: Method) -> Result<Box<dyn Kernel<T>>> {
        Ok(Box::new(*self))
    }
}

impl<T: Scalar> Kernel<T> for Elementwise {
    fn forward(
        &self,
        batch: usize,
        inputs: &[View<'_, T>],
        output: &mut [T],
        keep: bool,
    ) -> Result<Saved<T>> {
        output.copy_from_slice(inputs[0].data);
        self.apply(batch, output, keep)
    }

    fn gradient(
        &self,
        batch: usize,
        kept: &Kept<'_, T>,
        gradient: &[T],
        _to: usize,
        result: &mut [T],
    ) -> Result<()> {
        result.copy_from_slice(gradient);
        self.back(batch, kept, result)
    }

    fn needs(&self) -> Needs {
        Needs { inputs: true, output: false }
    }

    fn in_place(&self) -> Option<&dyn InPlace<T>> {
        Some(self)
    }
}

impl<T: Scalar> InPlace<T> for Elementwise {
    fn apply(&self, _: usize, values: &mut [T], _: bool) -> Result<Saved<T>> {
        self.function.apply(values);
        Ok(Saved::Nothing)
    }

    fn back(&self, _: usize, kept: &Kept<'_, T>, gradient: &mut [T]) -> Result<()> {
        self.function.gradient(kept.inputs[0].data, gradient);
        Ok(())
    }
}

/// Functions without a story of their own.
pub(crate) fn read(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let float = |name: &str, default: f32| r.node.float(name, default).map(f64::from);
    let (name, function) = match r.node.op {
        "Abs" => ("Abs", Function::Abs),
        "Celu" => match float("alpha", 1.0)? {
            // max(0, x) + min(0, alpha (exp(x / alpha) - 1)), which is an Elu for alpha 1.
            1.0 => ("Celu", Function::Elu { alpha: 1.0 }),
            alpha => return Err(Reading::unsupported(format!("Celu is read with alpha 1; got {alpha}"))),
        },
        "Elu" => ("Elu", Function::Elu { alpha: float("alpha", 1.0)? }),
        "Erf" => ("Erf", Function::Erf),
        "Exp" => ("Exp", Function::Exp),
        "HardSigmoid" => {
            ("HardSigmoid", Function::HardSigmoid { alpha: float("alpha", 0.2)?, beta: float("beta", 0.5)? })
        }
        "HardSwish" => ("HardSwish", Function::HardSwish),
        "LeakyRelu" => ("LeakyRelu", Function::LeakyRelu { alpha: float("alpha", 0.01)? }),
        "Log" => ("Log", Function::Log),
        "Mish" => ("Mish", Function::Mish),
        "Neg" => {
            if let Some(negated) = integers::negated(r.input(0)?)? {
                return Ok(vec![negated]);
            }
            ("Neg", Function::Neg)
        }
        "Reciprocal" => ("Reciprocal", Function::Reciprocal),
        "Selu" => {
            let (alpha, gamma) = (float("alpha", 1.673_263_2)?, float("gamma", 1.050_701)?);
            ("Selu", Function::Selu { alpha, gamma })
        }
        "Sigmoid" => ("Sigmoid", Function::Sigmoid),
        "Softplus" => ("Softplus", Function::Softplus),
        "Sqrt" => ("Sqrt", Function::Sqrt),
        "Swish" => match float("alpha", 1.0)? {
            1.0 => ("Swish", Function::Silu),
            alpha => return Err(Reading::unsupported(format!("Swish is read with alpha 1; got {alpha}"))),
        },
        "Tanh" => ("Tanh", Function::Tanh),
        other => return Err(Reading::unsupported(format!("{other} is no function of one number"))),
    };
    let input = r.input(0)?.clone();
    Ok(vec![r.push(Elementwise { name, function }, &[input])?])
}

/// `Gelu`, exact or by the hyperbolic tangent.
pub(crate) fn read_gelu(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let function = match r.node.string("approximate")?.unwrap_or("none") {
        "none" => Function::Gelu,
        "tanh" => Function::GeluTanh,
        other => return Err(Reading::unsupported(format!("expected Gelu with none or tanh; got {other:?}"))),
    };
    let input = r.input(0)?.clone();
    Ok(vec![r.push(Elementwise { name: "Gelu", function }, &[input])?])
}

/// `Erfc`, which is no operator of ONNX but written by tf2onnx: `1 - erf(x)`.
pub(crate) fn read_erfc(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let input = r.input(0)?.clone();
    let erf = r.push(Elementwise { name: "Erf", function: Function::Erf }, &[input])?;
    let one = Value::known(Constant::single(1.0));
    Ok(vec![r.push(Binary(Pairwise::Sub), &[one, erf])?])
}

/// `Clip`: bounds are inputs since opset 11, attributes before.
pub(crate) fn read_clip(r: &mut Reading<'_, '_, '_>) -> Result<Vec<Value>> {
    let input = r.input(0)?.clone();
    if let Value::Known(constant, _) = &input
        && constant.as_integers().is_some()
    {
        return integers::clipped(r);
    }
    let low = r.number(1, "min")?.unwrap_or(f64::NEG_INFINITY);
    let high = r.number(2, "max")?.unwrap_or(f64::INFINITY);
    Ok(vec![r.push(Elementwise { name: "Clip", function: Function::Clip { low, high } }, &[input])?])
}
