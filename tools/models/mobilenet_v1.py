"""MobileNet v1 for small images: depthwise-separable convolutions, a quarter as wide as the paper's.

Source: A. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
table 1. Images of 32x32 pixels leave room for three of its five strides: stem and twelfth block keep their size.
"""

from typing import Any

from .cifar10 import AUGMENTATION, CLASSES, data

__all__ = ["ACCURACY_FLOOR", "AUGMENTATION", "BATCH", "CLASSES", "EPOCHS", "LEARNING_RATE", "SUMMARY", "build", "data"]

SUMMARY = "MobileNet v1, a quarter as wide, on CIFAR-10"
ACCURACY_FLOOR = 0.63
EPOCHS = 6
BATCH = 64
LEARNING_RATE = 3e-3

WIDTH = 0.25
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 1),
    (1024, 1),
)  # filters, stride


def build(shape: tuple[int, ...] = (32, 32, 3), classes: int = len(CLASSES)) -> Any:
    """A stem, thirteen depthwise-separable blocks, the mean over each map, one dense layer."""
    from tensorflow.keras import Input, Model, layers

    def activated(x: Any, name: str) -> Any:
        return layers.ReLU(6.0, name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_norm")(x))

    image = Input(shape, name="image")
    x = layers.Conv2D(int(32 * WIDTH), 3, padding="same", use_bias=False, name="stem")(image)
    x = activated(x, "stem")
    for i, (filters, stride) in enumerate(BLOCKS, 1):
        name = f"block{i}_depthwise"
        x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=name)(x)
        x = activated(x, name)
        name = f"block{i}_pointwise"
        x = layers.Conv2D(int(filters * WIDTH), 1, use_bias=False, name=name)(x)
        x = activated(x, name)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(x)
    return Model(image, scores, name="mobilenet_v1")
