"""The lean kernels on a core that has them: every layer equals TFLM's. The suite runs one in STRIDE."""

from pathlib import Path
from typing import Any

import against_tflm
import on_core
import pytest
import test_conv_2d
import test_fully_connected

from tools.graph.operator import Operator

pytestmark = pytest.mark.emulator

CORE, STRIDE = "M4", 5


@pytest.mark.parametrize("table", [test_conv_2d, test_fully_connected])
def test_every_layer_equals_tflm(
    table: Any, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_core.require(CORE)
    stride = 1 if request.config.getoption("--every-case") else STRIDE
    first, leaner = Operator.variant, Operator.lean_variant
    chosen = []

    def lean(operator: Operator, *layer: Any) -> Any:
        found = leaner(operator, *layer)
        chosen.append(found)
        return found or first(operator, *layer)

    monkeypatch.setattr(Operator, "variant", lean)
    on_core.take_over(monkeypatch, CORE)
    for result in against_tflm.run_cases(dict([*table.CASES.items()][::stride]), tmp_path).values():
        result.check()
    assert sum(each is not None for each in chosen) > 40 / stride
