"""ResNet-8: three residual stacks, the image classification network of MLPerf Tiny.

Source: C. Banbury et al., "MLPerf Tiny Benchmark", 2021; K. He et al., "Deep Residual Learning for Image Recognition",
2015, section 4.2 (CIFAR-10).
"""

from typing import Any

from .cifar10 import AUGMENTATION, CLASSES, data

__all__ = ["ACCURACY_FLOOR", "AUGMENTATION", "BATCH", "CLASSES", "EPOCHS", "LEARNING_RATE", "SUMMARY", "build", "data"]

SUMMARY = "ResNet-8 as in MLPerf Tiny, on CIFAR-10"
ACCURACY_FLOOR = 0.74
EPOCHS = 10
BATCH = 64
LEARNING_RATE = 2e-3

STACKS = ((16, 1), (32, 2), (64, 2))  # filters, stride
WEIGHT_DECAY = 1e-4


def build(shape: tuple[int, ...] = (32, 32, 3), classes: int = len(CLASSES)) -> Any:
    """Seven 3x3 convolutions, two of 1x1 on the shortcuts that change size, one dense layer: 78,666 parameters."""
    from tensorflow.keras import Input, Model, layers, regularizers

    def convolved(x: Any, filters: int, size: int, stride: int, name: str) -> Any:
        decay = regularizers.L2(WEIGHT_DECAY)
        return layers.Conv2D(filters, size, stride, padding="same", kernel_regularizer=decay, name=name)(x)

    def normalised(x: Any, name: str) -> Any:
        return layers.BatchNormalization(name=f"{name}_norm")(x)

    image = Input(shape, name="image")
    x = layers.ReLU(name="stem_relu")(normalised(convolved(image, STACKS[0][0], 3, 1, "stem"), "stem"))
    for i, (filters, stride) in enumerate(STACKS, 1):
        first, second = f"stack{i}_conv1", f"stack{i}_conv2"
        shortcut = x if stride == 1 else convolved(x, filters, 1, stride, f"stack{i}_shortcut")
        x = layers.ReLU(name=f"{first}_relu")(normalised(convolved(x, filters, 3, stride, first), first))
        x = normalised(convolved(x, filters, 3, 1, second), second)
        x = layers.ReLU(name=f"stack{i}_relu")(layers.Add(name=f"stack{i}_add")([shortcut, x]))
    x = layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    scores = layers.Dense(classes, activation="softmax", name="scores")(layers.Flatten(name="flatten")(x))
    return Model(image, scores, name="resnet8")
