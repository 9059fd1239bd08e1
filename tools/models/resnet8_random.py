"""ResNet-8 without data: the network of `resnet8` with batch normalization folded into its convolutions.

`resnet8` is trained on CIFAR-10, which must be downloaded. This one converts to the same operators without any data.
"""

from typing import Any

from . import Data, _random
from .resnet8 import CLASSES, STACKS

__all__ = ["CLASSES", "EPOCHS", "SUMMARY", "build", "data"]

SUMMARY = "32x32 pixels, RGB → 10 classes, ResNet-8 as in MLPerf Tiny"
EPOCHS = 0


def data() -> Data:
    """Noise of 0 … 1, shape (n, 32, 32, 3)."""
    return _random.data((32, 32, 3))


def build() -> Any:
    """Seven 3x3 convolutions, two of 1x1 on the shortcuts that change size, one dense layer."""
    from tensorflow.keras import Input, Model, layers

    def convolved(x: Any, filters: int, size: int, stride: int, activation: str | None, name: str) -> Any:
        return layers.Conv2D(filters, size, stride, padding="same", activation=activation, name=name)(x)

    image = Input((32, 32, 3), name="image")
    x = convolved(image, STACKS[0][0], 3, 1, "relu", "stem")
    for i, (filters, stride) in enumerate(STACKS, 1):
        shortcut = x if stride == 1 else convolved(x, filters, 1, stride, None, f"stack{i}_shortcut")
        x = convolved(x, filters, 3, stride, "relu", f"stack{i}_conv1")
        x = convolved(x, filters, 3, 1, None, f"stack{i}_conv2")
        x = layers.ReLU(name=f"stack{i}_relu")(layers.Add(name=f"stack{i}_add")([shortcut, x]))
    x = layers.AveragePooling2D(8, name="pool")(x)
    scores = layers.Dense(len(CLASSES), activation="softmax", name="scores")(layers.Flatten(name="flatten")(x))
    return Model(image, scores, name="resnet8_random")
