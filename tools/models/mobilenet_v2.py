"""MobileNet v2 for small images: inverted residuals with linear bottlenecks, a third as wide as the paper's.

Source: M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, table 2. Images of 32x32
pixels leave room for three of its five strides and have no use for its last two groups; repeats are two at most, so
that it trains in minutes.
"""

from typing import Any

from .cifar10 import AUGMENTATION, CLASSES, data

__all__ = ["ACCURACY_FLOOR", "AUGMENTATION", "BATCH", "CLASSES", "EPOCHS", "LEARNING_RATE", "SUMMARY", "build", "data"]

SUMMARY = "MobileNet v2, a third as wide, on CIFAR-10"
ACCURACY_FLOOR = 0.65
EPOCHS = 6
BATCH = 64
LEARNING_RATE = 3e-3

WIDTH = 0.35
GROUPS = (  # expansion, filters, blocks, stride of the first block
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 2, 2),
    (6, 64, 2, 2),
    (6, 96, 1, 1),
)
LAST_FILTERS = 320


def _narrowed(filters: int) -> int:
    """The nearest multiple of eight, at least eight: what SIMD kernels and the paper's code prefer."""
    return max(8, int(filters * WIDTH + 4) // 8 * 8)


def build(shape: tuple[int, ...] = (32, 32, 3), classes: int = len(CLASSES)) -> Any:
    """A stem, eight inverted residuals, a last convolution, the mean over each map, one dense layer."""
    from tensorflow.keras import Input, Model, layers

    def convolved(x: Any, filters: int, size: int, name: str, stride: int = 1, activate: bool = True) -> Any:
        x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False, name=name)(x)
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(x) if activate else x

    def inverted_residual(x: Any, expansion: int, filters: int, stride: int, name: str) -> Any:
        entry, channels = x, x.shape[-1]
        if expansion > 1:
            x = convolved(x, expansion * channels, 1, f"{name}_expand")
        x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
        x = layers.BatchNormalization(name=f"{name}_depthwise_norm")(x)
        x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
        x = convolved(x, filters, 1, f"{name}_project", activate=False)
        is_residual = stride == 1 and channels == filters
        return layers.Add(name=f"{name}_add")([entry, x]) if is_residual else x

    image = Input(shape, name="image")
    x = convolved(image, _narrowed(32), 3, "stem", stride=2)
    number = 0
    for expansion, filters, blocks, first_stride in GROUPS:
        for block in range(blocks):
            number += 1
            stride = 1 if block else first_stride
            x = inverted_residual(x, expansion, _narrowed(filters), stride, f"block{number}")
    x = convolved(x, LAST_FILTERS, 1, "last")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return Model(image, scores, name="mobilenet_v2")
