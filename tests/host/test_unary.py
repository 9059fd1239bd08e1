"""Functions of one element: int8 tables, and int16 and float32 kernels. They equal TFLM's, or LiteRT's where TFLM
ignores the output's quantization."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases, run_litert
from cases import activation
from single_op import OpSpec, TensorSpec

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=6)]

ALL_INT8 = np.arange(-128, 128, dtype=np.int8)
SHAPES = ((1,), (7,), (2, 5), (3, 33), (1, 3, 4, 5), (2, 1, 3, 2, 2), (1, 1), (40, 50))
FLOAT_SHAPES = (*SHAPES, *((n,) for n in range(8, 32)))
SPECIAL = np.array(
    [
        -np.inf,
        -1e30,
        -88.5,
        -3.0000002,
        -3,
        -1,
        -1e-3,
        -1e-40,
        -0.0,
        0.0,
        1e-40,
        1e-3,
        1,
        2.9999998,
        3,
        9,
        1e30,
        np.inf,
    ],
    np.float32,
)
WIDE = np.linspace(-20, 20, 1001, dtype=np.float32)

LEAKY = "LeakyReluOptions"
# Name → an operator with an int8 kernel, the schema class of its options (None without any), and their values.
INT8: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "ABS": ("ABS", None, {}),
    "ELU": ("ELU", None, {}),
    "HARD_SWISH": ("HARD_SWISH", None, {}),
    **{f"LEAKY_RELU {alpha}": ("LEAKY_RELU", LEAKY, {"Alpha": alpha}) for alpha in (0.1, 0.3, 1.7, -0.4, 0.0)},
}
FLOAT32: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    **{name: kind for name, kind in INT8.items() if kind[0] != "ELU"},
    **{kind: (kind, None, {}) for kind in ("CEIL", "FLOOR", "NEG", "ROUND", "RSQRT", "SQRT", "SQUARE")},
}
C_LIBRARY = ("COS", "ELU", "EXP", "LOG", "SIN", "TANH")  # whose float32 kernels call the C library
SCALES = ((0.05, 0.05), (0.1, 0.03), (0.02, 0.11), (0.0235, 0.0234), (1.3, 0.9), (0.004, 0.002), (3.7, 0.8))
ZERO_POINTS = ((-128, -128), (0, 0), (127, -128), (-128, 127), (3, -5))
SIGMOID_SCALES = (2.0**-28, 1e-6, 0.003, 0.03, 0.0625, 0.1, 0.37, 1.0, 14.9, 50.0)


def every_int8(
    kind: str, table: str | None, options: dict[str, Any], scales: tuple[float, float], zero_points: tuple[int, int]
) -> list[OpSpec]:
    x = TensorSpec((256,), "int8", scales[0], zero_points[0], data=ALL_INT8)
    return [OpSpec(kind, [x], [activation((256,), "int8", scales[1], zero_points[1])], table, options)]


def fed(kind: str, shape: tuple[int, ...], dtype: str, source: float = 0.05, output: float = 0.05) -> list[OpSpec]:
    options: dict[str, Any] = {"Alpha": 0.2} if kind == "LEAKY_RELU" else {}
    x, y = activation(shape, dtype, source), activation(shape, dtype, output)
    return [OpSpec(kind, [x], [y], LEAKY if options else None, options)]


def floats(kind: str, table: str | None, options: dict[str, Any], values: np.ndarray) -> list[OpSpec]:
    x = TensorSpec(values.shape, "float32", data=values)
    return [OpSpec(kind, [x], [TensorSpec(values.shape, "float32")], table, options)]


def roots(scales: tuple[float, float], zero_points: tuple[int, int]) -> list[OpSpec]:
    """RSQRT of every nonnegative int8; TFLM aborts on negative ones."""
    values = np.arange(zero_points[0], 128, dtype=np.int16).astype(np.int8)
    x = TensorSpec(values.shape, "int8", scales[0], zero_points[0], data=values)
    return [OpSpec("RSQRT", [x], [activation(values.shape, "int8", scales[1], zero_points[1])])]


def roots_int16(scales: tuple[float, float]) -> list[OpSpec]:
    values = np.unique(np.geomspace(1, 32768, 400).astype(np.int32) - 1).astype(np.int16)
    x = TensorSpec(values.shape, "int16", scales[0], data=values)
    return [OpSpec("RSQRT", [x], [TensorSpec(values.shape, "int16", scales[1])])]


def leaky_int16(shape: tuple[int, ...], scales: tuple[float, float], alpha: float) -> list[OpSpec]:
    x, y = (TensorSpec(shape, "int16", scale) for scale in scales)
    return [OpSpec("LEAKY_RELU", [x], [y], LEAKY, {"Alpha": alpha})]


def plain(kind: str, shape: tuple[int, ...], source: str, output: str) -> list[OpSpec]:
    """A case without quantization."""
    return [OpSpec(kind, [TensorSpec(shape, source)], [TensorSpec(shape, output)])]


def cast_floats(values: np.ndarray, output: str) -> list[OpSpec]:
    x = TensorSpec(values.shape, "float32", data=values)
    return [OpSpec("CAST", [x], [TensorSpec(values.shape, output)])]


def many(count: int) -> Iterator[tuple[int, ...]]:
    """``count`` shapes."""
    return (shape for _, shape in zip(range(count), cycle(SHAPES), strict=False))


CASES = {
    **{
        f"{name} {scales} {zero_points}": every_int8(*kind, scales, zero_points)
        for name, kind in INT8.items()
        for scales in SCALES
        for zero_points in ZERO_POINTS
    },
    **{
        f"TANH {scale}, zero point {z}": every_int8("TANH", None, {}, (scale, 1 / 128), (z, 0))
        for scale in SIGMOID_SCALES
        for z in (-128, 0, 5, 127)
    },
    **{f"RSQRT {s} {z}": roots(s, z) for s in SCALES for z in ((-128, -128), (-128, 127), (0, 0), (-7, 5), (120, -9))},
    **{f"{k} {s}": fed(k, s, "int8") for k in ("ABS", "ELU", "HARD_SWISH", "LEAKY_RELU") for s in SHAPES},
    **{f"TANH {s}": fed("TANH", s, "int8", 0.03, 1 / 128) for s in SHAPES},
    **{
        f"TANH int16 {i} {scale}": fed("TANH", shape, "int16", scale, 2.0**-15)
        for i, (shape, scale) in enumerate(
            zip(many(32), cycle((2.0**-12, 2.0**-11, 1e-4, 3e-4, 2e-5, 1e-3, 0.4, 2.6)), strict=False)
        )
    },
    "TANH int16, many": fed("TANH", (256, 128), "int16", 2e-4, 2.0**-15),
    **{
        f"LEAKY_RELU int16 {i} {scales} {alpha}": leaky_int16(shape, scales, alpha)
        for i, (shape, scales, alpha) in enumerate(
            zip(
                many(35),
                cycle(((1e-3, 1e-3), (1e-3, 2e-4), (2e-4, 1e-3), (3e-4, 3.1e-4), (1e-9, 9.0))),
                cycle((0.1, 0.01, 1.5, -0.3, 0.0, 0.30000001)),
                strict=False,
            )
        )
    },
    **{
        f"RSQRT int16 {a} {b}": roots_int16((a, b))
        for a in (1e-3, 2e-4, 0.1, 1.0, 3e-5, 0.007)
        for b in (1e-3, 1e-2, 0.3, 3e-4, 2e-5)
    },
    **{
        f"ABS int16 {i} {scales}": fed("ABS", shape, "int16", *scales)
        for i, (shape, scales) in enumerate(
            zip(many(32), cycle(((1e-3, 1e-3), (1e-3, 2e-4), (2e-4, 1e-3), (3e-4, 3.1e-4), (1e-9, 9.0))), strict=False)
        )
    },
    **{f"LOGICAL_NOT {shape}": plain("LOGICAL_NOT", shape, "bool", "bool") for shape in FLOAT_SHAPES},
    **{
        f"CAST {source} {output} {shape}": plain("CAST", shape, source, output)
        for source in ("int8", "int16", "int32", "float32", "bool")
        for output in ("int8", "int16", "int32", "float32")
        for shape in SHAPES[:5]
    },
    **{
        f"CAST of {name} {output}": cast_floats(np.array(values, np.float32), output)
        for name, values in (
            ("halves", np.arange(-3, 3, 0.25)),
            ("what saturates", (-np.inf, -3e9, -32769, -300, -128.9, 127.9, 128, 40000, 3e9, np.nan)),
        )
        for output in ("int8", "int16", "int32")
    },
    **{
        f"{name} float, {what}": floats(*kind, values)
        for name, kind in FLOAT32.items()
        for what, values in (("specials", SPECIAL), ("wide", WIDE))
    },
    **{f"{kind} float {s}": fed(kind, s, "float32") for kind, _, _ in FLOAT32.values() for s in FLOAT_SHAPES},
    **{
        f"{kind} {what}": floats(kind, None, {}, values)
        for kind in C_LIBRARY
        for what, values in (("specials", SPECIAL), ("wide", WIDE))
    },
    **{f"{kind} {s}": fed(kind, s, "float32") for kind in C_LIBRARY for s in FLOAT_SHAPES},
}
LITERT_CASES = {
    f"TANH {scales} {zero_points}": every_int8("TANH", None, {}, scales, zero_points)
    for scales in ((0.02, 0.01), (0.05, 1 / 127), (0.3, 0.0078), (1.0, 0.02), (0.001, 0.0003), (0.02, 1 / 128))
    for zero_points in ((-128, -128), (0, 3), (127, -128), (-128, 127), (3, -5))
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("unary"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.fixture(scope="module")
def litert_results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, LITERT_CASES), tmp_path_factory.mktemp("unary-litert"), oracle=run_litert)


@pytest.mark.parametrize("name", LITERT_CASES)
def test_equals_litert(litert_results: dict[str, Result], name: str) -> None:
    litert_results[name].check()
