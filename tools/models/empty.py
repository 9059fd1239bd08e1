"""Almost no model: the baseline of flash and RAM, to subtract from those of other models."""

from typing import Any

import numpy as np

from . import Augmentation, Data

SUMMARY = "one RELU on one number: the flash and RAM of just the bench and the runtime"
CLASSES: tuple[str, ...] = ()
ACCURACY_FLOOR = 1.0
EPOCHS = 1
BATCH = 16
LEARNING_RATE = 1e-3
AUGMENTATION = Augmentation()


def data() -> Data:
    """y = x, 0 … 1, shape (16, 1)."""
    x = np.linspace(0, 1, 16, dtype=np.float32).reshape(-1, 1)
    return Data(x, x, x, x)


def build() -> Any:
    """Nothing to learn."""
    from tensorflow.keras import Input, Sequential, layers

    return Sequential([Input((1,), name="x"), layers.ReLU(name="relu")], name="empty")
