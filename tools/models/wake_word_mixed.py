"""A strided convolution and mixed depthwise ones along time, as in wake word networks for microcontrollers.

Source: M. Tan, Q. Le, "MixConv: Mixed Depthwise Convolutional Kernels", 2019; the sizes are those of microWakeWord.
A mixed block filters half of its channels over a few frames and the other half over many. Where MixConv splits the
output of a pointwise convolution, two convolutions with half the filters each compute the same numbers without SPLIT.
"""

from typing import Any

from . import Data, _random

SUMMARY = "wake word, 150 frames of 40 mel bands → 8 words, strided and mixed depthwise 1-D convolutions"
CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven")
EPOCHS = 0

FRAMES, BANDS = 150, 40
STEM, STRIDE, FILTERS = 32, 3, 64
BLOCKS = ((5,), (7, 11), (9, 15), (23,))  # frames per depthwise filter, one number for each part of the channels


def data() -> Data:
    """Noise of 0 … 1, shape (n, 150, 1, 40): time, one row, the mel bands as channels."""
    return _random.data((FRAMES, 1, BANDS))


def build() -> Any:
    """A stem that keeps one frame in three, four mixed blocks, the mean over time, and a dense layer."""
    from tensorflow.keras import Input, Model, layers

    def pointwise(x: Any, filters: int, name: str) -> Any:
        return layers.Conv2D(filters, 1, activation="relu", name=name)(x)

    mel = Input((FRAMES, 1, BANDS), name="mel")
    x = layers.Conv2D(STEM, (5, 1), (STRIDE, 1), padding="same", activation="relu", name="stem")(mel)
    for i, block in enumerate(BLOCKS, 1):
        parts = []
        for part, frames in zip("ab", block, strict=False):
            y = x if i == 1 else pointwise(x, FILTERS // len(block), f"block{i}{part}_pointwise")
            parts.append(layers.DepthwiseConv2D((frames, 1), padding="same", name=f"block{i}{part}_depthwise")(y))
        x = layers.Concatenate(name=f"block{i}")(parts) if len(parts) > 1 else parts[0]
    x = layers.GlobalAveragePooling2D(name="pool")(pointwise(x, FILTERS, "last"))
    return Model(mel, layers.Dense(len(CLASSES), activation="sigmoid", name="scores")(x), name="wake_word_mixed")
