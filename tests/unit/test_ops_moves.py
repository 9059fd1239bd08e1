"""Operators that move elements: what their checks refuse, what is evaluated at compile time, what costs nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from test_ops_elementwise import ints, make, tensor

from tools.cores import HOST
from tools.errors import ModelError, UnsupportedModel
from tools.graph import passes
from tools.graph.ir import Graph, Op, Tensor
from tools.graph.schedule import schedule

A, IMAGE = tensor((2, 3)), tensor((1, 4, 4, 4))
PAIRS = tensor((2, 2), "int32", data=[0, 0, 0, 3])
MASKS = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
RESIZE = {"align_corners": False, "half_pixel_centers": False}
WEIGHTS = tensor((2, 3, 3, 4), scale=0.01, data=np.ones((2, 3, 3, 4)))
CONV = {"padding": "SAME", "stride": (2, 2), "activation": "NONE"}
SHAPE = ints(1, 8, 8, 2)

REFUSED = [
    ("SLICE", [A, ints(0, 1), ints(2, 3)], [A], None, ModelError, "3 elements from position 1 exceed"),
    ("SLICE", [A, ints(0), ints(2)], [A], None, ModelError, "one number per dimension"),
    ("SLICE", [A, tensor((2,), "int32"), ints(2, 3)], [A], None, UnsupportedModel, "its begin, is computed while"),
    ("SLICE", [A, ints(0, 0), ints(2, 2)], [A], None, ModelError, r"shape \(2, 2\), not that of 't3'"),
    ("SLICE", [tensor((2, 3), "float16", None)] * 3, [A], None, UnsupportedModel, "without a kernel"),
    ("STRIDED_SLICE", [A, ints(0), ints(2), ints(0)], [A], MASKS, ModelError, "step cannot be zero"),
    ("STRIDED_SLICE", [A, ints(0), ints(2, 2), ints(1)], [A], MASKS, ModelError, "differ in length"),
    (
        "STRIDED_SLICE",
        [A, ints(0), ints(2), ints(1)],
        [A],
        MASKS | {"ellipsis_mask": 1},
        UnsupportedModel,
        "TFLM takes neither an ellipsis nor a new axis",
    ),
    (
        "STRIDED_SLICE",
        [A, ints(0, 0), ints(2, 3), ints(1, 1)],
        [A],
        MASKS | {"new_axis_mask": 2},
        UnsupportedModel,
        "TFLM takes neither an ellipsis nor a new axis",
    ),
    ("TRANSPOSE", [A, ints(0, 0)], [A], None, ModelError, "contradicts itself"),
    ("TRANSPOSE", [A, ints(1, 2)], [A], None, ModelError, "contradicts itself"),
    ("TRANSPOSE", [tensor((2,) * 7), ints(6, 5, 4, 3, 2, 1, 0)], [tensor((2,) * 7)], None, UnsupportedModel, "than 6"),
    ("REVERSE_V2", [A, ints(2)], [A], None, ModelError, "contradicts itself"),
    ("BROADCAST_TO", [A, ints(3, 3)], [tensor((3, 3))], None, ModelError, "contradicts itself"),
    ("TILE", [A, ints(2)], [A], None, ModelError, "1 multiples for 2 dimensions"),
    ("SPACE_TO_DEPTH", [IMAGE], [IMAGE], {"block": 3}, ModelError, "contradicts itself"),
    ("DEPTH_TO_SPACE", [IMAGE], [IMAGE], {"block": 3}, ModelError, "contradicts itself"),
    ("SPLIT", [tensor((1,), "int32"), A], [A], None, UnsupportedModel, "its axis, is computed while"),
    ("SPLIT", [ints(2), A], [A], None, ModelError, "axis 2"),
    ("SPLIT", [ints(0, 1), A], [A], None, ModelError, "is not a single number"),
    ("SPLIT", [ints(1), A], [tensor((2, 2)), tensor((2, 2))], None, ModelError, "should be 2x4"),
    ("SPLIT_V", [A, ints(1, 2), ints(1)], [tensor((2, 1)), tensor((1, 2))], None, ModelError, "should be 2x2"),
    ("UNPACK", [A], [tensor((3,))], {"axis": 0}, ModelError, "should be 1x3"),
    ("PACK", [A, tensor((3, 2))], [tensor((2, 2, 3))], {"axis": 0}, ModelError, "should be 2x3"),
    ("PACK", [A, None], [tensor((2, 2, 3))], {"axis": 0}, ModelError, "input 1 is absent"),
    ("MIRROR_PAD", [A, PAIRS], [tensor((2, 6))], {"mode": "REFLECT"}, ModelError, "3 elements cannot be mirrored"),
    ("MIRROR_PAD", [A, ints(0, 0, 0, 1)], [A], {"mode": "REFLECT"}, ModelError, "paddings of shape"),
    ("PADV2", [A, PAIRS, tensor((1,))], [tensor((2, 6))], None, UnsupportedModel, "must be a constant of one element"),
    ("RESIZE_NEAREST_NEIGHBOR", [A, ints(4, 4)], [A], RESIZE, ModelError, "contradicts itself"),
    ("RESIZE_BILINEAR", [IMAGE, ints(4, 5)], [IMAGE], RESIZE, ModelError, "should be 1x4x5x4"),
    ("RESIZE_BILINEAR", [IMAGE, ints(4, 4)], [IMAGE], dict.fromkeys(RESIZE, True), ModelError, "exclude each other"),
    (
        "RESIZE_BILINEAR",
        [tensor((1, 3, 1, 1)), ints(4000, 1)],
        [tensor((1, 4000, 1, 1))],
        RESIZE,
        UnsupportedModel,
        "read beyond the input's end",
    ),
    ("BATCH_TO_SPACE_ND", [IMAGE, ints(2, 2), ints(0, 0, 0, 0)], [IMAGE], None, ModelError, "in blocks of 2x2"),
    (
        "SPACE_TO_BATCH_ND",
        [IMAGE, ints(3, 1), ints(0, 0, 0, 0)],
        [IMAGE],
        None,
        ModelError,
        "not divisible into blocks of 3x1",
    ),
    ("GATHER", [A, ints(0)], [tensor((1, 3))], {"axis": 0, "batch_dims": 1}, ModelError, "do not share 1 batch"),
    ("GATHER", [A, ints(2)], [tensor((1, 3))], {"axis": 0, "batch_dims": 0}, UnsupportedModel, "not all inside 2"),
    ("GATHER_ND", [A, ints(0, 0, 0)], [A], None, ModelError, "does not contain indices"),
    ("EMBEDDING_LOOKUP", [ints(0), tensor((3,))], [A], None, ModelError, "not a table of rows"),
    ("DYNAMIC_UPDATE_SLICE", [A, tensor((3, 3)), ints(0, 0)], [A], None, ModelError, "does not fit into"),
    ("ZEROS_LIKE", [A], [tensor((2, 3), zero_point=4)], None, UnsupportedModel, "does not apply the zero point"),
    ("TRANSPOSE_CONV", [SHAPE, WEIGHTS, tensor((1, 4, 4, 3))], [tensor((1, 8, 8, 2))], CONV, ModelError, "2x3x3x3"),
    ("TRANSPOSE_CONV", [SHAPE, WEIGHTS, IMAGE], [tensor((1, 8, 8, 3))], CONV, ModelError, "should be 1x8x8x2"),
    (
        "TRANSPOSE_CONV",
        [SHAPE, WEIGHTS, IMAGE],
        [tensor((1, 8, 9, 2))],
        CONV,
        ModelError,
        r"have the shape \[1, 8, 8, 2\]",
    ),
    (
        "TRANSPOSE_CONV",
        [SHAPE, WEIGHTS, IMAGE],
        [tensor((1, 8, 8, 2))],
        CONV | {"padding": "unknown (7)"},
        ModelError,
        "has padding unknown",
    ),
]


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "attributes", "error", "words"), REFUSED, ids=[f"{r[0]} {r[5]}" for r in REFUSED]
)
def test_refused(
    kind: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    attributes: dict[str, Any] | None,
    error: type[ModelError],
    words: str,
) -> None:
    operator, op, graph = make(kind, inputs, outputs, attributes)
    with pytest.raises(error, match=words) as caught:
        operator.check(op, graph)
    assert str(caught.value).startswith(f"operator 7 {kind} 'block/layer'")


NUMBERS = np.arange(6).reshape(2, 3)
C = tensor((2, 3), "int32", data=NUMBERS)
KNOWN = [
    ("SLICE", [C, ints(0, 1), ints(-1, 2)], None, NUMBERS[:, 1:]),
    ("STRIDED_SLICE", [C, ints(1), ints(0), ints(1)], MASKS | {"shrink_axis_mask": 1}, NUMBERS[1]),
    ("TRANSPOSE", [C, ints(1, 0)], None, NUMBERS.T),
    ("REVERSE_V2", [C, ints(-1)], None, NUMBERS[:, ::-1]),
    ("BROADCAST_TO", [C, ints(2, 2, 3)], None, np.stack([NUMBERS, NUMBERS])),
    ("TILE", [C, ints(1, 2)], None, np.tile(NUMBERS, (1, 2))),
    ("EXPAND_DIMS", [C, ints(1)], None, NUMBERS[:, None]),
    ("PACK", [C, C], {"axis": -1}, np.stack([NUMBERS, NUMBERS], -1)),
    ("CONCATENATION", [C, C], {"axis": 1, "activation": "NONE"}, np.concatenate([NUMBERS, NUMBERS], 1)),
    ("MIRROR_PAD", [C, PAIRS], {"mode": "SYMMETRIC"}, np.pad(NUMBERS, ((0, 0), (0, 3)), "symmetric")),
    ("GATHER", [C, ints(1, 1, 0)], {"axis": 1, "batch_dims": 0}, NUMBERS[:, [1, 1, 0]]),
    ("GATHER_ND", [C, tensor((2, 1), "int32", data=[1, 0])], None, NUMBERS[::-1]),
    ("BROADCAST_ARGS", [ints(3, 1), ints(2, 1, 5)], None, np.array([2, 3, 5])),
    ("ZEROS_LIKE", [A], None, np.zeros((2, 3))),
]


@pytest.mark.parametrize(("kind", "inputs", "attributes", "value"), KNOWN, ids=[k[0] for k in KNOWN])
def test_known_before_the_model_runs(
    kind: str, inputs: Sequence[Tensor], attributes: dict[str, Any] | None, value: np.ndarray
) -> None:
    operator, op, graph = make(kind, inputs, [tensor(value.shape, "int32")], attributes)
    found = operator.evaluate(op, [*(graph.input(op, i) for i in range(len(inputs))), graph.output(op)])
    assert found is not None and found.dtype == np.int32
    np.testing.assert_array_equal(found, value)
    if kind != "ZEROS_LIKE":
        unknown = [Tensor(t.index, t.name, t.shape, t.dtype) for t in graph.tensors]
        assert operator.evaluate(op, unknown) is None


def test_new_dimensions_cost_nothing() -> None:
    """EXPAND_DIMS and SQUEEZE around a RELU: one step, with the memory of the RELU alone."""
    shapes = ((2, 3), (2, 1, 3), (2, 1, 3), (2, 3))
    tensors = tuple(Tensor(i, f"t{i}", shape, A.dtype, A.quantization) for i, shape in enumerate(shapes))
    axis = Tensor(4, "axis", (1,), ints(1).dtype, data=np.array([1], np.int32))
    ops = (
        Op(0, "EXPAND_DIMS", "expand", (0, 4), (1,)),
        Op(1, "RELU", "relu", (1,), (2,)),
        Op(2, "SQUEEZE", "squeeze", (2,), (3,)),
    )
    graph = passes.run(Graph("m", "", 0, (*tensors, axis), ops, (0,), (3,)))
    found = schedule(graph, HOST)
    assert [step.kind for step in found.steps] == ["EXPAND_DIMS + RELU + SQUEEZE"]
