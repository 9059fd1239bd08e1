"""Operators that broadcast two tensors against each other: kerf's kernels equal TFLM's, case by case."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases
from cases import ACTIVATIONS, activation
from single_op import OpSpec, TensorSpec
from test_add import SHAPES

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=10)]

ZERO_POINTS = ((-128, 127, 0), (127, -128, -128), (-128, -128, 127), (3, -5, 1), (0, 0, 0))
SCALES = {
    "int8": ((0.05, 0.02, 0.06), (0.1, 0.1, 0.1), (0.01, 0.3, 0.21), (0.1, 0.1, 0.01), (1e-6, 2.0, 4.0)),
    "int16": ((1e-3, 3e-4, 2e-3), (1e-3, 1e-3, 1e-3), (3e-5, 2e-3, 2.1e-3), (1e-3, 2e-3, 1e-4), (1e-7, 0.01, 0.02)),
}
TABLES = {
    "ADD": "AddOptions",
    "DIV": "DivOptions",
    "MUL": "MulOptions",
    "SUB": "SubOptions",
}  # those with a fused activation
ONE_QUANTIZATION = ("MAXIMUM", "MINIMUM")
KINDS = {
    "ADD": ("int32",),
    "MUL": ("int32",),
    "SUB": ("int8", "int16", "float32", "int32"),
    "MAXIMUM": ("int8", "int16", "float32", "int32", "int64"),
    "MINIMUM": ("int8", "int16", "float32", "int32", "int64"),
    "SQUARED_DIFFERENCE": ("int8", "int16", "float32", "int32"),
    "PRELU": ("int8", "int16", "float32"),
    "EQUAL": ("int8", "float32", "int32", "int64", "bool"),
    "NOT_EQUAL": ("int8", "float32", "int32", "int64", "bool"),
    "LESS": ("int8", "float32", "int32", "int64"),
    "LESS_EQUAL": ("int8", "float32", "int32", "int64"),
    "GREATER": ("int8", "float32", "int32", "int64"),
    "GREATER_EQUAL": ("int8", "float32", "int32", "int64"),
    "LOGICAL_AND": ("bool",),
    "LOGICAL_OR": ("bool",),
    "DIV": ("int8", "float32", "int32"),
    "FLOOR_DIV": ("float32",),
    "FLOOR_MOD": ("float32",),
}
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
QUOTIENTS = ("DIV", "FLOOR_DIV", "FLOOR_MOD")  # here with a second operand that is a constant without zeros


def binary(
    kind: str,
    dtype: str,
    shapes: tuple[Sequence[int], Sequence[int]],
    scales: tuple[float, float, float] = (0.05, 0.02, 0.06),
    zero_points: tuple[int, int, int] = (3, -5, 1),
    fused: str = "NONE",
    constant: int | None = None,
) -> list[OpSpec]:
    if kind in ONE_QUANTIZATION:
        scales, zero_points = (scales[0],) * 3, (zero_points[0],) * 3
    if kind == "SQUARED_DIFFERENCE":  # its output is in the square of the inputs' unit
        scales = (
            scales[0],
            scales[1],
            max(scales[:2]) ** 2 * (100 if dtype == "int8" else 9000) * max(scales[2], 2e-3),
        )
    if (kind, dtype) == ("DIV", "int8"):  # with a smaller output scale, TFLM shifts by more than 31 bits
        scales = (scales[0], scales[1], scales[0] / scales[1] / 100)
    second = "int8" if (kind, dtype) == ("PRELU", "int16") else dtype
    dtypes = [dtype, second, "bool" if kind in COMPARISONS else dtype]
    wanted = (*shapes, np.broadcast_shapes(*map(tuple, shapes)))
    tensors = [_tensor(*each) for each in zip(wanted, dtypes, scales, zero_points, strict=True)]
    if kind in QUOTIENTS:
        constant = 1
    if constant is not None:
        made = tensors[constant]
        values = _values(made)
        if kind in QUOTIENTS:
            values[values == made.zero_point] += 1
        tensors[constant] = TensorSpec(made.shape, made.dtype, made.scale, made.zero_point, data=values)
    options = {"FusedActivationFunction": ACTIVATIONS[fused]} if kind in TABLES else {}
    return [OpSpec(kind, tensors[:2], tensors[2:], TABLES.get(kind), options)]


def _tensor(shape: Sequence[int], dtype: str, scale: float, zero_point: int) -> TensorSpec:
    if dtype in ("int8", "int16"):
        return activation(shape, dtype, scale, zero_point if dtype == "int8" else 0)
    return TensorSpec(shape, dtype)


def _values(tensor: TensorSpec) -> np.ndarray:
    rng = np.random.default_rng(5)
    if tensor.dtype == "bool":
        return np.asarray(rng.integers(0, 2, tensor.shape)).astype(bool)
    if tensor.dtype == "float32":
        return np.asarray(rng.normal(0, 20, tensor.shape)).astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    return np.asarray(rng.integers(limits.min, limits.max, tensor.shape, np.int64)).astype(tensor.dtype)


def generated(kind: str, dtype: str) -> Iterator[tuple[str, list[OpSpec]]]:
    """Cases for shapes, integer quantization, constants and fused activations."""
    name = f"{kind} {dtype}"
    if kind == "PRELU":
        shapes = {what: pair for what, pair in SHAPES.items() if np.broadcast_shapes(*pair) == tuple(pair[0])}
        shapes |= {"per channel of images": ((2, 3, 4, 5), (1, 1, 5)), "per row": ((2, 3, 4), (3, 1))}
        shapes |= {f"{n} channels": ((2, 3, n), (n,)) for n in range(2, 12)}
        if dtype == "float32":  # TFLM aborts on more dimensions
            shapes = {what: pair for what, pair in shapes.items() if len(pair[0]) <= 4}
    else:
        shapes = dict(SHAPES)
    for number, (what, pair) in enumerate(shapes.items()):
        if dtype != "int8" or number % 2:
            yield f"{name} {what}", binary(kind, dtype, pair)
        if dtype != "int8" or number % 2 == 0:
            yield f"{name} {what}, constant {number // 2 % 2}", binary(kind, dtype, pair, constant=number // 2 % 2)
    for scales in SCALES.get(dtype, ()):
        if kind in COMPARISONS and max(scales[:2]) >= 1:  # TFLM aborts
            continue
        for zero_points in ZERO_POINTS if dtype == "int8" else ZERO_POINTS[:1]:
            yield f"{name} {scales} {zero_points}", binary(kind, dtype, ((3, 40), (3, 40)), scales, zero_points)
    if kind in TABLES and dtype != "int32":
        for fused in ACTIVATIONS:
            yield f"{name} {fused}", binary(kind, dtype, ((2, 40), (2, 40)), fused=fused)
            yield f"{name} {fused}, broadcast", binary(kind, dtype, ((2, 3, 40), (3, 1)), fused=fused)


def of_one_tensor(kind: str) -> list[OpSpec]:
    x, y = activation((3, 5), "int8", 0.1, 9), activation((3, 5), "int8", 0.1, 9)
    return [OpSpec(kind, [x, x], [y], TABLES.get(kind), {})]


def added(count: int, dtype: str, shape: Sequence[int], scales: tuple[float, float] = (0.1, 0.25)) -> list[OpSpec]:
    both = [activation(shape, dtype, scales[0]) for _ in range(2)]
    inputs = [both[i % 2] for i in range(count)]
    return [OpSpec("ADD_N", inputs, [activation(shape, dtype, scales[1])], "AddNOptions", {})]


def selected(shapes: Sequence[Sequence[int]], dtype: str) -> list[OpSpec]:
    condition = TensorSpec(shapes[0], "bool")
    choices = [activation(shape, dtype, 0.1) for shape in shapes[1:]]
    output = activation(np.broadcast_shapes(*map(tuple, shapes)), dtype, 0.1)
    return [OpSpec("SELECT_V2", [condition, *choices], [output], "SelectV2Options", {})]


SELECTIONS = (
    *(((shape,) * 3) for shape in ((1,), (7,), (2, 5), (1, 3, 4, 5), (2, 1, 3, 2, 2))),
    *(((n,), (1,), (n,)) for n in range(2, 16)),
    *(((1,), (3, n), (n,)) for n in range(2, 10)),
    ((3, 1), (1, 4), (3, 4)),
    ((4, 1, 3), (2, 3), (4, 1, 1)),
    ((2, 3, 4), (4,), (3, 1)),
    ((3, 1), (1,), (1, 4)),
    ((2, 3), (1, 1), (1,)),
    ((1, 2, 1, 2), (2, 1, 2, 1), (2, 2, 2, 2)),
)
CASES = {
    **{
        f"ADD_N {count} {dtype} {shape}": added(count, dtype, shape)
        for dtype in ("int8", "float32")
        for count in (2, 3, 5, 9, 31)
        for shape in ((1,), (7,), (2, 5), (1, 3, 4, 5), (3, 33), (2, 1, 3, 2, 2))
    },
    **{f"ADD_N {scales}": added(3, "int8", (2, 40), scales) for scales in ((0.1, 0.1), (0.1, 1e-4), (1e-3, 5.0))},
    **{f"SELECT_V2 {dtype} {s}": selected(s, dtype) for dtype in ("int8", "int16", "float32") for s in SELECTIONS},
    **{name: case for kind, dtypes in KINDS.items() for dtype in dtypes for name, case in generated(kind, dtype)},
    **{f"{kind} of one tensor": of_one_tensor(kind) for kind in ("SUB", "MAXIMUM", "SQUARED_DIFFERENCE")},
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("binary"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
