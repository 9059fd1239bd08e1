"""UNIDIRECTIONAL_SEQUENCE_LSTM: kerf's kernels equal TFLM's, case by case, over inferences that keep the state."""

import numpy as np
import pytest
import tflite
from against_tflm import Result, collected, run_cases
from single_op import OpSpec, TensorSpec, build

from tools import oracle
from tools.cores import find
from tools.errors import ModelError
from tools.graph import passes, read
from tools.graph.state import runs_in_sequence

pytestmark = pytest.mark.compiler

TANH = tflite.ActivationFunctionType.TANH


def lstm(
    dtype: str,
    batches: int = 1,
    steps: int = 3,
    depth: int = 4,
    units: int = 5,
    *,
    time_major: bool = False,
    clip: float = 0.0,
    source: tuple[float, int] = (0.02, 3),
    hidden: tuple[float, int] = (1 / 128, 0),
    cell: float = 2.0**-11,
    weights: float = 0.01,
    lowest: int = -127,
    seed: int = 0,
) -> list[OpSpec]:
    """``source`` and ``hidden`` are scale and zero point; all weights have different scales around ``weights``."""
    rng = np.random.default_rng([seed, batches, steps, depth, units])
    plain = dtype == "float32"

    def tensor(shape: tuple[int, ...], kind: str, scale: float, zero_point: int = 0, **more: bool) -> TensorSpec:
        if plain:
            return TensorSpec(shape, "float32", **more)
        return TensorSpec(shape, kind, scale, 0 if kind == "int16" else zero_point, **more)

    def matrix(columns: int) -> TensorSpec:
        shape = (units, columns)
        if plain:
            return TensorSpec(shape, "float32", data=rng.normal(0, 0.5, shape).astype(np.float32))
        numbers = rng.integers(lowest, 127, shape, np.int8, endpoint=True)
        return TensorSpec(shape, "int8", weights * float(rng.uniform(0.5, 2)), data=numbers)

    def bias() -> TensorSpec:
        if plain:
            return TensorSpec((units,), "float32", data=rng.normal(0, 0.5, units).astype(np.float32))
        kind = "int32" if dtype == "int8" else "int64"
        return TensorSpec((units,), kind, 1e-4, data=rng.integers(-3000, 3000, units, kind, endpoint=True))

    activation = "int16" if dtype == "int16x8" else "int8"
    first, second = (steps, batches) if time_major else (batches, steps)
    x = tensor((first, second, depth), activation, *source)
    state = tensor((batches, units), activation, *hidden, variable=True)
    memory = tensor((batches, units), "int16", cell, variable=True)
    inputs = [x, *(matrix(depth) for _ in range(4)), *(matrix(units) for _ in range(4)), None, None, None]
    inputs += [*(bias() for _ in range(4)), None, None, state, memory, None, None, None, None]
    options = {"FusedActivationFunction": TANH, "CellClip": clip, "TimeMajor": time_major}
    output = tensor((first, second, units), activation, *hidden)
    return [OpSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [output], "UnidirectionalSequenceLSTMOptions", options)]


SHAPES = ((1, 1, 1), (1, 2, 1), (3, 1, 2), (1, 8, 8), (5, 3, 7), (7, 13, 3), (10, 16, 16), (2, 33, 9), (1, 4, 40))
DTYPES = ("int8", "int16x8", "float32")
CASES = {
    **{
        f"{dtype} {steps} steps, {depth} to {units}": lstm(dtype, 1, steps, depth, units)
        for dtype in DTYPES
        for steps, depth, units in SHAPES
    },
    **{
        f"{dtype} {batches} batches{', time first' * first}": lstm(dtype, batches, 4, 3, 6, time_major=first)
        for dtype in DTYPES
        for batches in (1, 3)
        for first in (False, True)
    },
    **{f"{dtype} clipped at {clip}": lstm(dtype, clip=clip, seed=1) for dtype in DTYPES for clip in (0.25, 1e-6, 100)},
    **{
        f"int8 zero points {first} and {second}": lstm("int8", source=(0.03, first), hidden=(0.007, second), seed=2)
        for first, second in ((-128, 0), (127, -128), (0, 127), (-1, 5))
    },
    **{
        f"{dtype} cell scale 2^{power}": lstm(dtype, cell=2.0**power, steps=6, seed=3)
        for dtype in ("int8", "int16x8")
        for power in (-15, -13, -12, -9, -4, 0)
    },
    **{
        f"{dtype} weights of scale {scale}": lstm(dtype, weights=scale, source=(step, 0), seed=4)
        for dtype, step in (("int8", 0.5), ("int16x8", 0.002))
        for scale in (1e-7, 1e-4, 0.05, 0.4)
    },
    "int8 with weights of -128": lstm("int8", 1, 3, 40, 12, lowest=-128),
    "int8 500 inputs": lstm("int8", 1, 2, 533, 3, source=(0.003, 0)),
    "int8 hidden state of scale 0.9": lstm("int8", hidden=(0.9, 0)),
    "int8 hidden state of scale 1e-6": lstm("int8", hidden=(1e-6, 3)),
    "int8 cell scale that is no power of two": lstm("int8", cell=0.0007),
}
INTEGERS = {name: case for name, case in CASES.items() if not name.startswith("float32")}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("lstm"))


@pytest.fixture(scope="module")
def dsp_results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, INTEGERS), tmp_path_factory.mktemp("lstm_dsp"), core=find("cortex-m4"))


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("name", INTEGERS)
def test_dsp_kernel_equals_tflm(dsp_results: dict[str, Result], name: str) -> None:
    dsp_results[name].check()


@pytest.mark.parametrize("package", [oracle.TFLM, oracle.LITERT])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_sample_of_several_steps_is_a_sequence_of_its_own(package: str, steps: int) -> None:
    if not oracle.is_installed(package):
        pytest.skip(f"{package} is not installed")
    data = build(lstm("float32", steps=steps))
    x = np.repeat(np.random.default_rng(0).normal(size=(1, 1, steps, 4)).astype(np.float32), 3, 0)
    (found,) = oracle.outputs(package, data, [x], "lstm")
    assert np.array_equal(found[0], found[1]) == (steps > 1)
    assert runs_in_sequence(read.read(data, "lstm")) == (steps == 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("clip", [float("nan"), float("inf")])
def test_clip_that_is_no_number_is_refused(dtype: str, clip: float) -> None:
    graph = read.read(build(lstm(dtype, clip=clip)), "lstm")
    with pytest.raises(ModelError, match="must be finite"):
        passes.run(graph)
