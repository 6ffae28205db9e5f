"""ONNX classifiers with made-up weights, and what they must compute.

Versions: torch 2.15.0, torchvision 0.29.2, onnx 1.23.2, onnxscript 0.7.2, onnxruntime 1.32.0, numpy 2.4.6.
Run: python reference/onnx_models.py small
     python reference/onnx_models.py full --out DIR [--torchscript] [--only NAME,NAME]

`small` writes testdata/onnx: narrow models of each family (onnx_families.py), graphs made by hand (onnx_graphs.py), and
expected.safetensors with the numbers of all of them and of Keras' files (onnx_keras.py, to be run before). `full`
writes torchvision's models at their real size, each with its numbers beside it. Both exporters can write every model.

The numbers of NAME or NAME.ANYTHING.onnx, in double precision: NAME/images (pixels that are divided by 255), /logits,
/cotangent, /gradient of sum(cotangent * logits) with respect to the divided pixels (`small` keeps every 11th number of
it), /map (Grad-CAM of class 0 before its ReLU, by the sum over images of its logit), and /deviations of PyTorch's
single precision: the largest of the logits, the medians of gradient and map, each as a part of the largest number.
The metadata NAME/layer is the module, or the value in the graph, that the map is of. Logits are before a last softmax.
"""

import argparse
import json
import logging
import math
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import safetensors.torch
import torch
import torchvision
from onnx import helper

import onnx_graphs
import onnx_interp
from onnx_families import FAMILIES, condition
from onnx_graphs import GRAPHS

SMALL = Path(__file__).parent.parent / "testdata" / "onnx"
# Of a small model's gradient, every 11th number is kept; 11 shares no factor with the sides 3, 32, 40, 64 and 75.
GRADIENT_STEP = 11
# The dynamo exporter writes beside each node the modules that it comes from, which is half of a small file. These
# families keep it.
SCOPED = {"resnet", "mobilenet_v2", "vit", "convnext", "mobilenet_v3"}
KERAS = ["keras_mobilenet", "keras_efficientnet", "keras_convnext"]
SHAPE_OPERATORS = {"Constant", "Shape", "ConstantOfShape", "Range", "Cast", "Unsqueeze", "Equal", "Where", "Expand",
                   "Mod"}
# torchvision's models, and the layer that Grad-CAM reads, as in onnx_families.py.
FULL = {
    "resnet18": ("layer4", "nchw"), "resnet50": ("layer4", "nchw"), "mobilenet_v2": ("features", "nchw"),
    "vit_b_16": ("encoder.layers.encoder_layer_10", "tokens"), "swin_t": ("norm", "nhwc"),
    "resnext50_32x4d": ("layer4", "nchw"), "densenet121": ("features", "relu"),
    "mobilenet_v3_small": ("features", "nchw"), "efficientnet_b0": ("features", "nchw"),
    "regnet_y_400mf": ("trunk_output", "nchw"), "shufflenet_v2_x0_5": ("conv5", "nchw"),
    "squeezenet1_1": ("classifier.2", "nchw"), "googlenet": ("inception5b", "nchw"),
    "inception_v3": ("Mixed_7c", "nchw"), "convnext_tiny": ("features", "nchw"), "maxvit_t": ("blocks.3", "nchw"),
}


def drawn(shape, seed, levels=None):
    draw = torch.Generator().manual_seed(seed)
    if levels:
        return torch.randint(0, levels, shape, generator=draw, dtype=torch.uint8)
    return torch.randn(shape, generator=draw)


def export(model, images, path, exporter):
    """A file with a free batch. Two example images, since the exporter fixes a batch of one."""
    names = {"input_names": ["image"], "output_names": ["logits"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "torchscript":
            torch.onnx.export(model, (images[:2],), path, dynamo=False, dynamic_axes={"image": {0: "batch"}}, **names)
        else:
            torch.onnx.export(model, (images[:2],), path, dynamo=True, external_data=False, verbose=False,
                              dynamic_shapes=({0: torch.export.Dim("batch")},), **names)


def strip(path, scoped):
    """Removes from a file what only takes room: stack traces (which name folders of the machine that exported), shapes
    of values, long names of values, constants that are there twice, names of nodes that compute shapes and, unless
    `scoped`, names of weights and what module a node is of."""
    model = onnx.load(path)
    graph = model.graph
    constants, nodes = {}, []
    fixed = {value.name for value in [*graph.input, *graph.output]}
    names = {w.name: w.name if scoped else f"w{i}" for i, w in enumerate(graph.initializer)}
    for node in graph.node:
        scopes = [p for p in node.metadata_props if scoped and p.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(scopes)
        node.ClearField("doc_string")
        if node.op_type in SHAPE_OPERATORS:
            node.ClearField("name")
        if node.op_type == "Constant":
            value = node.attribute[0].SerializeToString()
            first = constants.setdefault(value, node.output[0])
            if first != node.output[0]:
                names[node.output[0]] = names[first]
                continue
        for name in node.output:
            names[name] = name if name in fixed or not name else f"v{len(names)}"
        nodes.append(node)
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for weight in graph.initializer:
        weight.name = names[weight.name]
    del graph.node[:], graph.value_info[:], graph.metadata_props[:]
    graph.node.extend(nodes)
    for value in [*graph.input, *graph.output, *graph.initializer]:
        del value.metadata_props[:]
        value.ClearField("doc_string")
    onnx.checker.check_model(model)
    onnx.save(model, path)


def cells(tensor, layout):
    """A layer's tensor as batch, channels, height, width. Before the tokens of patches there may be a class token."""
    if layout in ("tokens", "patches"):
        patches = tensor[:, 1:] if layout == "tokens" else tensor
        side = round(patches.shape[1] ** 0.5)
        return patches.transpose(1, 2).unflatten(2, (side, side))
    return tensor.permute(0, 3, 1, 2) if layout == "nhwc" else tensor


def of_module(model, layer, layout):
    """A function of images to the logits of a PyTorch model and a module's output.

    Layout "relu" is for a layer whose ReLU is no module: DenseNet's model applies it to the output of its features.
    """
    def forward(x):
        kept = {}

        def keep(_, __, output):
            kept["layer"] = torch.relu(output) if layout == "relu" else output
            # A copy, since DenseNet's own ReLU overwrites what it is given.
            return kept["layer"].clone()

        hook = model.to(x.dtype).get_submodule(layer).register_forward_hook(keep)
        logits = model(x)
        hook.remove()
        return logits, kept["layer"]

    return forward


def of_graph(model, layer):
    """The same of a graph. A last Softmax, LogSoftmax or Sigmoid is left out: the logits are what goes into it."""
    last = model.graph.node[-1]
    logits = last.input[0] if last.op_type in ("Softmax", "LogSoftmax", "Sigmoid") else last.output[0]
    return lambda x: onnx_interp.run(model, x, [logits, layer])


def numbers(forward, images, cotangent, layout):
    """Logits, the gradient of sum(cotangent * logits), and Grad-CAM of class 0 before its ReLU."""
    x = (images.to(cotangent.dtype) / 255).requires_grad_(True)
    logits, layer = forward(x)
    (gradient,) = torch.autograd.grad((cotangent * logits).sum(), x, retain_graph=True)
    (slope,) = torch.autograd.grad(logits[:, 0].sum(), layer)
    weights = cells(slope, layout).mean((2, 3), keepdim=True)
    grad_map = (weights * cells(layer, layout)).sum(1)
    return logits.detach(), gradient, grad_map.detach()


def compared(double, single):
    """How far PyTorch's own single precision is from its double precision."""
    (y, g, m), (y32, g32, m32) = double, [t.double() for t in single]
    return torch.stack([(y - y32).abs().max() / y.abs().max(), (g - g32).abs().median() / g.abs().max(),
                        (m - m32).abs().median() / m.abs().max()])


def expected(forward, images, layout, seed, step=1):
    with torch.no_grad():
        outputs = forward(images[:1].float() / 255)[0].shape[1]
    cotangent = drawn((len(images), outputs), seed)
    one = numbers(forward, images, cotangent, layout)
    two = numbers(forward, images, cotangent.double(), layout)
    assert min(two[2].shape[1:]) >= 4, two[2].shape
    assert all(t.isfinite().all() and t.abs().max() > 1e-3 for t in two), [float(t.abs().max()) for t in two]
    return {"images": images, "logits": two[0], "cotangent": cotangent.double(),
            "gradient": two[1].flatten()[::step].contiguous(), "map": two[2].contiguous(),
            "deviations": compared(two, one)}


def save(tensors, path, metadata):
    """A safetensors file whose header is sorted: the library writes metadata in another order each time."""
    data = safetensors.torch.save(tensors, metadata)
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:8 + length]), sort_keys=True, separators=(",", ":"))
    path.write_bytes(data[:8] + header.encode().ljust(length) + data[8 + length:])


def off(got, wanted):
    return ((got - wanted).abs().max() / wanted.abs().max()).item()


def in_parts(erfc):
    """1 - erf, since ONNX has no Erfc."""
    one, erf = erfc.output[0] + "/one", erfc.output[0] + "/erf"
    return [helper.make_node("Constant", [], [one], value_float=1.0), helper.make_node("Erf", erfc.input, [erf]),
            helper.make_node("Sub", [one, erf], erfc.output)]


def check(path, wanted, bound):
    """ONNX Runtime must find the same logits in the file that was written."""
    model = onnx.load(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    nodes = [n for node in model.graph.node for n in (in_parts(node) if node.op_type == "Erfc" else [node])]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    # Weights beside the graph are found by the file's path only.
    source = model.SerializeToString() if any(n.op_type == "Erf" for n in nodes) else path
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    images = (wanted["images"].float() / 255).numpy()
    batch = session.get_inputs()[0].shape[0]
    batch = batch if isinstance(batch, int) else len(images)
    # A fixed batch is filled up by repetition.
    images = np.resize(images, (math.ceil(len(images) / batch) * batch, *images.shape[1:]))
    parts = [session.run(None, {session.get_inputs()[0].name: images[i:i + batch]})[0]
             for i in range(0, len(images), batch)]
    got = torch.from_numpy(np.concatenate(parts))
    end = model.graph.node[-1].op_type
    logits = wanted["logits"]
    ended = {"Softmax": logits.softmax(1), "LogSoftmax": logits.log_softmax(1), "Sigmoid": logits.sigmoid()}
    error = off(got[:len(logits)].double(), ended.get(end, logits))
    assert error < bound, f"{path}: ONNX Runtime differs by {error}"


def check_gradient(path, wanted):
    """The graph, interpreted by torch, must have the gradient of the model that it was exported from."""
    x = (wanted["images"].double() / 255).requires_grad_(True)
    model = onnx.load(path)
    (logits,) = onnx_interp.run(model, x, [model.graph.output[0].name])
    (gradient,) = torch.autograd.grad((wanted["cotangent"] * logits).sum(), x)
    error = off(gradient.flatten()[::GRADIENT_STEP], wanted["gradient"])
    # Batch norms were folded into the weights in single precision.
    assert error < 1e-5, f"{path}: the graph's gradient differs by {error}"


def small(_):
    SMALL.mkdir(exist_ok=True)
    tensors, layers = {}, {}

    def keep(name, wanted, layer):
        tensors.update({f"{name}/{key}": value for key, value in wanted.items()})
        layers[f"{name}/layer"] = layer
        print(name, *[f"{v:.1e}" for v in wanted["deviations"]], flush=True)

    for seed, (name, (make, sides, layer, layout, exporters)) in enumerate(FAMILIES.items()):
        torch.manual_seed(seed)
        images = drawn((3, 3, *sides), 100 + seed, 256)
        model = condition(make(), drawn((16, 3, *sides), 200 + seed, 256).float() / 255, 300 + seed)
        paths = [SMALL / f"{name}.{exporter}.onnx" for exporter in exporters]
        for path, exporter in zip(paths, exporters):
            export(model, images.float() / 255, path, exporter)
            strip(path, name in SCOPED)
        wanted = expected(of_module(model, layer, layout), images, layout, 400 + seed, GRADIENT_STEP)
        for path in paths:
            check(path, wanted, 1e-4)
            check_gradient(path, wanted)
        keep(name, wanted, layer)
    for seed, (graph, layout) in enumerate(GRAPHS.items()):
        images = drawn((3, 3, 16, 16), 500 + seed, 256)
        wanted = expected(of_graph(graph(), "layer"), images, layout, 600 + seed, GRADIENT_STEP)
        for path in onnx_graphs.write(graph, SMALL):
            # In half precision ONNX Runtime rounds what it computes, too.
            check(path, wanted, 1e-2 if graph is onnx_graphs.half else 1e-4)
        keep(graph.__name__, wanted, "layer")
    for seed, name in enumerate(KERAS):
        path = SMALL / f"{name}.onnx"
        sides = [d.dim_value for d in onnx.load(path).graph.input[0].type.tensor_type.shape.dim[1:]]
        images = drawn((3, *sides), 700 + seed, 256)
        wanted = expected(of_graph(onnx.load(path), "layer"), images, "nchw", 800 + seed, GRADIENT_STEP)
        check(path, wanted, 1e-4)
        keep(name, wanted, "layer")
    save(tensors, SMALL / "expected.safetensors", layers)


def full(args):
    args.out.mkdir(exist_ok=True, parents=True)
    for seed, (name, (layer, layout)) in enumerate(FULL.items()):
        if args.only and name not in args.only.split(","):
            continue
        torch.manual_seed(seed)
        side = 299 if name == "inception_v3" else 224
        images = drawn((2, 3, side, side), 100 + seed, 256)
        own = {"init_weights": False, "aux_logits": True} if name in ("googlenet", "inception_v3") else {}
        model = torchvision.models.get_model(name, weights=None, **own)
        model = condition(model, drawn((8, 3, side, side), 200 + seed, 256).float() / 255, 300 + seed)
        exporters = ["dynamo", "torchscript"] if args.torchscript else ["dynamo"]
        paths = [args.out / f"{name}.{exporter}.onnx" for exporter in exporters]
        for path, exporter in zip(paths, exporters):
            export(model, images.float() / 255, path, exporter)
        wanted = expected(of_module(model, layer, layout), images, layout, 400 + seed)
        save({f"{name}/{key}": value for key, value in wanted.items()}, args.out / f"{name}.safetensors",
             {f"{name}/layer": layer})
        for path in paths:
            # Random weights amplify rounding more than trained ones do.
            check(path, wanted, 1e-2)
        print(name, *[f"{v:.1e}" for v in wanted["deviations"]], flush=True)


def main():
    torch.set_num_threads(1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    commands.add_parser("small").set_defaults(run=small)
    command = commands.add_parser("full")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--torchscript", action="store_true", help="export by the older exporter, too")
    command.add_argument("--only", help="names of models, with commas between them")
    command.set_defaults(run=full)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
