"""A user's model that starts with Rescaling gets pixels 0 … 255 everywhere, from training to `inv classify`."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools import pipeline
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

pytestmark = pytest.mark.tf


class Heard(Progress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_rescaling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("tensorflow").keras
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    random = np.random.default_rng(0)
    for kind, base in (("a", 20), ("b", 180)):
        (tmp_path / "set" / kind).mkdir(parents=True)
        for i in range(10):
            levels = base + random.integers(0, 40, (6, 6))
            Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "set" / kind / f"{i}.png")
    brightness = keras.initializers.Constant(0.2)  # above the middle: b
    path = tmp_path / "theirs.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layers = [keras.layers.Rescaling(1 / 127.5, offset=-1), keras.layers.Flatten()]
        layers.append(keras.layers.Dense(1, "sigmoid", kernel_initializer=brightness))
        keras.Sequential([keras.Input((6, 6, 1)), *layers]).save(path)

    heard = Heard()
    ask = Request(model=str(path), data=str(tmp_path / "set"), target=pipeline.INTERPRETER)
    found = pipeline.classify(ask, [str(tmp_path / "set" / "*" / "0.png")], heard)
    assert [(p.label, p.pixels) for p in found] == [("a", "0..255"), ("b", "0..255")]
    assert all(p.probability > 0.9 for p in found)
    assert "pixels are 0..255: the model starts with Rescaling" in heard.said
    wrong = Request(model=str(path), data=str(tmp_path / "set"), target=pipeline.INTERPRETER, pixels="0..1")
    assert {p.label for p in pipeline.classify(wrong, [str(tmp_path / "set" / "*" / "0.png")], heard)} == {"a"}
