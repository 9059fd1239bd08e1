"""What runtime tflm renders for every target that has firmware: model, operator list, library, options."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import render, targets
from tools.arena import Arena
from tools.graph.ir import Plan
from tools.runtimes import tflm

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten_per_tensor.tflite"


@pytest.mark.parametrize("name", ["stm32f4", "nano33ble", "esp32"])
def test_flatten_int8(name: str, golden: Callable[[str, bytes], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)
    target = targets.find(name)
    program = tflm.compile(FLATTEN.read_bytes(), "flatten", target)
    sources = tflm.sources(program, target, Arena(4096, "4,096 bytes, for this test."), mode="int8")
    plan = Plan(4096, {})
    project = render.project(
        program.graph, plan, target, sources.files, runtime="tflm", mode="int8", kernels="", options=sources.options
    )
    for path in sorted([*sources.files, "platformio.ini"]):
        golden(f"tflm-{name}/{path.replace('/', '-')}", project.files[path])
