"""An ONNX graph computed by torch in the precision of its input, so that autograd gives its gradients.

The second reference of onnx_models.py: for graphs that no PyTorch model stands behind, and to check the exported files
against the models that they came from. It knows the operators of those files and no others.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

INTEGERS = {6: torch.int32, 7: torch.int64, 9: torch.bool}


def loaded(proto):
    array = torch.from_numpy(np.array(numpy_helper.to_array(proto)))
    return array.to(torch.get_default_dtype()) if array.is_floating_point() else array


def run(model, x, wanted):
    """The values named in `wanted`. Every number that is not an integer has the precision of `x`."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(x.dtype)
    try:
        values = computed(model, x)
    finally:
        torch.set_default_dtype(before)
    return [values[name] for name in wanted]


def computed(model, x):
    graph = model.graph
    opset = next(o.version for o in model.opset_import if o.domain == "")
    values = {i.name: loaded(i) for i in graph.initializer} | {"": None}
    values[next(i.name for i in graph.input if i.name not in values)] = x
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values[name] for name in node.input]
        outputs = compute(node.op_type, opset, attributes, *inputs)
        values |= zip(node.output, outputs if isinstance(outputs, (tuple, list)) else [outputs])
    return values


def compute(op, opset, attributes, *inputs):
    if op in PLAIN:
        return PLAIN[op](*inputs)
    if op in WINDOWS:
        return WINDOWS[op](attributes, *inputs)
    return OTHERS[op](attributes, opset, *inputs)


def padded(x, pads, value=0.0):
    half = len(pads) // 2
    both = [pads[i + side] for i in reversed(range(half)) for side in (0, half)]
    return F.pad(x, both, value=value) if any(both) else x


def window(attributes, x, kernel):
    """Strides, dilations and pads of a window, `auto_pad` worked out."""
    count = len(kernel)
    strides = attributes.get("strides", [1] * count)
    dilations = attributes.get("dilations", [1] * count)
    pads = list(attributes.get("pads", [0] * 2 * count))
    mode = attributes.get("auto_pad", b"NOTSET").decode()
    for i in range(count):
        reach = (kernel[i] - 1) * dilations[i] + 1
        size = x.shape[2 + i]
        if mode.startswith("SAME"):
            total = max((math.ceil(size / strides[i]) - 1) * strides[i] + reach - size, 0)
            few, many = total // 2, total - total // 2
            pads[i], pads[count + i] = (few, many) if mode == "SAME_UPPER" else (many, few)
        if attributes.get("ceil_mode"):
            places = math.ceil((size + pads[i] + pads[count + i] - reach) / strides[i]) + 1
            # No window may begin in the padding at the end.
            places -= (places - 1) * strides[i] >= size + pads[i]
            pads[count + i] += max((places - 1) * strides[i] + reach - size - pads[i] - pads[count + i], 0)
    return strides, dilations, pads


def conv(attributes, x, weight, bias=None):
    strides, dilations, pads = window(attributes, x, weight.shape[2:])
    return F.conv2d(padded(x, pads), weight, bias, strides, 0, dilations, attributes.get("group", 1))


def max_pool(attributes, x):
    strides, dilations, pads = window(attributes, x, attributes["kernel_shape"])
    return F.max_pool2d(padded(x, pads, -math.inf), attributes["kernel_shape"], strides, 0, dilations)


def average_pool(attributes, x):
    assert not attributes.get("ceil_mode")
    kernel = attributes["kernel_shape"]
    strides, _, pads = window(attributes, x, kernel)
    mean = F.avg_pool2d(padded(x, pads), kernel, strides)
    if attributes.get("count_include_pad", 0):
        return mean
    return mean / F.avg_pool2d(padded(torch.ones_like(x), pads), kernel, strides)


def batch_norm(attributes, x, scale, shift, mean, variance):
    shape = [1, -1] + [1] * (x.dim() - 2)
    factor = scale / torch.sqrt(variance + attributes.get("epsilon", 1e-5))
    return (x - mean.view(shape)) * factor.view(shape) + shift.view(shape)


def layer_norm(attributes, x, scale, shift=None):
    shape = x.shape[attributes.get("axis", -1) % x.dim():]
    return F.layer_norm(x, shape, scale, shift, attributes.get("epsilon", 1e-5))


def rms_norm(attributes, x, scale):
    return F.rms_norm(x, x.shape[attributes.get("axis", -1) % x.dim():], scale, attributes.get("epsilon", 1e-5))


def gemm(attributes, a, b, c=None):
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return product if c is None else product + attributes.get("beta", 1.0) * c


def local_response(attributes, x):
    size = attributes["size"]
    squares = padded(x * x, [0, (size - 1) // 2, 0, 0, 0, size - 1 - (size - 1) // 2, 0, 0])
    total = squares.unfold(1, size, 1).sum(-1)
    base = attributes.get("bias", 1.0) + attributes.get("alpha", 1e-4) / size * total
    return x / base ** attributes.get("beta", 0.75)


def attention(attributes, q, k, v):
    """Queries, keys and values as batch, tokens, heads times width; no mask and no cache."""
    heads = attributes["q_num_heads"]
    q, k, v = [t.unflatten(2, (heads, -1)).transpose(1, 2) for t in (q, k, v)]
    scale = attributes.get("scale", q.shape[-1] ** -0.5)
    return ((scale * (q @ k.transpose(2, 3))).softmax(-1) @ v).transpose(1, 2).flatten(2)


def axes(attributes, given):
    """Axes were an attribute before they became an input."""
    chosen = attributes.get("axes") if given is None else given.reshape(-1).tolist()
    return None if chosen is None else tuple(chosen)


def reduced(function):
    def reduce(attributes, _, x, given=None):
        chosen = axes(attributes, given)
        return function(x, chosen or tuple(range(x.dim())), bool(attributes.get("keepdims", 1)))

    return reduce


def softmax(function):
    def along(attributes, opset, x):
        if opset >= 13:
            return function(x, attributes.get("axis", -1))
        first = attributes.get("axis", 1) % x.dim()
        # Up to opset 12 the axes from this one on counted as one.
        return function(x.flatten(first), first).reshape(x.shape)

    return along


def reshape(attributes, _, x, shape):
    keep = not attributes.get("allowzero")
    return x.reshape([x.shape[i] if n == 0 and keep else n for i, n in enumerate(shape.tolist())])


def gather(attributes, _, x, indices):
    axis = attributes.get("axis", 0) % x.dim()
    indices = torch.where(indices < 0, indices + x.shape[axis], indices)
    picked = x.index_select(axis, indices.reshape(-1))
    return picked.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1:]))


def sliced(attributes, _, x, starts=None, ends=None, given=None, steps=None):
    starts = attributes["starts"] if starts is None else starts.tolist()
    ends = attributes["ends"] if ends is None else ends.tolist()
    chosen = axes(attributes, given) or range(len(starts))
    for i, axis in enumerate(chosen):
        step = 1 if steps is None else int(steps[i])
        end = None if step < 0 and ends[i] < -x.shape[axis] else ends[i]
        x = x.index_select(axis, torch.tensor(range(x.shape[axis])[starts[i]:end:step], dtype=torch.int64))
    return x


def split(attributes, _, x, sizes=None):
    axis = attributes.get("axis", 0)
    sizes = attributes.get("split") if sizes is None else sizes.tolist()
    return x.split(sizes, axis) if sizes else x.chunk(attributes["num_outputs"], axis)


def squeeze(attributes, _, x, given=None):
    chosen = axes(attributes, given)
    return x.squeeze() if chosen is None else x.squeeze(chosen)


def unsqueeze(attributes, _, x, given=None):
    chosen = axes(attributes, given)
    for axis in sorted(a % (x.dim() + len(chosen)) for a in chosen):
        x = x.unsqueeze(axis)
    return x


def pad(attributes, _, x, pads=None, value=None, given=None):
    assert attributes.get("mode", b"constant") == b"constant" and given is None
    pads = attributes["pads"] if pads is None else pads.tolist()
    return padded(x, pads, attributes.get("value", 0.0) if value is None else float(value))


def clip(attributes, _, x, low=None, high=None):
    low, high = attributes.get("min", low), attributes.get("max", high)
    return x.clamp(None if low is None else float(low), None if high is None else float(high))


def constant(attributes, _):
    if "value" in attributes:
        return loaded(attributes["value"])
    (name, value), = attributes.items()
    return torch.tensor(value, dtype=None if "float" in name else torch.int64)


def filled(attributes, _, shape):
    value = loaded(attributes["value"]) if "value" in attributes else torch.zeros(1)
    return value.reshape(-1)[0].expand(shape.tolist()).clone()


def scatter(_, __, x, indices, updates):
    y = x.clone()
    y[tuple(indices.unbind(-1))] = updates
    return y


def divide(x, y):
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def expand(x, shape):
    return x.expand(torch.broadcast_shapes(x.shape, shape.tolist()))


PLAIN = {
    "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Erf": torch.erf, "Erfc": torch.erfc,
    "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt, "Neg": torch.neg, "Reciprocal": torch.reciprocal,
    "Abs": torch.abs, "Softplus": F.softplus, "Mish": F.mish,
    "HardSwish": F.hardswish, "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": divide, "Pow": torch.pow,
    "MatMul": torch.matmul, "Mod": torch.remainder, "Equal": torch.eq, "Not": torch.logical_not, "Where": torch.where,
    "GreaterOrEqual": torch.ge, "Ceil": torch.ceil, "Identity": lambda x: x, "Dropout": lambda x, *_: x,
    "Expand": expand, "Range": lambda a, b, step: torch.arange(a.item(), b.item(), step.item()),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "GlobalMaxPool": lambda x: x.amax((2, 3), keepdim=True),
    "PRelu": lambda x, slope: torch.where(x < 0, slope * x, x),
}
WINDOWS = {
    "Conv": conv, "MaxPool": max_pool, "AveragePool": average_pool, "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm, "RMSNormalization": rms_norm, "Gemm": gemm, "LRN": local_response,
    "Attention": attention,
    "HardSigmoid": lambda a, x: (a.get("alpha", 0.2) * x + a.get("beta", 0.5)).clamp(0, 1),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "Elu": lambda a, x: F.elu(x, a.get("alpha", 1.0)),
    "Gelu": lambda a, x: F.gelu(x, approximate=a.get("approximate", b"none").decode()),
    "Einsum": lambda a, *t: torch.einsum(a["equation"].decode().replace(" ", ""), *t),
    "Transpose": lambda a, x: x.permute(a.get("perm", list(range(x.dim()))[::-1])),
    "Concat": lambda a, *t: torch.cat(t, a["axis"]),
    "Flatten": lambda a, x: x.reshape(math.prod(x.shape[:a.get("axis", 1)]), -1),
    "Shape": lambda a, x: torch.tensor(x.shape[a.get("start", 0):a.get("end")], dtype=torch.int64),
    "Cast": lambda a, x: x.to(INTEGERS.get(a["to"], torch.get_default_dtype())),
}
OTHERS = {
    "Reshape": reshape, "Gather": gather, "Slice": sliced, "Split": split, "Squeeze": squeeze, "Unsqueeze": unsqueeze,
    "Pad": pad, "Clip": clip, "Constant": constant, "ConstantOfShape": filled, "ScatterND": scatter,
    "Softmax": softmax(torch.softmax), "LogSoftmax": softmax(torch.log_softmax),
    "ReduceMean": reduced(torch.mean), "ReduceSum": reduced(torch.sum), "ReduceMax": reduced(torch.amax),
    "ReduceProd": reduced(lambda x, dims, keep: x.prod(dims[0], keepdim=keep)),
    "ReduceL2": reduced(lambda x, dims, keep: torch.linalg.vector_norm(x, dim=dims, keepdim=keep)),
}
