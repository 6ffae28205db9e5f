"""ONNX classifiers written node by node: what PyTorch's exporters do not write, and older or other tools do.

Used by onnx_models.py. In each graph the value "layer" is where Grad-CAM reads.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OUTPUTS = 5


class Graph:
    """Nodes and weights as they are added. A weight's numbers come from the place that it is added in."""

    def __init__(self, opset, seed):
        self.opset, self.draw = opset, np.random.default_rng(seed)
        self.nodes, self.weights, self.counts = [], [], {}

    def add(self, op, *inputs, out=None, outputs=None, **attributes):
        count = self.counts[op] = self.counts.get(op, 0) + 1
        outputs = outputs or [out or f"{op.lower()}_{count}"]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=f"{op}_{count}", **attributes))
        return outputs if len(outputs) > 1 else outputs[0]

    def given(self, values, kind=np.float32):
        name = f"weight_{len(self.weights) + 1}"
        self.weights.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def drawn(self, *shape, spread=None, around=0.0, kind=np.float32):
        spread = (2 / max(np.prod(shape[1:]), 1)) ** 0.5 if spread is None else spread
        return self.given(around + spread * self.draw.standard_normal(shape), kind)

    def conv(self, x, inputs, outputs, side, bias=True, **attributes):
        weights = [self.drawn(outputs, inputs // attributes.get("group", 1), side, side)]
        weights += [self.drawn(outputs, spread=0.2)] if bias else []
        return self.add("Conv", x, *weights, kernel_shape=[side, side], **attributes)

    def norm(self, x, width):
        return self.add("BatchNormalization", x, self.drawn(width, spread=0.2, around=1), self.drawn(width, spread=0.2),
                        self.drawn(width, spread=0.2), self.given(self.draw.uniform(0.5, 1.5, width)))

    def model(self, last, batch="batch", image=(3, 16, 16), outputs=OUTPUTS):
        inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, *image])]
        if self.opset < 10:
            # Once every weight had to be an input too.
            inputs += [helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in self.weights]
        out = helper.make_tensor_value_info(last, TensorProto.FLOAT, [batch, outputs])
        graph = helper.make_graph(self.nodes, "classifier", inputs, [out], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], producer_name="by hand")
        model.ir_version = 4 if self.opset < 10 else 8 if self.opset < 23 else 11
        return model


def layers(g, x="image"):
    """Two convolutions down to a grid of 4 x 4."""
    x = g.add("Relu", g.conv(x, 3, 4, 3, strides=[2, 2], pads=[1] * 4))
    return g.add("Relu", g.conv(x, 4, 6, 3, strides=[2, 2], pads=[1] * 4), out="layer")


def head(g, x, outputs=OUTPUTS, width=6):
    x = g.add("Flatten", g.add("GlobalAveragePool", x))
    return g.add("Gemm", x, g.drawn(outputs, width), g.drawn(outputs, spread=0.2), transB=1)


def opset9():
    """Attributes where there are inputs today; SAME padding; Dropout; weights as inputs and as Constant nodes."""
    g = Graph(9, 1)
    x = g.norm(g.conv("image", 3, 4, 3, bias=False, strides=[2, 2], auto_pad="SAME_UPPER"), 4)
    x = g.add("Clip", x, min=0.0, max=6.0)
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    x = g.add("Dropout", g.conv(x, 4, 8, 3, auto_pad="SAME_LOWER"), ratio=0.4)
    x = g.add("LeakyRelu", x, alpha=0.2, out="layer")
    x = g.add("Squeeze", g.add("GlobalAveragePool", x), axes=[2, 3])
    x = g.add("Slice", x, starts=[1], ends=[9223372036854775807], axes=[1])
    weight = numpy_helper.from_array(g.draw.standard_normal((7, OUTPUTS)).astype(np.float32) / 2)
    x = g.add("MatMul", x, g.add("Constant", value=weight))
    return g.model(g.add("Add", x, g.drawn(OUTPUTS, spread=0.2)))


def pads():
    """Padding on one side, averages that count the padding and that do not, and Gemm with its factors."""
    g = Graph(11, 2)
    x = g.add("Pad", "image", g.given([0, 0, 0, 0, 0, 0, 1, 1], np.int64))
    x = g.add("PRelu", g.conv(x, 3, 6, 3, strides=[2, 2]), g.drawn(6, 1, 1, spread=0.2))
    a, b = g.add("Split", x, outputs=["left", "right"], axis=1, split=[2, 4])
    a = g.add("AveragePool", a, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    b = g.add("AveragePool", b, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0], count_include_pad=1)
    x = g.add("Elu", g.conv(g.add("Concat", b, a, axis=1), 6, 6, 3, pads=[2] * 4, dilations=[2, 2]), out="layer")
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = g.add("Reshape", x, g.given([0, -1], np.int64))
    weights = [g.drawn(24, OUTPUTS, spread=0.5), g.drawn(OUTPUTS, spread=0.2)]
    return g.model(g.add("Gemm", x, *weights, alpha=0.5, beta=2.0))


def elements():
    """Functions of one number, and reductions, that older classifiers have."""
    g = Graph(17, 3)
    x = g.add("Softplus", g.conv("image", 3, 4, 3, strides=[2, 2], pads=[1] * 4))
    x = g.add("LRN", x, size=3, alpha=0.3, beta=0.75, bias=1.0)
    x = g.conv(x, 4, 6, 3, strides=[2, 2], pads=[1] * 4)
    x = g.add("Exp", g.add("Neg", g.add("Abs", x)))
    x = g.add("Sqrt", g.add("Add", g.add("Pow", x, g.given(3.0)), g.given(0.01)), out="layer")
    high = g.add("Flatten", g.add("GlobalMaxPool", x))
    mean = g.add("Log", g.add("ReduceMean", x, axes=[-2, -1], keepdims=0))
    total = g.add("ReduceSum", x, g.given([2, 3], np.int64), keepdims=0)
    x = g.add("Tanh", g.add("Concat", high, mean, total, axis=-1))
    return g.model(g.add("Gemm", x, g.drawn(OUTPUTS, 18), g.drawn(OUTPUTS, spread=0.2), transB=1))


def shapes():
    """Normalises its own input; has batch norms, a shape computed from the batch, and all weights in Constant nodes."""
    g = Graph(17, 4)
    x = g.add("Sub", "image", g.given(np.array([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)))
    x = g.add("Div", x, g.given(np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1)))
    x = g.add("HardSwish", g.norm(g.conv(x, 3, 4, 3, bias=False, strides=[2, 2], pads=[1] * 4), 4))
    x = g.norm(g.conv(g.add("Identity", x), 4, 4, 3, bias=False, group=4, strides=[2, 2], pads=[1] * 4), 4)
    gate = g.add("HardSigmoid", g.conv(g.add("GlobalAveragePool", x), 4, 4, 1), alpha=0.2, beta=0.5)
    x = g.add("Relu", g.conv(g.add("Mul", gate, x), 4, 6, 1), out="layer")
    x = g.add("AveragePool", x, kernel_shape=[4, 4])
    batch = g.add("Gather", g.add("Shape", x), g.given(0, np.int64), axis=0)
    rest = g.add("Constant", value_ints=[-1])
    shape = g.add("Concat", g.add("Unsqueeze", batch, g.given([0], np.int64)), rest, axis=0)
    x = g.add("MatMul", g.add("Reshape", x, shape), g.drawn(6, OUTPUTS, spread=0.5))
    model = g.model(g.add("Add", g.drawn(OUTPUTS, spread=0.2), x))
    constants = [helper.make_node("Constant", [], [w.name], value=w) for w in model.graph.initializer]
    nodes = [*constants, *model.graph.node]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    return model


def attention():
    """The operators of opset 23: one for all of a self-attention, and the norm without a mean."""
    g = Graph(23, 5)
    x = g.conv("image", 3, 8, 4, strides=[4, 4])
    x = g.add("Transpose", g.add("Reshape", x, g.given([0, 8, -1], np.int64)), perm=[0, 2, 1])
    x = g.add("Add", x, g.drawn(1, 16, 8, spread=0.4))
    y = g.add("RMSNormalization", x, g.drawn(8, spread=0.2, around=1), axis=-1, epsilon=1e-6)
    q, k, v = [g.add("MatMul", y, g.drawn(8, 8)) for _ in range(3)]
    y = g.add("MatMul", g.add("Attention", q, k, v, q_num_heads=2, kv_num_heads=2), g.drawn(8, 8))
    x = g.add("Add", x, y)
    x = g.add("LayerNormalization", x, g.drawn(8, spread=0.2, around=1), g.drawn(8, spread=0.2), out="layer")
    x = g.add("ReduceMean", x, g.given([1], np.int64), keepdims=0)
    return g.model(g.add("Gemm", x, g.drawn(OUTPUTS, 8), g.drawn(OUTPUTS, spread=0.2), transB=1))


def plain(seed=6):
    g = Graph(17, seed)
    return g.model(head(g, layers(g)))


def fixed(batch=None):
    """The batch is fixed, and a shape names it. Without a batch, the same for any."""
    g = Graph(17, 7)
    x = g.add("Reshape", layers(g), g.given([batch or -1, 96], np.int64))
    return g.model(g.add("Gemm", x, g.drawn(OUTPUTS, 96), g.drawn(OUTPUTS, spread=0.2), transB=1), batch or "batch")


def ends(op, opset, outputs=OUTPUTS, **attributes):
    g = Graph(opset, 8 + outputs)
    return g.model(g.add(op, head(g, layers(g), outputs), out="probabilities", **attributes), outputs=outputs)


def softmax():
    return ends("Softmax", 11, axis=1)


def log_softmax():
    return ends("LogSoftmax", 17, axis=-1)


def sigmoid():
    return ends("Sigmoid", 17, outputs=1)


def external():
    return plain(11)


def half():
    """Computed in half precision between two casts, as converters write it."""
    model = plain(9)
    graph = model.graph
    for weight in graph.initializer:
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), weight.name))
    last = graph.node[-1].output[0]
    for node in graph.node:
        node.input[:] = ["image_half" if name == "image" else name for name in node.input]
        node.output[:] = ["logits_half" if name == last else name for name in node.output]
    before = helper.make_node("Cast", ["image"], ["image_half"], name="Cast_1", to=TensorProto.FLOAT16)
    after = helper.make_node("Cast", ["logits_half"], [last], name="Cast_2", to=TensorProto.FLOAT)
    nodes = [before, *graph.node, after]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def half_weights():
    """Weights in half precision, each cast before it is used."""
    model = plain(10)
    graph, casts = model.graph, []
    for weight in graph.initializer:
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], name=f"cast_{name}", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


# How each graph's layer is laid out.
GRAPHS = {graph: "nchw" for graph in (opset9, pads, elements, shapes, fixed, softmax, log_softmax, sigmoid, half,
                                      half_weights, external)} | {attention: "patches"}


def write(graph, folder):
    """Writes a graph to the folder. `external` has its weights in a file beside it, and `fixed` is two files."""
    name = graph.__name__
    models = {f"{name}.batch{n}": fixed(n) for n in (1, 4)} if graph is fixed else {name: graph()}
    options = {"save_as_external_data": True, "location": "external.data", "size_threshold": 0}
    if graph is external:
        # It would be added to.
        (folder / "external.data").unlink(missing_ok=True)
    else:
        options = {}
    for stem, model in models.items():
        onnx.save(model, folder / f"{stem}.onnx", **options)
        onnx.checker.check_model(folder / f"{stem}.onnx", full_check=True)
    if graph is external:
        (folder / "external.data").chmod(0o644)
    return [folder / f"{stem}.onnx" for stem in models]
