"""ADD: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS, activation
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler

ZERO_POINTS = [(-128, 127, 0), (127, -128, -128), (-128, -128, 127), (3, -5, 1)]


def add(
    first: Sequence[int],
    second: Sequence[int],
    dtype: str = "int8",
    scales: tuple[float, float, float] = (0.05, 0.02, 0.06),
    zero_points: tuple[int, int, int] = (3, -5, 1),
    fused: str = "NONE",
    constant: int | None = None,
) -> list[OpSpec]:
    shapes = (first, second, np.broadcast_shapes(tuple(first), tuple(second)))
    tensors = [activation(*each) for each in zip(shapes, [dtype] * 3, scales, zero_points, strict=True)]
    if constant is not None:
        made = tensors[constant]
        values = np.random.default_rng(5).integers(-128, 128, made.shape, np.int64).astype(dtype)
        tensors[constant] = TensorSpec(made.shape, dtype, made.scale, made.zero_point, data=values)
    return [OpSpec("ADD", tensors[:2], tensors[2:], "AddOptions", {"FusedActivationFunction": ACTIVATIONS[fused]})]


def doubled(dtype: str) -> list[OpSpec]:
    x, y = activation((3, 5), dtype, 0.1, 9), activation((3, 5), dtype, 0.2, -9)
    return [OpSpec("ADD", [x, x], [y], "AddOptions", {})]


def needed_later(dtype: str) -> list[OpSpec]:
    """The first sum must not reuse the memory of either operand."""
    a, b, both, more, most = (activation((4, 3), dtype, 0.1, z) for z in (0, 7, 3, -8, 5))
    sums = ([a, b, both], [both, a, more], [more, b, most])
    return [OpSpec("ADD", [x, y], [z], "AddOptions", {}) for x, y, z in sums]


SHAPES = {
    "one element": ((1,), (1,)),
    "rank 1": ((7,), (7,)),
    "rank 2": ((2, 5), (2, 5)),
    "rank 4": ((1, 3, 4, 5), (1, 3, 4, 5)),
    "rank 5": ((2, 1, 3, 2, 2), (2, 1, 3, 2, 2)),
    "same elements, other rank": ((1, 1, 6), (6,)),
    "first is one element": ((1,), (2, 3, 4)),
    "second per channel": ((1, 3, 4, 5), (5,)),
    "first per channel": ((5,), (2, 3, 4, 5)),
    "second per row": ((2, 3, 4), (2, 3, 1)),
    "second per batch": ((3, 2, 2, 2), (3, 1, 1, 1)),
    "outer sum": ((3, 1), (1, 4)),
    "both ways": ((2, 1, 4, 1), (1, 3, 1, 5)),
    "both ways, five loops": ((2, 3, 4, 5, 2), (1, 3, 1, 5, 1)),
    "both ways, other rank": ((3, 1, 2), (2, 1, 4, 1)),
}
CASES = {
    **{f"{dtype} {name}": add(*shapes, dtype) for name, shapes in SHAPES.items() for dtype in ("int8", "float32")},
    **{
        f"{dtype} {name} z{zero_points}": add((2, 40), (2, 40), dtype, zero_points=zero_points, fused=name)
        for name in ACTIVATIONS
        for zero_points in ZERO_POINTS
        for dtype in ("int8", "float32")
        if dtype == "int8" or zero_points == ZERO_POINTS[0]
    },
    **{
        f"constant {which} {dtype} {shapes}": add(*shapes, dtype, constant=which)
        for which in (0, 1)
        for dtype in ("int8", "float32")
        for shapes in (((2, 5), (5,)), ((5,), (2, 5)), ((2, 5), (2, 5)))
    },
    **{f"constant scalar {dtype}": add((2, 3), (), dtype, constant=1) for dtype in ("int8", "float32")},
    "one operand twice": doubled("int8"),
    "one operand twice, float": doubled("float32"),
    "operands needed later": needed_later("int8"),
    "operands needed later, float": needed_later("float32"),
    "equal scales": add((300,), (300,), scales=(0.1, 0.1, 0.1)),
    "output saturates": add((300,), (300,), scales=(0.1, 0.1, 0.01)),
    "output hardly moves": add((300,), (300,), scales=(0.1, 0.1, 40.0)),
    "first operand vanishes": add((300,), (300,), scales=(1e-6, 2e3, 4e3)),
    "second operand vanishes": add((300,), (300,), scales=(3.0, 1e-9, 3.5)),
    "largest factor": add((300,), (300,), scales=(1.0, 2.0, 4.1 / 2**20)),
    "smallest factor": add((300,), (300,), scales=(1e-5, 2e-5, 500.0)),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("add"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
