"""Whole models, from the .tflite to a compiled program: every output equals TFLM's, bit for bit."""

from pathlib import Path

import against_tflm
import numpy as np
import pytest

from tools.cores import HOST
from tools.graph import passes, read
from tools.graph.plan import plan
from tools.graph.schedule import schedule

MODELS = Path(__file__).parents[3] / "shared" / "models"
SAMPLES = 5
# Working memory of the same models in CMSIS-NN calls without an interpreter is 16.0, 49.7 and 55.3 KB.
ARENA_BYTES = {"kws": 9792, "ic": 33312, "vww": 36880}


def load(name: str) -> bytes:
    path = MODELS / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"the MLPerf Tiny reference model is not at {path}")
    return path.read_bytes()


@pytest.mark.compiler
@pytest.mark.parametrize("name", ARENA_BYTES)
def test_mlperf_tiny_models_equal_tflm(name: str, tmp_path: Path) -> None:
    data = load(name)
    graph = passes.run(read.read(data, name))
    rng = np.random.default_rng(1)
    inputs = [rng.integers(-128, 128, (SAMPLES, *graph.tensors[i].shape), np.int8) for i in graph.inputs]
    ours = against_tflm.run_kerf(data, inputs, tmp_path)
    theirs = against_tflm.run_tflm(data, inputs, len(graph.outputs))
    against_tflm.Result(ours, theirs).check()
    assert len({output.tobytes() for output in ours[0]}) > 1, "the inputs make no difference"


@pytest.mark.parametrize("name", ARENA_BYTES)
def test_the_memory_plans_of_mlperf_tiny_models_stay_as_small(name: str) -> None:
    graph = passes.run(read.read(load(name), name))
    planned = plan(schedule(graph, HOST))
    assert planned.arena_bytes == ARENA_BYTES[name]
    assert planned.lower_bound <= planned.arena_bytes
