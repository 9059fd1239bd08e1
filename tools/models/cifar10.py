"""CIFAR-10: 60,000 photographs of 32x32 pixels in ten classes, and the small CNN that courses start with.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. The network is that of a common
TensorFlow Lite lecture; augmentation and a cosine schedule lift it above that lecture's 66 to 68 %.
"""

import contextlib
import sys
from typing import Any

import numpy as np

from ..errors import TrainError
from . import Augmentation, Data

SUMMARY = "photographs, 32x32 pixels, RGB → 10 classes, the lecture's CNN: 167,562 parameters"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ACCURACY_FLOOR = 0.72
EPOCHS = 32
BATCH = 64
LEARNING_RATE = 1e-3
AUGMENTATION = Augmentation(mirror=True, shift=2)


def data() -> Data:
    """Pixels 0 … 1, shape (n, 32, 32, 3); the authors' split into 50,000 for training and 10,000 for testing.

    Keras downloads them once (170 MB) and checks their hash. Raises TrainError if it cannot.
    """
    from tensorflow.keras.datasets import cifar10

    try:
        with contextlib.redirect_stdout(sys.stderr):  # its progress bar; standard output is for results
            (train_x, train_y), (test_x, test_y) = cifar10.load_data()
    except Exception as error:  # Keras raises a bare Exception for every network failure
        raise TrainError(
            f"CIFAR-10 cannot be downloaded ({str(error).splitlines()[0]}): give --data a folder with images in "
            "train/<class>/ and test/<class>/"
        ) from error
    return Data(
        (train_x / np.float32(255)).astype(np.float32),
        train_y.reshape(-1).astype(np.int64),
        (test_x / np.float32(255)).astype(np.float32),
        test_y.reshape(-1).astype(np.int64),
    )


def build(shape: tuple[int, ...] = (32, 32, 3), classes: int = len(CLASSES)) -> Any:
    """Two convolutions, each followed by a pooling, and two dense layers: 167,562 parameters."""
    from tensorflow.keras import Input, Sequential, layers

    return Sequential(
        [
            Input(shape, name="image"),
            layers.Conv2D(32, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(64, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="dense"),
            layers.Dense(classes, activation="softmax", name="scores"),
        ],
        name="cifar10",
    )
