"""Small classifiers as ONNX files, and what they should give: logits, gradients to the image, and Grad-CAM.

`python reference/onnx_models.py small` writes testdata/onnx/: narrow versions of torchvision's families with random weights,
exported by PyTorch's two exporters, graphs written by hand for what PyTorch does not export, and expected.safetensors with
the numbers of PyTorch in double precision for two images each.

`python reference/onnx_models.py full DIR` does the same at full size (sixteen models), and
`python reference/onnx_models.py check DIR PROGRAM` compares the built program with what `full` wrote.

Last run with torch 2.13.0, torchvision 0.28.0, onnx 1.23.2, onnxscript 0.7.2, safetensors 0.8.0, numpy 2.4.6.
"""

import json
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
import torchvision.models as models
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(2)
HERE = Path(__file__).parent.parent / "testdata" / "onnx"


def calibrated(model, shape, seed=1):
    """Random weights explode unless batch norms know the statistics of what they see."""
    torch.manual_seed(seed)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None
            module.reset_running_stats()
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        for _ in range(2):
            model(torch.rand(4, *shape))
    return model.eval()


def export(model, shape, path, exporter):
    """Writes a file with a dynamic batch."""
    example = torch.zeros(2, *shape)
    if exporter == "ts":
        torch.onnx.export(model, example, path, dynamo=False, opset_version=17, input_names=["input"],
                          dynamic_axes={"input": {0: "batch"}})
    else:
        torch.onnx.export(model, (example,), path, dynamo=True, external_data=False, input_names=["input"],
                          dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
        slim(path)


def slim(path):
    """Leaves out what the newer exporter writes for debugging, which is most of a small file, but the names of modules."""
    model = onnx.load(path)
    for node in model.graph.node:
        kept = [p for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.doc_string = ""
    for value in list(model.graph.value_info) + list(model.graph.input) + list(model.graph.output):
        del value.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, path)


def answers(model, x, cotangent, layer, tokens=None):
    """Logits, the gradient of their product with the cotangent, and Grad-CAM of class 0 before its ReLU."""
    found = {}
    if layer is not None:
        handle = dict(model.named_modules())[layer].register_forward_hook(
            lambda module, inputs, output: found.__setitem__("at", output))
    x = x.clone().requires_grad_()
    logits = model(x)
    gradient, = torch.autograd.grad((logits * cotangent).sum(), x, retain_graph=True)
    if layer is None:
        return logits.detach(), gradient, None
    handle.remove()
    at = found["at"]
    slope, = torch.autograd.grad(logits[:, 0].sum(), at)
    if tokens == "class":  # [batch, 1 + cells, channels]
        at, slope = at[:, 1:], slope[:, 1:]
        side = int(at.shape[1] ** 0.5)
        at, slope = (v.transpose(1, 2).reshape(v.shape[0], -1, side, side) for v in (at, slope))
    elif tokens == "last":  # [batch, rows, columns, channels]
        at, slope = at.permute(0, 3, 1, 2), slope.permute(0, 3, 1, 2)
    weights = slope.mean((2, 3), keepdim=True)
    return logits.detach(), gradient, (weights * at).sum(1).detach()


def pixels_of(shape, n):
    """Images that need not be stored: the numbers of vgg.py's `hashed`, as bytes."""
    from vgg import hashed

    # vgg.py computes in double precision throughout.
    torch.set_default_dtype(torch.float32)
    values = np.floor((hashed(n * int(np.prod(shape)), 3).astype(np.float64) + 1) * 127.5)
    return torch.from_numpy(values.reshape(n, *shape).astype(np.uint8))


def expected(name, model, shape, layer, tokens, into, n=2, most=1000):
    """PyTorch's numbers in double precision, and how far its own in single precision are from them."""
    x = pixels_of(shape, n)
    with torch.no_grad():
        k = model(torch.zeros(2, *shape)).shape[1]
    c = torch.randn(n, k, generator=torch.Generator().manual_seed(2))
    pixels = x.double() / 255
    single = answers(model.float(), pixels.float(), c, layer, tokens)
    double = answers(model.double(), pixels.double(), c.double(), layer, tokens)
    model.float()
    largest = [float((a.double() - b).abs().max() / b.abs().max()) if a is not None else 0.0
               for a, b in zip(single[:1], double[:1])]
    medians = [float((a.double() - b).abs().median() / b.abs().max()) if a is not None else 0.0
               for a, b in zip(single[1:], double[1:])]
    into[f"{name}/cotangent"] = c.contiguous()
    into[f"{name}/logits"] = double[0].contiguous()
    # Every so many numbers of the gradient are enough.
    step = max(1, double[1].numel() // most)
    into[f"{name}/gradient"] = double[1].flatten()[::step].contiguous()
    into[f"{name}/step"] = torch.tensor([step, *shape])
    if double[2] is not None:
        into[f"{name}/map"] = double[2].contiguous()
    into[f"{name}/deviations"] = torch.tensor(largest + medians, dtype=torch.float64)


# ---- narrow versions of torchvision's families -------------------------------------------------------------------


def narrow():
    """Name, model, image, exporters, layer, how its tokens lie."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt
    from torchvision.models.densenet import DenseNet
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig
    from torchvision.models.googlenet import BasicConv2d, Inception
    from torchvision.models.inception import InceptionA, InceptionB, InceptionC, InceptionE
    from torchvision.models.maxvit import MaxVit
    from torchvision.models.mobilenetv2 import MobileNetV2
    from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
    from torchvision.models.regnet import BlockParams, RegNet
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
    from torchvision.models.shufflenetv2 import ShuffleNetV2
    from torchvision.models.squeezenet import Fire
    from torchvision.models.swin_transformer import SwinTransformer
    from torchvision.models.vision_transformer import VisionTransformer

    def thin(block, groups=1):
        """A ResNet with an eighth of the channels."""
        model = ResNet(block, [1, 1, 1, 1], num_classes=6, groups=groups, width_per_group=64 if groups == 1 else 32)
        model.inplanes = 8
        model.conv1, model.bn1 = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)
        model.layer1 = model._make_layer(block, 8, 1)
        model.layer2 = model._make_layer(block, 8, 1, stride=2)
        model.layer3 = model._make_layer(block, 8, 1, stride=2)
        model.layer4 = model._make_layer(block, 8, 1)
        model.fc = nn.Linear(8 * block.expansion, 6)
        return model

    class Squeeze(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 12, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
                                          Fire(12, 4, 8, 8), Fire(16, 4, 8, 8))
            self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(16, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

        def forward(self, x):
            return torch.flatten(self.classifier(self.features(x)), 1)

    class Google(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = BasicConv2d(3, 8, kernel_size=7, stride=2, padding=3)
            self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
            self.inception3a = Inception(8, 4, 4, 6, 2, 4, 4)
            self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True)
            self.inception4a = Inception(18, 4, 4, 6, 2, 4, 4)
            self.fc = nn.Linear(18, 5)

        def forward(self, x):
            x = self.inception4a(self.maxpool4(self.inception3a(self.maxpool1(self.conv1(x)))))
            return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))

    class Incept(nn.Module):
        def __init__(self):
            super().__init__()
            conv = lambda a, b, **kw: nn.Sequential(nn.Conv2d(a, b, bias=False, **kw), nn.BatchNorm2d(b), nn.ReLU())
            self.stem = conv(3, 8, kernel_size=3, stride=2)
            self.long = nn.Sequential(conv(8, 6, kernel_size=(1, 7), padding=(0, 3)),
                                      conv(6, 8, kernel_size=(7, 1), padding=(3, 0)))
            self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1), conv(8, 8, kernel_size=1))
            self.down = nn.MaxPool2d(3, 2)
            self.fc = nn.Linear(16, 5)

        def forward(self, x):
            x = self.stem(x)
            x = torch.cat([self.long(x), self.pool(x)], 1)
            return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(self.down(x), 1), 1))

    class Alex(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
                                          nn.Conv2d(8, 12, 5, 1, 2), nn.ReLU())
            self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
            self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(588, 6), nn.ReLU(), nn.Linear(6, 5))

        def forward(self, x):
            return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))

    mobile3 = partial(InvertedResidualConfig, width_mult=1.0)
    mb = partial(MBConvConfig, width_mult=1.0, depth_mult=1.0)
    vit = VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=5)
    nn.init.normal_(vit.heads.head.weight, std=0.5)
    swin = SwinTransformer([2, 2], 12, [2, 2], [2, 4], [3, 3], num_classes=5, stochastic_depth_prob=0.0)
    for block in swin.modules():
        if hasattr(block, "relative_position_bias_table"):
            nn.init.normal_(block.relative_position_bias_table, std=0.5)
    both = ("dyn", "ts")
    return [
        ("resnet", thin(BasicBlock), (3, 64, 64), both, "layer4", None),
        ("resnet_bottleneck", thin(Bottleneck), (3, 64, 64), ("dyn",), "layer4", None),
        ("resnext", thin(Bottleneck, groups=4), (3, 64, 64), ("ts",), "layer4", None),
        ("densenet", DenseNet(6, (2, 2), 8, num_classes=5), (3, 64, 64), ("dyn",), None, None),
        ("mobilenet_v2", MobileNetV2(5, 0.1, [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2]], 8), (3, 32, 32), ("dyn",),
         "features", None),
        ("mobilenet_v3", MobileNetV3([mobile3(8, 3, 8, 8, True, "RE", 2, 1), mobile3(8, 5, 16, 8, True, "HS", 1, 1)], 16,
                                     num_classes=5), (3, 32, 32), both, "features", None),
        ("efficientnet", EfficientNet([mb(1, 3, 1, 8, 8, 1), mb(4, 5, 2, 8, 12, 1)], 0.2, 0.0, num_classes=5),
         (3, 32, 32), ("ts",), "features", None),
        ("regnet", RegNet(BlockParams([1, 1], [8, 16], [4, 8], [1.0, 1.0], [2, 2], 0.25), 5), (3, 32, 32), ("dyn",),
         "trunk_output", None),
        ("shufflenet", ShuffleNetV2([1, 1, 1], [8, 8, 12, 16, 24], 5), (3, 128, 128), ("ts",), "conv5", None),
        ("squeezenet", Squeeze(), (3, 48, 48), ("ts",), "classifier.2", None),
        ("googlenet", Google(), (3, 40, 40), ("ts",), "inception4a", None),
        ("inception", Incept(), (3, 31, 31), ("dyn",), None, None),
        ("alexnet", Alex(), (3, 63, 63), ("dyn",), "features", None),
        ("convnext", ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], 0.0, num_classes=5), (3, 32, 32),
         ("ts",), "features", None),
        ("vit", vit, (3, 32, 32), ("dyn",), "encoder.layers.encoder_layer_1", "class"),
        ("swin", swin, (3, 18, 18), ("dyn",), None, None),
        ("maxvit", MaxVit((32, 32), 8, 4, [8], [1], 4, 0.0, num_classes=5), (3, 32, 32),
         ("ts",), None, None),
    ]


def small():
    HERE.mkdir(parents=True, exist_ok=True)
    tensors, layers = {}, {}
    for name, model, shape, exporters, layer, tokens in narrow():
        torch.manual_seed(7)
        model = calibrated(model, shape)
        # Half of each weight's bits are enough, and files get smaller when they are packed.
        for exporter in exporters:
            export(model, shape, str(HERE / f"{name}.{exporter}.onnx"), exporter)
        expected(name, model, shape, layer, tokens, tensors)
        layers[name] = layer or ""
        print(name, [f"{(HERE / f'{name}.{e}.onnx').stat().st_size / 1024:.0f} KiB" for e in exporters], flush=True)
    save_file(tensors, HERE / "expected.safetensors", metadata=layers)


# ---- the models at full size --------------------------------------------------------------------------------------

FULL = {
    "resnet18": "layer4", "resnet50": "layer4", "resnext50_32x4d": "layer4", "densenet121": None,
    "mobilenet_v2": "features", "mobilenet_v3_small": "features", "efficientnet_b0": "features",
    "regnet_y_400mf": "trunk_output", "shufflenet_v2_x0_5": "conv5", "squeezenet1_1": "classifier.2",
    "googlenet": "inception5b", "inception_v3": "Mixed_7c", "convnext_tiny": "features",
    "vit_b_16": "encoder.layers.encoder_layer_10", "swin_t": "norm", "maxvit_t": "blocks.3",
}


def full(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or FULL:
        torch.manual_seed(0)
        options = {"init_weights": True, "aux_logits": True} if name in ("googlenet", "inception_v3") else {}
        model = getattr(models, name)(weights=None, **options)
        if name == "vit_b_16":
            nn.init.normal_(model.heads.head.weight, std=0.02)
        side = 299 if name == "inception_v3" else 224
        model = calibrated(model, (3, side, side))
        if hasattr(model, "aux_logits"):
            model.aux_logits = False
        for exporter in ("dyn", "ts"):
            export(model, (3, side, side), str(folder / f"{name}.{exporter}.onnx"), exporter)
        tensors = {}
        tokens = {"vit_b_16": "class", "swin_t": "last"}.get(name)
        expected(name, model, (3, side, side), FULL[name], tokens, tensors, n=2)
        save_file(tensors, folder / f"{name}.safetensors", metadata={name: FULL[name] or ""})
        print(name, flush=True)


def check(folder, program):
    """The program's logits and gradients of the loss beside PyTorch's in double precision, model by model."""
    failed = False
    print(f"{'model':28} {'logits':>9} {'PyTorch':>9} {'gradient':>9} {'PyTorch':>9}")
    for name in FULL:
        if not (folder / f"{name}.safetensors").exists():
            continue
        want = load_file(folder / f"{name}.safetensors")
        _, *shape = want[f"{name}/step"].tolist()
        images = pixels_of(shape, 2)
        np.savez(folder / "x.npz", images=images.numpy(), labels=np.zeros(len(images), dtype=np.int64))
        deviations = want[f"{name}/deviations"].tolist()
        for exporter in ("dyn", "ts"):
            out = folder / "maps.safetensors"
            subprocess.run([program, "maps", "--images", str(folder / "x.npz"), "--model",
                            str(folder / f"{name}.{exporter}.onnx"), "--eps", "1/255", "--attack", "fgsm", "--out", str(out),
                            "--force"], check=True, capture_output=True)
            got = load_file(out)
            logits = want[f"{name}/logits"]
            off = float((got["logits"].double() - logits).abs().max() / logits.abs().max())
            bound = max(3 * deviations[0], 1e-5)
            failed |= off > bound
            print(f"{name + '.' + exporter:28} {off:9.1e} {deviations[0]:9.1e}{'' if off <= bound else '  TOO FAR'}",
                  flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["small"]:
            small()
        case ["full", folder, *names]:
            full(Path(folder), names)
        case ["check", folder, program]:
            check(Path(folder), program)
        case _:
            sys.exit(__doc__)
