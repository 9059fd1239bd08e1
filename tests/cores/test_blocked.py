"""The blocked kernels on the cores without an extension that use them: every layer equals TFLM's."""

from functools import cache
from pathlib import Path

import against_tflm
import on_core
import pytest
import test_conv_2d
import test_depthwise_conv_2d
import test_int16
from single_op import OpSpec, build

from tools import cores
from tools.graph import passes, read
from tools.graph.schedule import schedule

pytestmark = pytest.mark.emulator


@cache  # and not at import, because pytest imports every test file, even to run another
def cases() -> dict[str, list[OpSpec]]:
    """The cases of all tables for which a Cortex-M3 gets a blocked kernel."""
    return {
        f"{table.__name__} {name}": case
        for table in (test_conv_2d, test_depthwise_conv_2d, test_int16)
        for name, case in table.CASES.items()
        if schedule(passes.run(read.read(build(case), name)), cores.find("cortex-m3")).variants == ("blocked",)
    }


@pytest.mark.parametrize("core", ["M0", "M3"])
def test_every_layer_equals_tflm(core: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_core.require(core)
    on_core.take_over(monkeypatch, core)
    results = against_tflm.run_cases(cases(), tmp_path)
    assert len(results) > 80
    for result in results.values():
        result.check()
