"""MobileNet v1, a quarter as wide as the paper's, for 96x96 pixels: the person detection network of MLPerf Tiny.

Source: A. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
table 1; C. Banbury et al., "MLPerf Tiny Benchmark", 2021.
"""

from typing import Any

from . import Data, _random

SUMMARY = "person or not, 96x96 pixels, RGB → 2 classes, MobileNet v1 a quarter as wide, as in MLPerf Tiny"
CLASSES = ("no person", "person")
EPOCHS = 0

STEM = 8
BLOCKS = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1))  # filters, stride


def data() -> Data:
    """Noise of 0 … 1, shape (n, 96, 96, 3)."""
    return _random.data((96, 96, 3))


def build() -> Any:
    """A stem, thirteen depthwise-separable blocks, the mean over each map, one dense layer."""
    from tensorflow.keras import Input, Sequential, layers

    network = Sequential(name="mobilenet_v1_96")
    network.add(Input((96, 96, 3), name="image"))
    network.add(layers.Conv2D(STEM, 3, 2, padding="same", activation="relu", name="stem"))
    for i, (filters, stride) in enumerate(BLOCKS, 1):
        depthwise, pointwise = f"block{i}_depthwise", f"block{i}_pointwise"
        network.add(layers.DepthwiseConv2D(3, stride, padding="same", activation="relu", name=depthwise))
        network.add(layers.Conv2D(filters, 1, padding="same", activation="relu", name=pointwise))
    network.add(layers.AveragePooling2D(3, name="pool"))
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dense(len(CLASSES), activation="softmax", name="scores"))
    return network
