"""DS-CNN: depthwise-separable convolutions on a spectrogram, the keyword spotting network of MLPerf Tiny.

Source: Y. Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2017; C. Banbury et al., "MLPerf Tiny
Benchmark", 2021.
"""

from typing import Any

from . import Data, _random

SUMMARY = "keyword spotting, 49x10 MFCCs → 12 classes, DS-CNN as in MLPerf Tiny"
CLASSES = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown")
EPOCHS = 0

FILTERS = 64
BLOCKS = 4


def data() -> Data:
    """Noise of -1 … 1, shape (n, 49, 10, 1): 49 frames of 10 coefficients."""
    return _random.data((49, 10, 1), low=-1)


def build() -> Any:
    """A strided convolution, four depthwise-separable blocks, the mean over each map, one dense layer."""
    from tensorflow.keras import Input, Sequential, layers

    network = Sequential(name="ds_cnn")
    network.add(Input((49, 10, 1), name="mfcc"))
    network.add(layers.Conv2D(FILTERS, (10, 4), 2, padding="same", activation="relu", name="stem"))
    for i in range(1, BLOCKS + 1):
        network.add(layers.DepthwiseConv2D(3, padding="same", activation="relu", name=f"block{i}_depthwise"))
        network.add(layers.Conv2D(FILTERS, 1, padding="same", activation="relu", name=f"block{i}_pointwise"))
    network.add(layers.AveragePooling2D((25, 5), name="pool"))
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dense(len(CLASSES), activation="softmax", name="scores"))
    return network
