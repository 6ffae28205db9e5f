//! Which operators of ONNX are read, and by what.

use weakspot::Result;

use super::reading::Reading;
use super::value::Value;
use crate::operators as op;

/// Reads a node: the values of its outputs.
pub(crate) type Read = fn(&mut Reading<'_, '_, '_>) -> Result<Vec<Value>>;

/// An operator by its ONNX name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub name: &'static str,
    pub read: Read,
}

const fn row(name: &'static str, read: Read) -> Row {
    Row { name, read }
}

/// Every operator, by name. A new one is a file in `operators/` and a row here.
pub(crate) const ROWS: &[Row] = &[
    row("Abs", op::function::read),
    row("Add", op::binary::read),
    row("And", super::integers::read),
    row("Attention", op::attention::read),
    row("AveragePool", op::pool::read_average),
    row("BatchNormalization", op::affine::read),
    row("Cast", super::integers::read_cast),
    row("CastLike", super::integers::read_cast),
    row("Ceil", super::integers::read),
    row("Celu", op::function::read),
    row("Clip", op::function::read_clip),
    row("Concat", op::concat::read),
    row("Constant", super::integers::read_constant),
    row("ConstantOfShape", super::integers::read_constant_of_shape),
    row("Conv", op::conv::read),
    row("DepthToSpace", op::view::read_depth_to_space),
    row("Div", op::binary::read),
    row("Dropout", super::integers::read_dropout),
    row("Einsum", op::matmul::read_einsum),
    row("Elu", op::function::read),
    row("Equal", super::integers::read),
    row("Erf", op::function::read),
    row("Erfc", op::function::read_erfc),
    row("Exp", op::function::read),
    row("Expand", op::gather::read_expand),
    row("Flatten", op::view::read_flatten),
    row("Floor", super::integers::read),
    row("Gather", op::gather::read),
    row("GatherND", super::integers::read_gather_nd),
    row("Gelu", op::function::read_gelu),
    row("Gemm", op::linear::read_gemm),
    row("GlobalAveragePool", op::reduce::read_global),
    row("GlobalMaxPool", op::reduce::read_global),
    row("Greater", super::integers::read),
    row("GreaterOrEqual", super::integers::read),
    row("GroupNormalization", op::layer_norm::read_group),
    row("HardSigmoid", op::function::read),
    row("HardSwish", op::function::read),
    row("Identity", super::integers::read_identity),
    row("InstanceNormalization", op::layer_norm::read_instance),
    row("IsNaN", super::integers::read_is_nan),
    row("LRN", op::local_response::read),
    row("LayerNormalization", op::layer_norm::read),
    row("LeakyRelu", op::function::read),
    row("Less", super::integers::read),
    row("LessOrEqual", super::integers::read),
    row("Log", op::function::read),
    row("LogSoftmax", op::softmax::read_log),
    row("LpNormalization", op::reduce::read_lp_normalization),
    row("MatMul", op::matmul::read),
    row("Max", op::binary::read_many),
    row("MaxPool", op::pool::read_max),
    row("Mean", op::binary::read_many),
    row("Min", op::binary::read_many),
    row("Mish", op::function::read),
    row("Mod", super::integers::read),
    row("Mul", op::binary::read),
    row("Neg", op::function::read),
    row("Not", super::integers::read),
    row("Or", super::integers::read),
    row("PRelu", op::binary::read),
    row("Pad", op::pad::read),
    row("Pow", op::binary::read_pow),
    row("RMSNormalization", op::layer_norm::read_rms),
    row("Range", super::integers::read_range),
    row("Reciprocal", op::function::read),
    row("ReduceL2", op::reduce::read_l2),
    row("ReduceMax", op::reduce::read),
    row("ReduceMean", op::reduce::read),
    row("ReduceMin", op::reduce::read),
    row("ReduceProd", super::integers::read_product),
    row("ReduceSum", op::reduce::read),
    row("Relu", op::relu::read),
    row("Reshape", op::view::read_reshape),
    row("Resize", op::resize::read),
    row("ScatterND", super::integers::read_scatter_nd),
    row("Selu", op::function::read),
    row("Shape", super::integers::read_shape),
    row("Sigmoid", op::function::read),
    row("Size", super::integers::read_shape),
    row("Slice", op::gather::read_slice),
    row("Softmax", op::softmax::read),
    row("Softplus", op::function::read),
    row("SpaceToDepth", op::view::read_space_to_depth),
    row("Split", op::gather::read_split),
    row("Sqrt", op::function::read),
    row("Squeeze", op::view::read_squeeze),
    row("Sub", op::binary::read),
    row("Sum", op::binary::read_many),
    row("Swish", op::function::read),
    row("Tanh", op::function::read),
    row("Tile", op::gather::read_tile),
    row("Transpose", op::view::read_transpose),
    row("Unsqueeze", op::view::read_unsqueeze),
    row("Upsample", op::resize::read_upsample),
    row("Where", super::integers::read_where),
];

/// The row of an operator.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
