"""The families of image classifiers, narrow: torchvision's own building blocks with few channels and made-up weights.

Used by onnx_models.py. Every model is small enough to commit when exported, yet its graph has the operators of the
real one in the same order. `LAYER` names the module whose output Grad-CAM reads: the last one with a grid of at least
4 x 4 on every path to the logits, from whose cells a gradient reaches them.
"""

from functools import partial

import torch
from torch import nn
from torchvision import models as tv
from torchvision.models import convnext, densenet, efficientnet, inception, maxvit, mobilenetv2, mobilenetv3
from torchvision.models import regnet, resnet, shufflenetv2, squeezenet, swin_transformer
from torchvision.models.googlenet import BasicConv2d, GoogLeNet, Inception
from torchvision.ops.misc import Conv2dNormActivation

OUTPUTS = 5


def narrow_resnet(block, widths, **kwargs):
    """torchvision's ResNet writes its widths into the constructor, so the stages are made anew."""
    model = resnet.ResNet(block, [1, 1, 1, 1], num_classes=OUTPUTS, **kwargs)
    model.inplanes = 4
    model.conv1, model.bn1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4)
    for stage, width in enumerate(widths):
        setattr(model, f"layer{stage + 1}", model._make_layer(block, width, 2 if stage == 1 else 1, min(stage, 1) + 1))
    model.fc = nn.Linear(widths[-1] * block.expansion, OUTPUTS)
    return model


def narrow_densenet():
    return densenet.DenseNet(4, (2, 2, 2), 8, bn_size=2, num_classes=OUTPUTS)


def narrow_mobilenet_v2():
    settings = [[1, 8, 1, 1], [3, 8, 2, 2], [3, 12, 2, 2]]
    model = mobilenetv2.MobileNetV2(OUTPUTS, 0.25, settings, round_nearest=4)
    model.features[-1] = Conv2dNormActivation(4, 24, kernel_size=1, activation_layer=nn.ReLU6)
    model.classifier[1] = nn.Linear(24, OUTPUTS)
    return model


def narrow_mobilenet_v3():
    config = partial(mobilenetv3.InvertedResidualConfig, width_mult=1.0)
    settings = [config(8, 3, 8, 8, True, "RE", 2, 1), config(8, 3, 16, 8, False, "RE", 2, 1),
                config(8, 5, 24, 8, True, "HS", 1, 1)]
    return mobilenetv3.MobileNetV3(settings, 16, num_classes=OUTPUTS)


def narrow_efficientnet():
    config = efficientnet.MBConvConfig
    settings = [config(1, 3, 1, 8, 8, 1), config(4, 3, 2, 8, 8, 2), config(3, 5, 2, 8, 8, 1)]
    return efficientnet.EfficientNet(settings, 0.2, num_classes=OUTPUTS, last_channel=16)


def narrow_regnet():
    params = regnet.BlockParams([1, 2, 1, 1], [8, 8, 12, 12], [4, 4, 4, 4], [1.0] * 4, [2] * 4, se_ratio=0.25)
    return regnet.RegNet(params, num_classes=OUTPUTS, stem_width=8)


def narrow_shufflenet():
    return shufflenetv2.ShuffleNetV2([2, 2, 1], [8, 8, 16, 16, 24], num_classes=OUTPUTS)


def narrow_squeezenet():
    fire = squeezenet.Fire
    model = squeezenet.SqueezeNet("1_1", num_classes=OUTPUTS)
    model.features = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), fire(8, 4, 8, 8), fire(16, 4, 8, 8),
        nn.MaxPool2d(3, 2, ceil_mode=True), fire(16, 4, 8, 8), fire(16, 6, 12, 12))
    model.classifier[1] = nn.Conv2d(24, OUTPUTS, 1)
    return model


def narrow_googlenet():
    model = GoogLeNet(OUTPUTS, aux_logits=False, transform_input=True, init_weights=False)
    model.conv1 = BasicConv2d(3, 4, kernel_size=7, stride=2, padding=3)
    model.conv2, model.conv3 = BasicConv2d(4, 4, kernel_size=1), BasicConv2d(4, 8, kernel_size=3, padding=1)
    width = 8
    for name in ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]:
        setattr(model, f"inception{name}", Inception(width, 3, 3, 4, 2, 3, 2))
        width = 12
    model.fc = nn.Linear(width, OUTPUTS)
    return model


def narrow_inception():
    """Five blocks of the eleven. Channel counts are a 48th of the real ones, except those of a block's input, which are
    passed plus `given` so that the convolutions know them."""
    given = 1 << 20

    def conv(inputs, outputs, **kwargs):
        inputs = inputs - given if inputs >= given else -(-inputs // 48)
        return inception.BasicConv2d(inputs, -(-outputs // 48), **kwargs)

    stem = inception.BasicConv2d
    model = inception.Inception3(OUTPUTS, aux_logits=False, transform_input=True, init_weights=False)
    model.Conv2d_1a_3x3, model.Conv2d_2a_3x3 = stem(3, 4, kernel_size=3, stride=2), stem(4, 4, kernel_size=3)
    model.Conv2d_2b_3x3, model.Conv2d_3b_1x1 = stem(4, 6, kernel_size=3, padding=1), stem(6, 6, kernel_size=1)
    model.Conv2d_4a_3x3 = stem(6, 8, kernel_size=3)
    model.Mixed_5b = inception.InceptionA(given + 8, 32, conv_block=conv)
    model.Mixed_6a = inception.InceptionB(given + 7, conv_block=conv)
    model.Mixed_6b = inception.InceptionC(given + 17, 128, conv_block=conv)
    model.Mixed_7a = inception.InceptionD(given + 16, conv_block=conv)
    model.Mixed_7b = inception.InceptionE(given + 27, conv_block=conv)
    for name in ["5c", "5d", "6c", "6d", "6e", "7c"]:
        setattr(model, f"Mixed_{name}", nn.Identity())
    model.fc = nn.Linear(43, OUTPUTS)
    return model


def narrow_convnext():
    config = convnext.CNBlockConfig
    return convnext.ConvNeXt([config(6, 8, 1), config(8, None, 2)], num_classes=OUTPUTS)


def narrow_vit():
    return tv.VisionTransformer(16, 4, 2, 2, 12, 24, num_classes=OUTPUTS)


def narrow_swin(block, merging):
    """Windows of 4 on grids of 8 and 4, as the real one has windows of 7 on grids down to 7."""
    return tv.SwinTransformer([4, 4], 8, [2, 1], [2, 2], [4, 4], mlp_ratio=2.0, num_classes=OUTPUTS, block=block,
                              downsample_layer=merging)


def narrow_swin_v2():
    """The network that makes the position biases has 512 hidden units whatever the width; here it has 16."""
    model = narrow_swin(swin_transformer.SwinTransformerBlockV2, swin_transformer.PatchMergingV2)
    for module in model.modules():
        if isinstance(module, swin_transformer.ShiftedWindowAttentionV2):
            heads = module.cpb_mlp[2].out_features
            module.cpb_mlp[0], module.cpb_mlp[2] = nn.Linear(2, 16), nn.Linear(16, heads, bias=False)
    return model


def narrow_maxvit():
    return maxvit.MaxVit((32, 32), 8, 2, [8], [1], 4, 0.0, mlp_ratio=2, expansion_ratio=2, num_classes=OUTPUTS)


def narrow_alexnet():
    model = tv.AlexNet(num_classes=OUTPUTS)
    model.features = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(8, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))
    model.avgpool = nn.AdaptiveAvgPool2d((3, 3))
    for place, (inputs, outputs) in {1: (72, 16), 4: (16, 16), 6: (16, OUTPUTS)}.items():
        model.classifier[place] = nn.Linear(inputs, outputs)
    return model


def narrow_vgg():
    features = tv.vgg.make_layers([4, "M", 8, "M", 8, 8, "M", 8, 8, "M"], batch_norm=True)
    model = tv.VGG(features, num_classes=OUTPUTS, init_weights=False)
    model.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    for place, (inputs, outputs) in {0: (32, 16), 3: (16, 16), 6: (16, OUTPUTS)}.items():
        model.classifier[place] = nn.Linear(inputs, outputs)
    return model


BOTH = ("torchscript", "dynamo")
# Name: how to make it, height and width of its input, its layer, how that is laid out, and its exporters.
FAMILIES = {
    "resnet": (partial(narrow_resnet, resnet.BasicBlock, [4, 6, 6, 8]), (40, 32), "layer2", "nchw", BOTH),
    "mobilenet_v2": (narrow_mobilenet_v2, (32, 32), "features", "nchw", ("dynamo",)),
    "vit": (narrow_vit, (16, 16), "encoder.layers.encoder_layer_0", "tokens", BOTH),
    "swin": (partial(narrow_swin, swin_transformer.SwinTransformerBlock, swin_transformer.PatchMerging), (32, 32),
             "norm", "nhwc", BOTH),
    "convnext": (narrow_convnext, (32, 40), "features", "nchw", BOTH),
    "mobilenet_v3": (narrow_mobilenet_v3, (32, 32), "features", "nchw", BOTH),
    "resnet_bottleneck": (partial(narrow_resnet, resnet.Bottleneck, [2, 3, 4, 4]), (32, 32), "layer2", "nchw",
                          ("dynamo",)),
    "resnext": (partial(narrow_resnet, resnet.Bottleneck, [2, 3, 4, 4], groups=4, width_per_group=32), (32, 32),
                "layer2", "nchw", ("torchscript",)),
    "densenet": (narrow_densenet, (32, 32), "features.transition2.conv", "nchw", ("dynamo",)),
    "efficientnet": (narrow_efficientnet, (32, 32), "features", "nchw", ("torchscript",)),
    "regnet_y": (narrow_regnet, (32, 32), "trunk_output.block2", "nchw", ("dynamo",)),
    "shufflenet_v2": (narrow_shufflenet, (32, 32), "stage2", "nchw", ("dynamo",)),
    "squeezenet": (narrow_squeezenet, (40, 40), "classifier.2", "nchw", ("torchscript",)),
    "googlenet": (narrow_googlenet, (32, 32), "inception3b", "nchw", ("dynamo",)),
    "inception_v3": (narrow_inception, (75, 75), "Mixed_5b", "nchw", ("torchscript",)),
    "swin_v2": (narrow_swin_v2, (32, 32), "norm", "nhwc", ("dynamo",)),
    "maxvit": (narrow_maxvit, (32, 32), "blocks.0", "nchw", ("dynamo",)),
    "alexnet": (narrow_alexnet, (32, 32), "features.6", "nchw", ("torchscript",)),
    "vgg_bn": (narrow_vgg, (32, 32), "features.20", "nchw", ("dynamo",)),
}


@torch.no_grad()
def condition(model, images, seed):
    """Gives every parameter a value that shows, then measures the statistics of the batch norms on some images.

    Fresh models have scales of one, shifts of zero and, in transformers, layers that hardly change their input: an
    error there would not be seen.
    """
    draw = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=draw)
        if name.endswith(("relative_position_bias_table", "pos_embedding", "class_token")):
            p.copy_(0.4 * noise)
        elif "layer_scale" in name:
            p.copy_(0.5 + 0.1 * noise)
        elif p.dim() == 1:
            # SqueezeNet's logits come out of a ReLU, which must not cut them all off.
            alive = isinstance(model, squeezenet.SqueezeNet) and name == "classifier.1.bias"
            p.copy_((1.0 if alive or name.endswith("weight") else 0.0) + 0.15 * noise)
        elif p.std() < 0.7 / p[0].numel() ** 0.5:
            p.copy_(noise * (2 / p[0].numel()) ** 0.5)
    model.eval()
    for module in model.modules():
        # A branch that adds little to its input, as in trained models; else rounding grows from block to block.
        if isinstance(module, resnet.BasicBlock):
            module.bn2.weight.mul_(0.3)
        if isinstance(module, resnet.Bottleneck):
            module.bn3.weight.mul_(0.3)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            # The mean over all batches seen, which is one.
            module.momentum = None
            module.train()
        if hasattr(module, "inplace"):
            # A ReLU in place would overwrite the layer that is read.
            module.inplace = False
    model(images)
    return model.eval()
