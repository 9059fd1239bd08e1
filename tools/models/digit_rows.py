"""The scans of `digits` read as a sequence, one row of pixels per step from top to bottom, by an LSTM."""

from typing import Any

from . import Augmentation, Data, digits

SUMMARY = "handwritten digits as a sequence of 8 rows of 8 pixels → 10 classes, an LSTM"
CLASSES = digits.CLASSES
ACCURACY_FLOOR = 0.97
EPOCHS = 10
BATCH = 32
LEARNING_RATE = 1e-2
AUGMENTATION = Augmentation()  # the shifted copies of digits.data()


def data() -> Data:
    """Pixels 0 … 1, shape (n, 8, 8): steps first; the same samples as those of `digits`."""
    same = digits.data()
    return Data(same.train_x[..., 0], same.train_y, same.test_x[..., 0], same.test_y)


def build(shape: tuple[int, ...] = (8, 8), classes: int = len(CLASSES)) -> Any:
    """32 units and one dense layer: 5,578 parameters. An image (height, width, channels) is read row by row, too."""
    from tensorflow.keras import Input, Sequential, layers

    network = Sequential([Input(shape, name="rows")], name="digit_rows")
    if len(shape) == 3:
        network.add(layers.Reshape((shape[0], -1), name="pixels"))
    network.add(layers.LSTM(32, name="lstm"))
    network.add(layers.Dropout(0.3, name="dropout"))
    network.add(layers.Dense(classes, activation="softmax", name="scores"))
    return network
