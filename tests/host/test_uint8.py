"""uint8, the type of models of TensorFlow 1.x: kerf's kernels equal LiteRT's, as TFLM has dropped its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases, run_litert
from cases import TIES, activation, summing_to
from single_op import OpSpec, TensorSpec
from test_against_litert import biased
from test_conv_2d import generated as convs
from test_depthwise_conv_2d import generated as depthwises
from test_fully_connected import generated as denses
from test_pool_2d import generated as pools

pytestmark = pytest.mark.compiler

ZERO_POINTS = (0, 3, 128, 255)
SHAPES = ((1,), (7,), (2, 5), (3, 33), (1, 3, 4, 5), (1, 1), (40, 50), (3, 401))


def moved(tensor: TensorSpec | None, seed: int) -> TensorSpec | None:
    """An int8 tensor as uint8: a bias keeps its type; constants get another zero point."""
    if tensor is None or tensor.dtype != "int8":
        return tensor
    if tensor.data is None:
        return replace(tensor, dtype="uint8", zero_point=int(tensor.zero_point) + 128)
    unsigned = (np.asarray(tensor.data, np.int16) + 128).astype(np.uint8)
    return replace(
        tensor, dtype="uint8", scale=float(np.mean(tensor.scale)), zero_point=(101 + 17 * seed) % 256, data=unsigned
    )


def as_uint8(case: Sequence[OpSpec], seed: int) -> list[OpSpec]:
    """A layer of weights, or a pool, as TensorFlow 1.x wrote it."""
    (op,) = case
    inputs = [moved(t, seed) for t in op.inputs]
    if len(inputs) > 2 and inputs[2] is not None:
        assert inputs[0] is not None and inputs[1] is not None
        inputs[2] = replace(inputs[2], scale=float(inputs[0].scale) * float(inputs[1].scale))
    (output,) = (moved(t, seed) for t in op.outputs)
    assert output is not None
    return [replace(op, inputs=inputs, outputs=[output])]


def unary(
    kind: str, shape: Sequence[int], scale: float, zero_point: int, table: str | None = None, **options: Any
) -> list[OpSpec]:
    """SOFTMAX or LOGISTIC."""
    return [
        OpSpec(
            kind, [activation(shape, "uint8", scale, zero_point)], [activation(shape, "uint8", 1 / 256)], table, options
        )
    ]


def total(
    kind: str,
    shapes: tuple[Sequence[int], Sequence[int]],
    scales: tuple[float, float, float],
    zero_points: tuple[int, int, int],
) -> list[OpSpec]:
    """ADD or SUB."""
    output = np.broadcast_shapes(tuple(shapes[0]), tuple(shapes[1]))
    x, y, z = (activation(s, "uint8", k, p) for s, k, p in zip((*shapes, output), scales, zero_points, strict=True))
    return [OpSpec(kind, [x, y], [z], f"{kind.capitalize()}Options")]


def tie(scale1: float, scale2: float, scale: float, result: int, dense: bool) -> list[OpSpec]:
    """One output of a pointwise convolution or of a dense layer."""
    rows = [row.astype(np.uint8) + np.uint8(1) for row in summing_to(result)]
    shape = (1, rows[0].size) if dense else (1, 1, 1, rows[0].size)
    x, w = (
        TensorSpec(shape, "uint8", k, 1, data=row.reshape(shape)) for k, row in zip((scale1, scale2), rows, strict=True)
    )
    bias = TensorSpec((1,), "int32", scale1 * scale2, data=np.zeros(1, np.int32))
    output = TensorSpec((*shape[:-1], 1), "uint8", scale, 100)
    if dense:
        return [OpSpec("FULLY_CONNECTED", [x, w, bias], [output], "FullyConnectedOptions")]
    return [OpSpec("CONV_2D", [x, w, bias], [output], "Conv2DOptions", {"StrideW": 1, "StrideH": 1})]


LAYERS = {
    f"{kind} {name}": case
    for kind, cases in (
        ("conv", biased(convs(50, "int8"))),
        ("depthwise", depthwises(35, "int8")),
        ("dense", denses(60, "int8")),
        ("pool", {**pools("MAX_POOL_2D", "int8", 30), **pools("AVERAGE_POOL_2D", "int8", 35)}),
    )
    for name, case in cases.items()
}
BROADCAST = (
    ((7,), (7,)),
    ((2, 3, 5), (2, 3, 5)),
    ((2, 3, 5), (5,)),
    ((1, 4, 4, 3), (1, 1, 1, 3)),
    ((1,), (40,)),
    ((3, 1), (1, 4)),
)
SUMS = (((0.05, 0.05, 0.1), (128, 128, 128)), ((0.02, 0.3, 0.25), (0, 255, 3)), ((1.0, 0.004, 0.9), (17, 90, 0)))
LITERT_CASES: dict[str, list[OpSpec]] = {
    **{f"uint8 {name}": as_uint8(case, i) for i, (name, case) in enumerate(LAYERS.items())},
    **{f"tie of {each}, dense {dense}": tie(*each, dense) for each in TIES for dense in (False, True)},
    **{
        f"SOFTMAX {shape} {scale}": unary("SOFTMAX", shape, scale, 9, "SoftmaxOptions", Beta=1.0)
        for shape in SHAPES
        for scale in (0.003, 0.05, 0.2, 1.7)
    },
    **{
        f"LOGISTIC {s} {z}": unary("LOGISTIC", (257,), s, z)
        for s in (1e-6, 0.003, 0.03, 0.0625, 0.1, 0.37, 1.0, 9.0)
        for z in ZERO_POINTS
    },
    **{f"{kind} {b} {s}": total(kind, b, *s) for kind in ("ADD", "SUB") for b in BROADCAST for s in SUMS},
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, LITERT_CASES), tmp_path_factory.mktemp("uint8"), oracle=run_litert)


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", LITERT_CASES)
def test_equals_litert(results: dict[str, Result], name: str) -> None:
    results[name].check()
