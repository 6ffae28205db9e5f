"""The network and the numbers both sides share: VGG16 with torchvision's layers and names, head `gap`."""

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

CONFIGURATION_D = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512]


class Vgg16Gap(nn.Module):
    """VGG16 up to its last ReLU, the mean over its grid, one linear layer. Pixels in [0, 1], no normalisation."""

    def __init__(self, classes=2):
        super().__init__()
        layers, channels = [], 3
        for count in CONFIGURATION_D:
            if count == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, count, 3, padding=1), nn.ReLU(inplace=True)]
                channels = count
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def head(self, features):
        return self.classifier(torch.flatten(self.avgpool(features), 1))

    def forward(self, x):
        return self.head(self.features(x))


def load(weights):
    """The network in evaluation mode with the weights of a file."""
    model = Vgg16Gap()
    model.load_state_dict(load_file(weights))
    return model.eval()


def cam_layer(size):
    """The place in `features` at which maps are read: the deepest ReLU whose grid has at least 4 cells a side."""
    best, side = 0, size
    for i, count in enumerate(_per_layer()):
        if count == "M":
            side //= 2
        elif count == "ReLU" and side >= 4:
            best = i
    return best


def _per_layer():
    for count in CONFIGURATION_D:
        if count == "M":
            yield "M"
        else:
            yield "Conv"
            yield "ReLU"


def hashed(length, seed):
    """Numbers in [-1, 1), single precision, as `hashed` in crates/weakspot-nn/examples/bench/numbers.rs."""
    x = np.arange(length, dtype=np.uint32) + np.uint32((seed * 0x9E3779B9) & 0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return (x >> np.uint32(8)).astype(np.float32) / np.float32(8388608.0) - np.float32(1.0)


def images(batch, channels, size, seed=1):
    """Numbers in [0, 1), `[batch, channels, height, width]`."""
    values = (hashed(batch * channels * size * size, seed) + np.float32(1)) / np.float32(2)
    return torch.from_numpy(values.reshape(batch, channels, size, size))


def layer_tensors(channels_in, channels_out, size, batch):
    """Input, weight, bias and gradient at the output of one convolution, as the other side makes them."""
    fan_in = channels_in * 9
    weight = hashed(channels_out * fan_in, 1000) * np.float32((6.0 / fan_in) ** 0.5)
    bias = hashed(channels_out, 1001) * np.float32(0.125)
    cotangent = hashed(batch * channels_out * size * size, 2).reshape(batch, channels_out, size, size)
    return (
        images(batch, channels_in, size),
        torch.from_numpy(weight.reshape(channels_out, channels_in, 3, 3)),
        torch.from_numpy(bias),
        torch.from_numpy(cotangent),
    )
