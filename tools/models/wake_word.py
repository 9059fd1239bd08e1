"""Depthwise-separable convolutions along time: MLPerf Tiny's streaming wake word network, one whole window at a time.

Source: J. Li et al., "Jasper: An End-to-End Convolutional Neural Acoustic Model", 2019, for the blocks; MLPerf Tiny's
streaming wake word benchmark for their sizes.
"""

from typing import Any

from . import Data, _random

SUMMARY = "wake word, 30 frames of 40 mel bands → 3 classes, 1-D convolutions as in MLPerf Tiny"
CLASSES = ("wake word", "silence", "unknown")
EPOCHS = 0

FRAMES, BANDS = 30, 40
BLOCKS = ((3, 128), (5, 128), (10, 128), (15, 32))  # frames under the depthwise filter, filters


def data() -> Data:
    """Noise of 0 … 1, shape (n, 30, 1, 40): time, one row, the mel bands as channels."""
    return _random.data((FRAMES, 1, BANDS))


def build() -> Any:
    """Four blocks without padding, which leave one frame of thirty, and a dense layer."""
    from tensorflow.keras import Input, Sequential, layers

    network = Sequential(name="wake_word")
    network.add(Input((FRAMES, 1, BANDS), name="mel"))
    for i, (frames, filters) in enumerate(BLOCKS, 1):
        network.add(layers.DepthwiseConv2D((frames, 1), name=f"block{i}_depthwise"))
        network.add(layers.Conv2D(filters, 1, activation="relu", name=f"block{i}_pointwise"))
    network.add(layers.Flatten(name="flatten"))
    network.add(layers.Dense(len(CLASSES), activation="softmax", name="scores"))
    return network
