"""A dense autoencoder for a few frames of a spectrogram: the anomaly detection network of MLPerf Tiny.

Source: Y. Koizumi et al., "Description and Discussion on DCASE2020 Challenge Task 2", 2020, the baseline; C. Banbury et
al., "MLPerf Tiny Benchmark", 2021.
"""

from typing import Any

from . import Data, _random

SUMMARY = "anomaly detection, 5 frames of 128 mel bands → the same, ten dense layers as in MLPerf Tiny"
CLASSES: tuple[str, ...] = ()
EPOCHS = 0

UNITS = 640
HIDDEN = (128, 128, 128, 128, 8, 128, 128, 128, 128)


def data() -> Data:
    """Noise of -1 … 1, shape (n, 640)."""
    return _random.data((UNITS,), low=-1)


def build() -> Any:
    """640 → 128 → 128 → 128 → 128 → 8 → 128 → 128 → 128 → 128 → 640."""
    from tensorflow.keras import Input, Sequential, layers

    network = Sequential(name="autoencoder")
    network.add(Input((UNITS,), name="frames"))
    for i, units in enumerate(HIDDEN, 1):
        network.add(layers.Dense(units, activation="relu", name=f"hidden{i}"))
    network.add(layers.Dense(UNITS, name="restored"))
    return network
