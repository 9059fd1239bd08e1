"""A pre-activation residual network on this machine: batch normalization that cannot be folded into a convolution."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import pipeline
from tools.graph import passes, read
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

pytestmark = [pytest.mark.tf, pytest.mark.compiler]


class Silent(Progress):
    def say(self, text: str) -> None:
        pass


def network(keras: Any) -> Any:
    """Convolution, twice [BatchNormalization, ReLU, convolution, Add], BatchNormalization, ReLU, mean, dense."""
    layers = keras.layers
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(11, 3, padding="same", name="stem")(image)
    for n in (1, 2):
        y = layers.ReLU()(layers.BatchNormalization(name=f"bn{n}")(x))
        x = layers.Add(name=f"add{n}")([x, layers.Conv2D(11, 3, padding="same", name=f"conv{n}")(y)])
    x = layers.ReLU()(layers.BatchNormalization(name="bn3")(x))
    x = layers.Dense(4, activation="softmax", name="scores")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(image, x)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras = pytest.importorskip("tensorflow").keras
    folder, rng = tmp_path_factory.mktemp("preactivation"), np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.utils.set_random_seed(0)
        model = network(keras)
        for n in (1, 2, 3):  # as training would leave them: scale, offset, mean, variance
            means = [rng.normal(0, 0.5, 11) for _ in range(2)]
            model.get_layer(f"bn{n}").set_weights([rng.uniform(0.3, 2, 11), *means, rng.uniform(0.5, 2, 11)])
        model.save(folder / "preactivation.keras")
    np.savez(folder / "data.npz", x=rng.normal(0, 1, (20, 6, 6, 3)).astype(np.float32))
    return folder


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("mode", ["int8", "dynamic", "int16x8"])
def test_every_sample_equals_the_oracle(
    saved: Path, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    ask = Request(
        model=str(saved / "preactivation.keras"), data=str(saved / "data.npz"), mode=mode, runtime="aot", target="host"
    )
    measured = pipeline.run(ask, Silent()).measurement
    assert (measured.samples, measured.mismatches) == (20, 0)
    (file,) = (tmp_path / "build").glob("*/model.tflite")
    kinds = [(op.kind, op.name) for op in passes.run(read.read(file.read_bytes(), "m")).ops]
    assert kinds[1:3] == [("MUL", "bn1"), ("ADD", "bn1_2")]
    assert [kind for kind, _ in kinds].count("MUL") == 3
