"""MUL: kerf's kernels equal TFLM's, case by case; float32 equals LiteRT's too."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, run_cases, run_litert
from cases import ACTIVATIONS, activation
from single_op import OpSpec, TensorSpec
from test_add import SHAPES, ZERO_POINTS

pytestmark = pytest.mark.compiler

DTYPES = ("int8", "int16", "float32")
SCALES = {"int8": (0.05, 0.02, 0.06), "int16": (1e-3, 3e-4, 2e-3), "float32": (1.0, 1.0, 1.0)}


def mul(
    first: Sequence[int],
    second: Sequence[int],
    dtype: str = "int8",
    scales: tuple[float, float, float] | None = None,
    zero_points: tuple[int, int, int] = (3, -5, 1),
    fused: str = "NONE",
    constant: int | None = None,
    seed: int = 5,
) -> list[OpSpec]:
    shapes = (first, second, np.broadcast_shapes(tuple(first), tuple(second)))
    zero_points = (0, 0, 0) if dtype == "int16" else zero_points
    each = zip(shapes, [dtype] * 3, scales or SCALES[dtype], zero_points, strict=True)
    tensors = [activation(*one) for one in each]
    if constant is not None:
        made, rng = tensors[constant], np.random.default_rng(seed)
        reach = 1 << 15 if dtype == "int16" else 128
        values = rng.integers(-reach, reach, made.shape, np.int64).astype(dtype)
        tensors[constant] = TensorSpec(made.shape, dtype, made.scale, made.zero_point, data=values)
    return [OpSpec("MUL", tensors[:2], tensors[2:], "MulOptions", {"FusedActivationFunction": ACTIVATIONS[fused]})]


def squared(dtype: str) -> list[OpSpec]:
    x, y = activation((3, 5), dtype, 0.1, 0), activation((3, 5), dtype, 0.2, 0)
    return [OpSpec("MUL", [x, x], [y], "MulOptions", {})]


def normalized(dtype: str, fused: str = "RELU") -> list[OpSpec]:
    """How the converter writes a BatchNormalization without a convolution before it, on a sum that is used again."""
    a, b, both, scaled, moved, last = (activation((1, 4, 4, 6), dtype, 0.1, 0) for _ in range(6))
    rng = np.random.default_rng(3)
    constants = [
        TensorSpec((6,), dtype, spec.scale, spec.zero_point, data=rng.integers(-99, 99, 6, np.int64).astype(dtype))
        for spec in (activation((6,), dtype, 0.02, 0), activation((6,), dtype, 0.05, 0))
    ]
    options = {"FusedActivationFunction": ACTIVATIONS[fused]}
    return [
        OpSpec("ADD", [a, b], [both], "AddOptions", {}),
        OpSpec("MUL", [both, constants[0]], [scaled], "MulOptions", {}),
        OpSpec("ADD", [scaled, constants[1]], [moved], "AddOptions", options),
        OpSpec("MUL", [moved, both], [last], "MulOptions", {}),
    ]


def generated(count: int, dtype: str) -> dict[str, list[OpSpec]]:
    """Shapes of every rank with dimensions left out or 1 on either side, and scales of many magnitudes."""
    rng = np.random.default_rng(11)
    cases = {}
    for i in range(count):
        whole = [int(n) for n in rng.integers(1, 6, rng.integers(1, 6))]
        shapes = [[n if rng.random() < 0.7 else 1 for n in whole] for _ in range(2)]
        short = int(rng.integers(2))
        shapes[short] = shapes[short][int(rng.integers(len(whole) + 1)) :]
        source = [float(s) for s in np.exp(rng.uniform(np.log(1e-4), np.log(10), 2))]
        reach = 128 if dtype == "int8" else 1 << 15
        output = float(source[0] * source[1] * reach * np.exp(rng.uniform(-4, 4)))
        low, high = (-128, 128) if dtype == "int8" else (0, 1)
        zero_points = tuple(int(z) for z in rng.integers(low, high, 3))
        fused = str(rng.choice(list(ACTIVATIONS)))
        constant = (None, 0, 1)[int(rng.integers(3))] if shapes[short] else short  # a scalar is never fed
        assert len(zero_points) == 3
        cases[f"{dtype} random {i}"] = mul(
            *shapes, dtype, (*source, output), zero_points, fused, constant=constant, seed=i
        )
    return cases


LITERT_CASES = {
    **{f"float32 {name}": mul(*shapes, "float32") for name, shapes in SHAPES.items()},
    **{f"float32 {name}": mul((2, 40), (2, 40), "float32", fused=name) for name in ACTIVATIONS},
    **generated(30, "float32"),
    "one operand twice, float32": squared("float32"),
    "batch normalization, float32": normalized("float32"),
}
CASES = {
    **LITERT_CASES,
    **{f"{dtype} {name}": mul(*shapes, dtype) for name, shapes in SHAPES.items() for dtype in ("int8", "int16")},
    **{f"int16 {name}": mul((2, 40), (2, 40), "int16", fused=name) for name in ACTIVATIONS},
    **{
        f"int8 {name} z{zero_points}": mul((2, 40), (2, 40), zero_points=zero_points, fused=name)
        for name in ACTIVATIONS
        for zero_points in ZERO_POINTS
    },
    **{
        f"constant {which} {dtype} {shapes}": mul(*shapes, dtype, constant=which)
        for which in (0, 1)
        for dtype in ("int8", "int16")
        for shapes in (((2, 5), (5,)), ((5,), (2, 5)), ((2, 5), (2, 5)))
    },
    **{f"constant scalar {dtype}": mul((2, 3), (), dtype, constant=1) for dtype in ("int8", "int16")},
    **{f"one operand twice, {dtype}": squared(dtype) for dtype in ("int8", "int16")},
    **{f"batch normalization, {dtype}": normalized(dtype) for dtype in ("int8", "int16")},
    **generated(60, "int8"),
    **generated(60, "int16"),
    "many int8": mul((256, 256), (256, 256), scales=(0.05, 0.02, 0.09)),
    "many int16": mul((256, 256), (256, 256), "int16", (1e-3, 1e-3, 2e-2)),
    "output saturates": mul((300,), (300,), scales=(0.1, 0.1, 1e-4)),
    "output hardly moves": mul((300,), (300,), scales=(0.1, 0.1, 40.0)),
    "product vanishes": mul((300,), (300,), scales=(1e-6, 1e-6, 4e3)),
    "largest factor": mul((300,), (300,), scales=(1.0, 1.0, 1.01 / 2**14), zero_points=(-128, 127, 127)),
    "largest factor, int16": mul((300,), (300,), "int16", (1.0, 1.0, 1.01)),
    "smallest factor": mul((300,), (300,), scales=(1e-5, 2e-5, 0.9)),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("mul"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(LITERT_CASES, tmp_path_factory.mktemp("mul_litert"), oracle=run_litert)


@pytest.mark.parametrize("name", LITERT_CASES)
def test_float32_equals_litert(floats: dict[str, Result], name: str) -> None:
    floats[name].check()
