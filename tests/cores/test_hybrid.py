"""The hybrid dense kernel on cores that have it: every layer equals LiteRT's, bit for bit.

`test_cases.py` runs some of the same layers on every core.
"""

from pathlib import Path

import against_tflm
import numpy as np
import on_core
import pytest
import test_against_litert
from single_op import build
from test_fully_connected import dense

from tools import cores
from tools.graph import ops, read

pytestmark = pytest.mark.emulator

CASES = {name: case for name, case in test_against_litert.DYNAMIC.items() if "dense" in name}


@pytest.mark.parametrize("name", ["M4", "M55"])
def test_every_layer_equals_litert(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_core.require(name)
    core = cores.find(on_core.BOARDS[name].core)
    graphs = [read.read(build(case), "dense") for case in CASES.values()]
    chosen = [ops.find(op.kind).variant(op, graph, core).name for graph in graphs for op in graph.ops]
    assert chosen.count("dsp") > 30  # not those with a weight of -128
    on_core.take_over(monkeypatch, name, cases_per_model=50)
    for result in against_tflm.run_cases(CASES, tmp_path, oracle=against_tflm.run_litert).values():
        result.check()


def test_outputs_beyond_float32_equal_those_of_the_portable_kernel(tmp_path: Path) -> None:
    """LiteRT does not limit them to the largest float."""
    on_core.require("M4")
    layers = [dense(1, "dynamic", channels=11, weight_scale=1e25, fused=fused) for fused in ("NONE", "RELU", "RELU6")]
    data = build([op for layer in layers for op in layer])
    samples = [np.linspace(-1e19, 3e18, 12, dtype=np.float32).reshape(1, 1, 12)] * len(layers)
    ours, portable = on_core.run("M4", data, samples, tmp_path), against_tflm.run_kerf(data, samples, tmp_path)
    largest = np.finfo(np.float32).max
    assert [abs(output).max() for output in portable] == [largest, largest, 6]
    assert [output.tobytes() for output in ours] == [output.tobytes() for output in portable]
