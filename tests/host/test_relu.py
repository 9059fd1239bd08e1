"""RELU and its siblings: kerf's kernels equal TFLM's, and LiteRT's where TFLM leaves the conversion out or has none."""

import numpy as np
import pytest
from against_tflm import Result, run_cases, run_litert
from cases import activation
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler

ALL_INT8 = np.arange(-128, 128, dtype=np.int8)
SPECIAL = np.array([-np.inf, -7, -1e-40, -0.0, 0.0, 1e-40, 5.9999995, 6, 6.0000005, 1e30, np.inf], np.float32)
ALL_INT16 = np.arange(-32768, 32768, dtype=np.int16)
INEXACT = (3 - 2**-22, 2 - 2**-23)  # 2^-25 below 1.5, in float32 it would be 1.5: odd inputs then are ties
RESCALED = [
    (0.1, 0.1),
    (0.1, 0.05),
    (0.05, 0.1),
    (0.1, 0.0999),
    (1e-5, 1.0),
    (100.0, 0.001),
    (1e-9, 9.0),
    (4e6, 0.5),
    INEXACT,
]
ZERO_POINTS = [(-128, -128), (0, 0), (127, -128), (-128, 127), (3, 3), (0, -1)]


def limit(kind: str, scales: tuple[float, float], zero_points: tuple[int, int]) -> list[OpSpec]:
    """Every int8 value, as a constant."""
    x = TensorSpec((256,), "int8", scales[0], zero_points[0], data=ALL_INT8)
    return [OpSpec(kind, [x], [activation((256,), "int8", scales[1], zero_points[1])])]


def limit_int16(kind: str, scales: tuple[float, float]) -> list[OpSpec]:
    """Every int16 value, as a constant."""
    x = TensorSpec(ALL_INT16.shape, "int16", scales[0], data=ALL_INT16)
    return [OpSpec(kind, [x], [TensorSpec(ALL_INT16.shape, "int16", scales[1])])]


def fed(kind: str, shape: tuple[int, ...], dtype: str) -> list[OpSpec]:
    return [OpSpec(kind, [activation(shape, dtype)], [activation(shape, dtype)])]


def rescaled_input(shape: tuple[int, ...]) -> list[OpSpec]:
    return [OpSpec("RELU6", [activation(shape, "int8", 0.1, 3)], [activation(shape, "int8", 0.0235, -128)])]


def special_floats(kind: str) -> list[OpSpec]:
    x = TensorSpec(SPECIAL.shape, "float32", data=SPECIAL)
    return [OpSpec(kind, [x], [TensorSpec(SPECIAL.shape, "float32")])]


CASES = {
    **{f"RELU {s} {z}": limit("RELU", s, z) for s in RESCALED for z in ZERO_POINTS},
    **{f"RELU6 {s} {z}": limit("RELU6", (s, s), (z, z)) for s in (1e-3, 0.02, 0.1, 1.0, 20.0) for z in (-128, 0, 127)},
    **{f"{kind} of specials": special_floats(kind) for kind in ("RELU", "RELU6")},
    **{
        f"{kind} {dtype} {shape}": fed(kind, shape, dtype)
        for kind in ("RELU", "RELU6")
        for dtype in ("int8", "float32")
        for shape in ((1,), (7,), (1, 3, 4, 5))
    },
}


# What TFLM's kernel does not convert, and the operators that it does not have.
LITERT_CASES = {
    **{f"RELU6 int8 {shape}": rescaled_input(shape) for shape in ((1,), (7,), (1, 3, 4, 5))},
    **{f"RELU6 {s} {z}": limit("RELU6", s, z) for s in RESCALED for z in ZERO_POINTS if s[0] != s[1] or z[0] != z[1]},
    **{f"RELU6 int16 {s}": limit_int16("RELU6", s) for s in ((1e-3, 2e-4), (2e-4, 1e-3), (3e-4, 3.1e-4), (1e-9, 9.0))},
    **{
        f"{kind} {s} {z}": limit(kind, s, z)
        for kind in ("RELU_N1_TO_1", "RELU_0_TO_1")
        for s in RESCALED
        for z in ZERO_POINTS
    },
    **{f"{kind} of specials": special_floats(kind) for kind in ("RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")},
    **{
        f"{kind} {dtype} {shape}": fed(kind, shape, dtype)
        for kind in ("RELU_N1_TO_1", "RELU_0_TO_1")
        for dtype in ("int8", "float32")
        for shape in ((1,), (7,), (1, 3, 4, 5))
    },
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("relu"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.fixture(scope="module")
def litert_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(LITERT_CASES, tmp_path_factory.mktemp("relu-litert"), oracle=run_litert)


@pytest.mark.parametrize("name", LITERT_CASES)
def test_equals_litert(litert_results: dict[str, Result], name: str) -> None:
    litert_results[name].check()
