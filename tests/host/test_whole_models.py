"""Whole models, from the .tflite to a compiled program: every output equals TFLM's, bit for bit."""

from pathlib import Path

import against_tflm
import numpy as np
import pytest

from tools.cores import HOST, Core, find
from tools.graph import passes, read
from tools.graph.plan import plan
from tools.graph.schedule import schedule

MODELS = Path(__file__).parents[3] / "shared" / "models"
MODEL_NAMES = ("kws", "ic", "vww")
SAMPLES = 5
CORES = {"portable": HOST, "dsp": find("cortex-m4"), "helium": find("cortex-m55")}
# Working memory of the same models in CMSIS-NN calls without an interpreter is 16.0, 49.7 and 55.3 KB.
ARENA_BYTES = {
    "portable": {"kws": 9792, "ic": 33312, "vww": 36880},
    "dsp": {"kws": 8640, "ic": 35808, "vww": 38464},
    "helium": {"kws": 12096, "ic": 33888, "vww": 39952},
}


def load(name: str) -> bytes:
    path = MODELS / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"the MLPerf Tiny reference model is not at {path}")
    return path.read_bytes()


@pytest.mark.compiler
@pytest.mark.parametrize("core", CORES.values(), ids=CORES)
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_mlperf_tiny_models_equal_tflm(name: str, core: Core, tmp_path: Path) -> None:
    data = load(name)
    graph = passes.run(read.read(data, name))
    rng = np.random.default_rng(1)
    inputs = [rng.integers(-128, 128, (SAMPLES, *graph.tensors[i].shape), np.int8) for i in graph.inputs]
    ours = against_tflm.run_kerf(data, inputs, tmp_path, core=core)
    theirs = against_tflm.run_tflm(data, inputs, len(graph.outputs))
    against_tflm.Result(ours, theirs).check()
    assert len({output.tobytes() for output in ours[0]}) > 1, "the inputs make no difference"


@pytest.mark.parametrize("kernels", CORES)
@pytest.mark.parametrize("name", MODEL_NAMES)
def test_the_memory_plans_of_mlperf_tiny_models_stay_as_small(name: str, kernels: str) -> None:
    graph = passes.run(read.read(load(name), name))
    planned = plan(schedule(graph, CORES[kernels]))
    assert planned.arena_bytes == ARENA_BYTES[kernels][name]
    assert planned.lower_bound <= planned.arena_bytes
