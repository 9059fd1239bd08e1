"""TinyML's hello world: a three-layer regression that learns sin(x) from noisy samples of one period."""

from typing import Any

import numpy as np

from . import Augmentation, Data, Floats

SUMMARY = "hello world: y = sin(x) over one period, three small dense layers"
CLASSES: tuple[str, ...] = ()
ACCURACY_FLOOR = 0.97
EPOCHS = 80
BATCH = 16
LEARNING_RATE = 1e-2
AUGMENTATION = Augmentation()


def data() -> Data:
    """x in radians, 0 … 2π, shape (n, 1); 1,000 noisy samples to train with, 200 exact, evenly spaced ones to test."""
    random = np.random.default_rng(0)
    train_x = random.uniform(0, 2 * np.pi, (1000, 1)).astype(np.float32)
    noise = random.normal(0, 0.05, train_x.shape)
    test_x = np.linspace(0, 2 * np.pi, 200, dtype=np.float32).reshape(-1, 1)
    return Data(train_x, _sine(train_x, noise), test_x, _sine(test_x, np.zeros(test_x.shape)))


def _sine(x: Floats, noise: Any) -> Floats:
    y: Floats = (np.sin(x) + noise).astype(np.float32)
    return y


def build() -> Any:
    """321 parameters; ReLU because it is free once fused."""
    from tensorflow.keras import Input, Sequential, layers

    return Sequential(
        [
            Input((1,), name="x"),
            layers.Dense(16, activation="relu", name="dense1"),
            layers.Dense(16, activation="relu", name="dense2"),
            layers.Dense(1, name="y"),
        ],
        name="sine",
    )
