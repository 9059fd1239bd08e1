"""Pictures classified by the firmware get the same classes and probabilities as in the interpreter."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools import pipeline
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

pytestmark = pytest.mark.emulator
MODEL = Path(__file__).parents[1] / "unit" / "flatten.tflite"


def test_pictures_on_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    for i in range(3):
        Image.fromarray(np.full((6 + i, 6 + i), 80 * i, np.uint8)).save(tmp_path / f"{i}.png")
    ask = Request(model=str(MODEL), target="stm32f4")
    on_device = pipeline.classify(ask, [str(tmp_path / "*.png")], Progress())
    on_host = pipeline.classify(replace(ask, target=pipeline.INTERPRETER), [str(tmp_path / "*.png")], Progress())
    assert [p.where for p in on_device] == ["aot on stm32f4"] * 3
    assert [replace(p, where="") for p in on_device] == [replace(p, where="") for p in on_host]
