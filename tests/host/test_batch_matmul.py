"""BATCH_MATMUL: the kernels equal TFLM's, with every combination of transposed and repeated matrices."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases
from cases import TIES, activation, summing_to
from single_op import OpSpec, TensorSpec

pytestmark = pytest.mark.compiler

DTYPES = ("int8", "int16x8", "float32")
# Batch dimensions of both inputs.
BATCHES: tuple[tuple[Sequence[int], Sequence[int]], ...] = (
    ((), ()),
    ((3,), (3,)),
    ((3,), ()),
    ((), (2,)),
    ((1,), (4,)),
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((2, 3), (2, 1)),
    ((2, 1, 3), (2, 3)),
    ((2, 2, 2), (1, 2, 1)),
)
# Rows, depth, columns.
SIZES = ((1, 1, 1), (2, 3, 4), (5, 7, 9), (1, 16, 8), (8, 1, 5), (3, 33, 1), (4, 64, 12), (2, 5, 130))


def matmul(
    dtype: str,
    size: tuple[int, int, int] = (3, 10, 6),
    batches: tuple[Sequence[int], Sequence[int]] = ((), ()),
    transposed: tuple[bool, bool] = (False, False),
    zero_points: tuple[int, int, int] = (3, -7, 5),
    scale: float | None = None,
    constant: int | None = None,
) -> list[OpSpec]:
    """``constant`` is the position of the constant input; ``scale`` is the output's."""
    rows, depth, columns = size
    shapes = (
        (*batches[0], *((depth, rows) if transposed[0] else (rows, depth))),
        (*batches[1], *((columns, depth) if transposed[1] else (depth, columns))),
    )
    output = (*np.broadcast_shapes(tuple(batches[0]), tuple(batches[1])), rows, columns)
    scales = (0.02, 0.013)
    if dtype == "int16x8":
        scales = (2e-4, 1e-4)
    wide = scales[0] * scales[1] * depth**0.5 * (80 if dtype == "int8" else 9000)
    x, y = (activation(s, dtype, k, z) for s, k, z in zip(shapes, scales, zero_points, strict=False))
    inputs = [x, y]
    if constant is not None:
        each = inputs[constant]
        noise = np.random.default_rng(5).normal(0, 60, each.shape).clip(-127, 127).astype(each.dtype)
        inputs[constant] = TensorSpec(each.shape, each.dtype, each.scale, each.zero_point, data=noise)
    result = activation(output, dtype, scale or wide, zero_points[2])
    return [
        OpSpec("BATCH_MATMUL", inputs, [result], "BatchMatMulOptions", {"AdjX": transposed[0], "AdjY": transposed[1]})
    ]


def of_type(dtype: str) -> dict[str, list[OpSpec]]:
    ways = tuple(product((False, True), repeat=2))
    cases = {f"{size} transposed {way}": matmul(dtype, size, transposed=way) for size in SIZES for way in ways}
    cases |= {
        f"batches {b} transposed {way}": matmul(dtype, batches=b, transposed=way) for b in BATCHES for way in ways
    }
    cases |= {
        f"constant {i} transposed {way}": matmul(dtype, (4, 9, 7), ((2,), (2,)), way, constant=i)
        for i in (0, 1)
        for way in ways
    }
    return {f"{dtype} {name}": case for name, case in cases.items()}


def tie(scale1: float, scale2: float, scale: float, total: int) -> list[OpSpec]:
    """A row times a column, both constant."""
    row, column = summing_to(total)
    x = TensorSpec((1, row.size), "int8", scale1, data=row[np.newaxis])
    y = TensorSpec((column.size, 1), "int8", scale2, data=column[:, np.newaxis])
    output = TensorSpec((1, 1), "int8", scale)
    return [OpSpec("BATCH_MATMUL", [x, y], [output], "BatchMatMulOptions", {"AdjX": False, "AdjY": False})]


CASES: dict[str, list[OpSpec]] = {}
for _dtype in DTYPES:
    CASES |= of_type(_dtype)
CASES |= {f"zero points {z}": matmul("int8", zero_points=z) for z in product((-128, 0, 127), repeat=3)}
CASES |= {f"int8, output scale {s}": matmul("int8", scale=s) for s in (1e-7, 1e-4, 0.5, 40.0)}
CASES |= {f"tie of {each}": tie(*each) for each in TIES}
CASES |= {f"int16, output scale {s}": matmul("int16x8", scale=s) for s in (2e-10, 1e-6, 0.5, 40.0)}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("batch_matmul"))


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
