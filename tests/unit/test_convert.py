"""Whether a rebuilt Keras model gives the original's outputs, also where they are not finite."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tools import convert

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("theirs", "ours", "same"),
    [
        ([NAN, 5.0, INF], [NAN, 5.001, INF], True),
        ([NAN, 5.0, INF], [NAN, 5.1, INF], False),
        ([NAN, 5.0, INF], [0.0, 5.0, INF], False),
        ([NAN, 5.0, INF], [NAN, 5.0, -INF], False),
        ([NAN, NAN, NAN], [NAN, NAN, NAN], True),
    ],
)
def test_values_that_are_not_finite_are_compared(
    theirs: list[float], ours: list[float], same: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def outputs(*arguments: Any, **options: Any) -> Any:
        return SimpleNamespace(outputs=[np.array([ours], np.float32)])

    rebuilt: Any = SimpleNamespace(is_stateful=True, name="m")
    monkeypatch.setattr(convert, "_converter", lambda *_: SimpleNamespace(convert=lambda: b""))
    monkeypatch.setattr(convert, "_outputs", lambda *_: [np.array([theirs], np.float32)])
    monkeypatch.setattr(convert.oracle, "run", outputs)
    assert convert._is_same(rebuilt, rebuilt, [np.zeros((1, 2, 3), np.float32)], tmp_path / "log") is same
