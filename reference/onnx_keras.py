"""ONNX classifiers from Keras by tf2onnx: images with the channels last, padding on one side, a softmax at the end.

Versions: keras 3.15.1, tensorflow-cpu 2.21.0, tf2onnx 1.17.0, onnx 1.23.2. Run: python reference/onnx_keras.py
It needs an environment of its own. It writes testdata/onnx/keras_*.onnx; onnx_models.py adds their numbers. tf2onnx
names values differently in each run, so the files change while their numbers do not.

The models are narrow, with the layers of keras.applications in the same order. tf2onnx has no operator for Erfc, which
Keras' GELU contains, and leaves it in the graph under that name; so do the real files.
"""

import logging
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import onnx
import tensorflow
import tf2onnx
from keras import layers

FOLDER = Path(__file__).parent.parent / "testdata" / "onnx"
OUTPUTS = 5


def normed(x, activation):
    return layers.Activation(activation)(layers.BatchNormalization(epsilon=1e-3)(x))


def mobilenet():
    """MobileNet V2: strides after padding below and to the right; grey images of 28 x 28."""
    image = keras.Input((28, 28, 1))
    x = normed(layers.Conv2D(4, 3, 2, padding="same", use_bias=False)(image), "relu6")
    x = normed(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x), "relu6")
    x = layers.BatchNormalization(epsilon=1e-3)(layers.Conv2D(4, 1, use_bias=False)(x))
    y = normed(layers.Conv2D(12, 1, use_bias=False)(x), "relu6")
    y = layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
    y = normed(layers.DepthwiseConv2D(3, 2, use_bias=False)(y), "relu6")
    x = layers.BatchNormalization(epsilon=1e-3)(layers.Conv2D(6, 1, use_bias=False)(y))
    y = normed(layers.Conv2D(12, 1, use_bias=False)(x), "relu6")
    y = normed(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y), "relu6")
    x = layers.Add()([x, layers.BatchNormalization(epsilon=1e-3)(layers.Conv2D(6, 1, use_bias=False)(y))])
    x = layers.GlobalAveragePooling2D()(normed(layers.Conv2D(12, 1, use_bias=False)(x), "relu6"))
    return keras.Model(image, layers.Dense(OUTPUTS, activation="softmax")(x))


def efficientnet():
    """EfficientNet: normalises its own input; swish and a gate on channels."""
    image = keras.Input((32, 32, 3))
    # Keras has a Normalization here, whose numbers tf2onnx would make inputs of this graph.
    x = layers.Rescaling([1 / 0.229, 1 / 0.224, 1 / 0.225], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])(image)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = normed(layers.Conv2D(4, 3, 2, use_bias=False)(x), "swish")
    for outputs, side in [(6, 3), (8, 5)]:
        y = normed(layers.Conv2D(12, 1, use_bias=False)(x), "swish")
        y = layers.ZeroPadding2D(((side // 2 - 1, side // 2), (side // 2 - 1, side // 2)))(y)
        y = normed(layers.DepthwiseConv2D(side, 2, use_bias=False)(y), "swish")
        gate = layers.Reshape((1, 1, 12))(layers.GlobalAveragePooling2D()(y))
        gate = layers.Conv2D(12, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="swish")(gate))
        x = layers.Conv2D(outputs, 1, use_bias=False)(layers.multiply([y, gate]))
        x = layers.BatchNormalization(epsilon=1e-3)(x)
    x = layers.GlobalAveragePooling2D()(normed(layers.Conv2D(16, 1, use_bias=False)(x), "swish"))
    return keras.Model(image, layers.Dense(OUTPUTS, activation="softmax")(layers.Dropout(0.2)(x)))


class Scale(layers.Layer):
    """ConvNeXt's scale of each channel."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(0.5))

    def call(self, x):
        return x * self.gamma


def convnext():
    """ConvNeXt: layer norms in pieces, dense layers on every cell, GELU by Erfc.

    Keras writes its depthwise convolution as one with groups, which tf2onnx leaves as a call that no tool can run.
    """
    image = keras.Input((32, 32, 3))
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(6, 4, 4)(image))
    x = layers.Conv2D(8, 2, 2)(x)
    y = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(x))
    y = Scale()(layers.Dense(8)(layers.Activation("gelu")(layers.Dense(16)(y))))
    x = layers.Add()([x, y])
    x = layers.LayerNormalization(epsilon=1e-6)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(OUTPUTS, activation="softmax")(x))


def condition(model, seed):
    """Scales and shifts that show, then the batch norms' statistics of some images, as in onnx_families.py."""
    draw = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) == 1:
            weight.assign(weight + 0.15 * draw.standard_normal(weight.shape))
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    model(draw.random((16, *model.input_shape[1:]), np.float32), training=True)


def name_layer(graph):
    """Calls the value that the last pooling reads "layer", where onnx_models.py looks for it."""
    name = [node.input[0] for node in graph.node if node.op_type == "GlobalAveragePool"][-1]
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = ["layer" if value == name else value for value in values]


def main():
    logging.disable(logging.CRITICAL)
    for seed, make in enumerate([mobilenet, efficientnet, convnext]):
        keras.utils.set_random_seed(seed)
        model = make()
        condition(model, 10 + seed)
        signature = [tensorflow.TensorSpec((None, *model.input_shape[1:]), tensorflow.float32, "image")]
        function = tensorflow.function(lambda image: model(image, training=False))
        graph, _ = tf2onnx.convert.from_function(function, signature, opset=17)
        name_layer(graph.graph)
        path = FOLDER / f"keras_{make.__name__}.onnx"
        onnx.save(graph, path)
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
