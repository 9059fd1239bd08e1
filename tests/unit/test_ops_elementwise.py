"""Operators that keep, move or rescale elements: what their checks refuse, and how shapes are lowered."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tools.cores import HOST
from tools.errors import ModelError, UnsupportedModel
from tools.graph import ops
from tools.graph.ir import DType, Graph, KernelCall, Op, Quantization, Tensor
from tools.graph.operator import Operator

KERNELS = Path(__file__).parents[2] / "firmware" / "kernels"


def tensor(
    shape: Sequence[int],
    dtype: str = "int8",
    scale: float | None = 0.1,
    zero_point: int = 0,
    data: Any = None,
    scales: tuple[float, ...] | None = None,
) -> Tensor:
    """``scales`` for per-channel quantization, ``scale`` None for none; float32 and int32 have none."""
    quantization = None
    if scales:
        quantization = Quantization(scales, (0,) * len(scales))
    elif scale is not None and dtype not in ("float32", "int32"):
        quantization = Quantization((float(np.float32(scale)),), (zero_point,))
    array = None if data is None else np.array(data, dtype).reshape(tuple(shape))
    return Tensor(0, "t", tuple(shape), DType(dtype), quantization, array)


def ints(*values: int) -> Tensor:
    return tensor((len(values),), "int32", data=values)


def probabilities(shape: Sequence[int] = (2, 3), **changes: Any) -> Tensor:
    return tensor(shape, **{"scale": 1 / 256, "zero_point": -128, **changes})


def make(
    kind: str, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor], attributes: dict[str, Any] | None = None
) -> tuple[Any, Op, Graph]:
    present = [t for t in inputs if t is not None]
    everything = [*present, *outputs]
    numbered = [replace(t, index=i, name=f"t{i}") for i, t in enumerate(everything)]
    positions = iter(range(len(everything)))
    into = tuple(None if t is None else next(positions) for t in inputs)
    out = tuple(next(positions) for _ in outputs)
    op = Op(7, kind, "block/layer", into, out, SimpleNamespace(**attributes) if attributes is not None else None)
    graph = Graph("m", "", 0, tuple(numbered), (op,), tuple(i for i in into if i is not None), out)
    return ops.find(kind), op, graph


ADD = {"activation": "NONE"}
BETA = {"beta": 1.0}
KEEP = {"keep_dims": True}
AXIS_1 = {"axis": 1, "activation": "NONE"}
A, F = tensor((2, 3)), tensor((2, 3), "float32")
PADS = tensor((2, 2), "int32", data=[0, 0, 1, 1])
LOW = tensor((2, 3), zero_point=-129)
INT16 = {"scale": 1 / 32768, "zero_point": 0}
INT, BOOL = tensor((2, 3), "int32"), tensor((2, 3), "bool", None)
RELU = {"activation": "RELU"}
HALF = {"alpha": 0.5}
TANH = tensor((2, 3), scale=1 / 128)
LOGARITHMS = tensor((2, 3), scale=1 / 16, zero_point=127)
RUNNING = {"exclusive": False, "reverse": False}


def wide(scale: float) -> Tensor:
    return tensor((2, 3), "int16", scale)


def scaled(scale: float, zero_point: int = 0) -> Tensor:
    return tensor((2, 3), scale=scale, zero_point=zero_point)


ACCEPTED = [
    ("ADD", [A, A], [A], ADD),
    ("ADD", [A, tensor((3,))], [A], ADD),
    ("CONCATENATION", [A, A], [tensor((2, 6))], AXIS_1),
    ("DEQUANTIZE", [A], [F], None),
    ("LOGISTIC", [A], [probabilities()], None),
    ("MEAN", [A, ints(-1)], [tensor((2, 1))], KEEP),
    ("MUL", [A, A], [A], ADD),
    ("MUL", [A, A], [tensor((2, 3), scale=0.0101 / 2**14)], ADD),
    ("MUL", [tensor((2, 3), "int16", 1e-3), tensor((3,), "int16")], [tensor((2, 3), "int16", 1.01e-4)], ADD),
    ("PAD", [A, PADS], [tensor((2, 5))], None),
    ("QUANTIZE", [F], [A], None),
    ("QUANTIZE", [A], [tensor((2, 3), "uint8")], None),
    ("RELU", [A], [tensor((2, 3), scale=0.2)], None),
    ("RELU6", [A], [A], None),
    ("RELU6", [A], [tensor((2, 3), scale=0.2, zero_point=1)], None),
    ("RELU_N1_TO_1", [A], [tensor((2, 3), scale=0.2)], None),
    ("RELU_0_TO_1", [F], [F], None),
    ("RESHAPE", [A, ints(3, 2)], [tensor((3, 2))], None),
    ("SOFTMAX", [A], [probabilities()], BETA),
    ("ADD", [INT, INT], [INT], ADD),
    ("ABS", [A], [scaled(0.2)], None),
    ("ADD_N", [A, A, A], [A], None),
    ("ARG_MAX", [A, ints(-1)], [tensor((2,), "int32")], None),
    ("CAST", [BOOL], [F], None),
    ("CUMSUM", [A, ints(1)], [A], RUNNING),
    ("DIV", [A, A], [A], ADD),
    ("ELU", [A], [A], None),
    ("EQUAL", [A, A], [BOOL], None),
    ("HARD_SWISH", [A], [A], None),
    ("L2_NORMALIZATION", [A], [TANH], ADD),
    ("LEAKY_RELU", [A], [A], HALF),
    ("LESS", [INT, ints(1, 2, 3)], [BOOL], None),
    ("LOG_SOFTMAX", [A], [LOGARITHMS], None),
    ("LOGICAL_NOT", [BOOL], [BOOL], None),
    ("MAXIMUM", [INT, INT], [INT], None),
    ("PRELU", [A, tensor((3,))], [A], None),
    ("PRELU", [wide(1e-3), tensor((3,))], [wide(1e-3)], None),
    ("REDUCE_MAX", [A, ints(1)], [tensor((2, 1))], KEEP),
    ("RSQRT", [A], [A], None),
    ("SELECT_V2", [BOOL, A, tensor((3,))], [A], None),
    ("SQUARED_DIFFERENCE", [A, A], [A], None),
    ("SUB", [A, A], [A], ADD),
    ("SUM", [A, ints(1)], [tensor((2, 1))], KEEP),
    ("TANH", [A], [TANH], None),
    ("TANH", [A], [scaled(0.01, 3)], None),
]
REFUSED = [
    ("ADD", [A], [A], ADD, ModelError, "has 1 inputs"),
    ("ADD", [A, None], [A], ADD, ModelError, "input 1 is absent"),
    ("ADD", [A, F], [A], ADD, UnsupportedModel, "mixes"),
    ("ADD", [tensor((2, 3), "uint16")] * 2, [tensor((2, 3), "uint16")], ADD, UnsupportedModel, "without a kernel"),
    ("ADD", [A, tensor((2, 2))], [A], ADD, ModelError, "do not broadcast"),
    ("ADD", [A, A], [tensor((2, 4))], ADD, ModelError, "should be 2x3"),
    ("ADD", [A, A], [A], {"activation": "TANH"}, UnsupportedModel, "fused activation TANH"),
    ("ADD", [A, tensor((2, 3), scale=None)], [A], ADD, ModelError, "no quantization parameters"),
    ("ADD", [A, tensor((2, 3), scales=(0.1, 0.2))], [A], ADD, UnsupportedModel, "quantized per channel"),
    ("ADD", [A, A], [LOW], ADD, ModelError, "zero point -129"),
    ("ADD", [A, A], [tensor((2, 3), scale=1e-8)], ADD, UnsupportedModel, "too far above"),
    (
        "ADD",
        [tensor((2, 1, 2, 1, 2, 1)), tensor((1, 2, 1, 2, 1, 2))],
        [tensor((2,) * 6)],
        ADD,
        UnsupportedModel,
        "more than 5 loops",
    ),
    ("CONCATENATION", [A, A], [tensor((2, 6))], {"axis": 2, "activation": "NONE"}, ModelError, "axis 2"),
    ("CONCATENATION", [A, A], [tensor((2, 6))], {"axis": -3, "activation": "NONE"}, ModelError, "axis -3"),
    ("CONCATENATION", [A, A], [tensor((2, 6))], {"axis": 1, "activation": "RELU"}, UnsupportedModel, "RELU"),
    ("CONCATENATION", [A, tensor((3, 3))], [tensor((2, 6))], AXIS_1, ModelError, "should be 2x3"),
    ("CONCATENATION", [A, tensor((2,))], [tensor((2, 6))], AXIS_1, UnsupportedModel, "1 dimensions"),
    ("CONCATENATION", [A, A], [tensor((2, 7))], AXIS_1, ModelError, "should be 2x6"),
    ("CONCATENATION", [A, tensor((2, 0))], [A], AXIS_1, ModelError, "no elements"),
    ("CONCATENATION", [tensor((2, 3), "float16")] * 2, [tensor((2, 6), "float16")], AXIS_1, UnsupportedModel, "int64"),
    ("DEQUANTIZE", [tensor((2, 3), "float16", None)], [F], None, UnsupportedModel, "without a kernel"),
    ("DEQUANTIZE", [A], [A], None, UnsupportedModel, "without a kernel"),
    ("DEQUANTIZE", [tensor((2, 3), scale=None)], [F], None, ModelError, "one positive quantization scale"),
    ("DEQUANTIZE", [tensor((2, 3), scales=(1.0, 2.0, 3.0))], [F], None, ModelError, "one positive quantization scale"),
    ("DEQUANTIZE", [A], [tensor((3, 2), "float32")], None, ModelError, "should be 2x3"),
    ("LOGISTIC", [A], [A], None, UnsupportedModel, "1/256 and -128"),
    ("LOGISTIC", [A], [probabilities(zero_point=-127)], None, UnsupportedModel, "1/256 and -128"),
    ("LOGISTIC", [tensor((2, 3), scale=1e-9)], [probabilities()], None, UnsupportedModel, "fixed-point arithmetic"),
    ("LOGISTIC", [tensor((2, 3), scale=1e11)], [probabilities()], None, UnsupportedModel, "fixed-point arithmetic"),
    ("MEAN", [A, ints(2)], [tensor((2, 1))], KEEP, ModelError, "axis 2"),
    ("MEAN", [A, ints(-3)], [tensor((2, 1))], KEEP, ModelError, "axis -3"),
    ("MEAN", [A, tensor((1,), "int32")], [tensor((2, 1))], KEEP, UnsupportedModel, "computed while"),
    ("MEAN", [A, ints(1)], [tensor((2,))], KEEP, ModelError, "does not have the shape"),
    ("MEAN", [A, ints(1)], [tensor((2, 1))], {"keep_dims": False}, ModelError, "does not have the shape"),
    ("MEAN", [tensor((2, 0)), ints(1)], [tensor((2, 1))], KEEP, ModelError, "no elements"),
    ("MEAN", [tensor((2,) * 7), ints(0, 2, 4, 6)], [tensor((1, 2) * 3 + (1,))], KEEP, UnsupportedModel, "alternates"),
    ("MEAN", [tensor((2, 3), scale=1e9), ints(1)], [tensor((2, 1))], KEEP, UnsupportedModel, "beyond 2^30"),
    ("MEAN", [tensor((2, 3), scale=3e6), ints(1)], [tensor((2, 1))], KEEP, UnsupportedModel, "exceeds 32 bits"),
    ("MUL", [A], [A], ADD, ModelError, "has 1 inputs"),
    ("MUL", [A, None], [A], ADD, ModelError, "input 1 is absent"),
    ("MUL", [A, F], [A], ADD, UnsupportedModel, "mixes"),
    ("MUL", [tensor((2, 3), "uint8")] * 2, [tensor((2, 3), "uint8")], ADD, UnsupportedModel, "without a kernel"),
    ("MUL", [A, tensor((2, 2))], [A], ADD, ModelError, "do not broadcast"),
    ("MUL", [A, A], [tensor((2, 4))], ADD, ModelError, "should be 2x3"),
    ("MUL", [A, A], [A], {"activation": "TANH"}, UnsupportedModel, "fused activation TANH"),
    ("MUL", [A, tensor((2, 3), scale=None)], [A], ADD, ModelError, "no quantization parameters"),
    ("MUL", [A, tensor((2, 3), scales=(0.1, 0.2))], [A], ADD, UnsupportedModel, "quantized per channel"),
    ("MUL", [A, A], [LOW], ADD, ModelError, "zero point -129"),
    ("MUL", [A, A], [tensor((2, 3), scale=0.01 / 2**14)], ADD, UnsupportedModel, "too far above"),
    ("MUL", [tensor((2, 3), "int16")] * 2, [tensor((2, 3), "int16", 0.009)], ADD, UnsupportedModel, "too far above"),
    ("PAD", [A, tensor((2, 2), "int32")], [tensor((2, 5))], None, UnsupportedModel, "computed while"),
    ("PAD", [A, ints(1, 1)], [tensor((2, 5))], None, ModelError, "two nonnegative numbers"),
    ("PAD", [A, ints(0, 0, -1, 1)], [tensor((2, 3))], None, ModelError, "two nonnegative numbers"),
    ("PAD", [A, PADS], [tensor((2, 6))], None, ModelError, "should be 2x5"),
    ("PAD", [tensor((1,) * 6), ints(*[0] * 12)], [tensor((1,) * 6)], None, UnsupportedModel, "6 dimensions"),
    ("QUANTIZE", [F], [tensor((2, 3), "uint8")], None, UnsupportedModel, "no kernel converts"),
    ("QUANTIZE", [F], [F], None, UnsupportedModel, "no kernel converts"),
    ("QUANTIZE", [F], [tensor((2, 3), scales=(0.1, 0.2))], None, ModelError, "one positive quantization scale"),
    ("QUANTIZE", [F], [LOW], None, ModelError, "-128 … 127"),
    ("QUANTIZE", [tensor((2, 3), scale=2e7)], [A], None, UnsupportedModel, "32-bit arithmetic"),
    ("QUANTIZE", [tensor((2, 3), "int16", 1e5)], [A], None, UnsupportedModel, "32-bit arithmetic"),
    ("RELU", [A], [tensor((6,))], None, ModelError, "should be 2x3"),
    ("RELU", [tensor((2, 3), scale=2e7)], [A], None, UnsupportedModel, "32-bit arithmetic"),
    ("RELU6", [tensor((2, 3), scale=2e7)], [A], None, UnsupportedModel, "32-bit arithmetic"),
    ("RELU_N1_TO_1", [A], [tensor((6,))], None, ModelError, "should be 2x3"),
    ("RELU_0_TO_1", [tensor((2, 3), scale=1e-12)] * 1, [tensor((2, 3), scale=1e-12)], None, ModelError, "too small"),
    ("RELU6", [tensor((2, 3), scale=1e-12)] * 1, [tensor((2, 3), scale=1e-12)], None, ModelError, "too small"),
    ("RESHAPE", [A, ints(4, 2)], [tensor((4, 2))], None, ModelError, "differ in number of elements"),
    ("RESHAPE", [A, ints(6)], [tensor((6,), "float32")], None, UnsupportedModel, "mixes"),
    ("SOFTMAX", [A], [A], BETA, UnsupportedModel, "1/256 and -128"),
    ("SOFTMAX", [A], [probabilities((6,))], BETA, ModelError, "should be 2x3"),
    ("SOFTMAX", [tensor(())], [probabilities(())], BETA, ModelError, "scalar"),
    ("SOFTMAX", [tensor((2, 0))], [probabilities((2, 0))], BETA, ModelError, "no elements"),
    ("SOFTMAX", [tensor((1, 4096))], [probabilities((1, 4096))], BETA, UnsupportedModel, "4096 classes"),
    *(
        ("SOFTMAX", [tensor((2, 3), dtype)], [output], {"beta": beta}, ModelError, "must be finite and above 0")
        for dtype, output in (("int8", probabilities()), ("int16", probabilities(dtype="int16", **INT16)))
        for beta in (0.0, -1.0, float("nan"), float("inf"), float("-inf"))
    ),
    ("SOFTMAX", [F], [F], {"beta": float("nan")}, ModelError, "must be finite"),
    ("SOFTMAX", [A], [probabilities()], {"beta": 1e-30}, UnsupportedModel, "too small"),
    ("SOFTMAX", [tensor((2, 3), scale=1e-8)], [probabilities()], BETA, UnsupportedModel, "too small"),
    ("ADD", [INT, INT], [INT], RELU, UnsupportedModel, "RELU has no int32 kernel"),
    ("ABS", [scaled(1e8)], [A], None, UnsupportedModel, "32-bit arithmetic"),
    ("ADD_N", [A], [A], None, ModelError, "has 1 inputs"),
    ("ADD_N", [A] * 32, [A], None, UnsupportedModel, "at most 31"),
    ("ADD_N", [A, scaled(0.2)], [A], None, UnsupportedModel, "differ in quantization"),
    ("ADD_N", [scaled(0.1, 3)] * 2, [A], None, UnsupportedModel, "does not apply the zero point"),
    ("ADD_N", [scaled(1e6)] * 2, [A], None, UnsupportedModel, "too far above"),
    ("ADD_N", [A, tensor((3,))], [A], None, ModelError, "should be 2x3"),
    ("ARG_MAX", [A, ints(0, 1)], [tensor((3,), "int32")], None, ModelError, "not a single number"),
    ("ARG_MAX", [A, ints(0)], [tensor((3,), "int64", None)], None, UnsupportedModel, "take int32"),
    ("ARG_MIN", [A, ints(0)], [tensor((2,), "int32")], None, ModelError, "should be 3"),
    ("CAST", [F], [BOOL], None, UnsupportedModel, "without a kernel"),
    ("CAST", [F], [tensor((2, 3), "uint32", None)], None, UnsupportedModel, "no kernel converts float32 to uint32"),
    ("CUMSUM", [A, ints(2)], [A], RUNNING, ModelError, "axis 2"),
    ("CUMSUM", [scaled(0.1, 3), ints(0)], [A], RUNNING, UnsupportedModel, "does not apply the zero point"),
    ("CUMSUM", [A, ints(0, 1)], [A], RUNNING, ModelError, "not a single number"),
    ("DIV", [scaled(1e9), A], [A], ADD, UnsupportedModel, "too far above"),
    ("DIV", [A, tensor((2, 3), data=[1, 2, 3, 0, 5, 6])], [A], ADD, UnsupportedModel, "contains zeros"),
    ("ELU", [scaled(1e9)], [scaled(1e-3)], None, UnsupportedModel, "too far apart"),
    ("EQUAL", [A, scaled(1.0)], [BOOL], None, UnsupportedModel, "below 1"),
    ("EQUAL", [A, A], [A], None, UnsupportedModel, "take bool"),
    ("HARD_SWISH", [A], [scaled(1e-9)], None, UnsupportedModel, "too far apart"),
    ("HARD_SWISH", [scaled(1e5)], [scaled(1e5)], None, UnsupportedModel, "out of range"),
    ("L2_NORMALIZATION", [A], [A], ADD, UnsupportedModel, "1/128 and zero point 0"),
    ("L2_NORMALIZATION", [A], [TANH], RELU, UnsupportedModel, "fused activation RELU"),
    (
        "L2_NORMALIZATION",
        [tensor((1,) * 5, "float32")],
        [tensor((1,) * 5, "float32")],
        ADD,
        UnsupportedModel,
        "at most 4",
    ),
    ("PRELU", [tensor((1,) * 5, "float32")] * 2, [tensor((1,) * 5, "float32")], None, UnsupportedModel, "at most 4"),
    ("LEAKY_RELU", [A], [A], {"alpha": float("nan")}, ModelError, "must be finite"),
    ("LEAKY_RELU", [scaled(1e8)], [A], HALF, UnsupportedModel, "32-bit arithmetic"),
    ("LOG_SOFTMAX", [A], [A], None, UnsupportedModel, "1/16 and 127"),
    ("LOG_SOFTMAX", [scaled(1e-8)], [LOGARITHMS], None, UnsupportedModel, "too small"),
    ("LOG_SOFTMAX", [tensor(())], [tensor((), scale=1 / 16, zero_point=127)], None, ModelError, "scalar"),
    ("LOGICAL_AND", [A, A], [BOOL], None, UnsupportedModel, "take bool"),
    ("MAXIMUM", [BOOL, BOOL], [BOOL], None, UnsupportedModel, "without a kernel"),
    ("PRELU", [A, tensor((4, 2, 3))], [tensor((4, 2, 3))], None, UnsupportedModel, "larger than its input"),
    ("PRELU", [wide(1e-3), wide(1e-3)], [wide(1e-3)], None, UnsupportedModel, "take int8"),
    ("PRELU", [scaled(1e8), A], [A], None, UnsupportedModel, "32-bit arithmetic"),
    ("REDUCE_MAX", [A, ints(1)], [tensor((2, 2))], KEEP, ModelError, "does not have the shape"),
    ("REDUCE_ALL", [A, ints(1)], [tensor((2, 1))], KEEP, UnsupportedModel, "take bool"),
    ("RSQRT", [A], [scaled(1e-12)], None, UnsupportedModel, "do not fit"),
    ("SELECT_V2", [A, A, A], [A], None, UnsupportedModel, "take bool"),
    ("SELECT_V2", [BOOL, A, tensor((2,))], [A], None, ModelError, "do not broadcast"),
    ("SELECT_V2", [BOOL, A, A], [tensor(())], None, ModelError, "should be 2x3"),
    ("SQUARED_DIFFERENCE", [A, A], [scaled(1e-7)], None, UnsupportedModel, "too far above"),
    ("SUB", [A, A], [scaled(1e-8)], ADD, UnsupportedModel, "too far above"),
    ("SUM", [scaled(3e6), ints(1)], [tensor((2, 1))], KEEP, UnsupportedModel, "exceeds 32 bits"),
    ("TANH", [wide(1e-3)], [wide(1e-3)], None, UnsupportedModel, "1/32768"),
    ("TANH", [scaled(1e-9)], [TANH], None, UnsupportedModel, "fixed-point"),
    ("TANH", [wide(3.0)], [wide(2.0**-15)], None, UnsupportedModel, "whole range"),
]


def chosen(module: Operator, op: Op, graph: Graph) -> KernelCall:
    return module.variant(op, graph, HOST).call(op, graph)


def case_name(case: Any) -> str:
    kind, inputs, outputs, _, *reason = case
    shapes = " ".join("x".join(map(str, t.shape)) if t else "none" for t in [*inputs, *outputs])
    return f"{kind} {shapes} {reason[-1] if reason else ''}".strip()


@pytest.mark.parametrize("case", ACCEPTED, ids=case_name)
def test_accepts_and_lowers(case: Any) -> None:
    module, op, graph = make(*case)
    module.check(op, graph)
    call = chosen(module, op, graph)
    assert (KERNELS / call.header).is_file() and call.arguments


@pytest.mark.parametrize("case", REFUSED, ids=case_name)
def test_refuses_in_one_sentence_that_names_the_layer(case: Any) -> None:
    *what, error, words = case
    module, op, graph = make(*what)
    with pytest.raises(error) as caught:
        module.check(op, graph)
    assert type(caught.value) is error
    sentence = str(caught.value)
    assert sentence.startswith(f"operator 7 {what[0]} 'block/layer': ") and words in sentence
    assert "\n" not in sentence


def test_memory_is_taken_over_only_where_no_element_is_lost() -> None:
    constant = tensor((2, 3), data=np.zeros((2, 3)))
    row, column = tensor((1, 3)), tensor((2, 1))
    table = [
        (("ADD", [A, A], [A], ADD), (0, 1)),
        (("ADD", [A, row], [A], ADD), (0,)),
        (("ADD", [row, A], [A], ADD), (1,)),
        (("ADD", [row, column], [A], ADD), ()),
        (("ADD", [constant, A], [A], ADD), (1,)),
        (("CONCATENATION", [A, A], [tensor((2, 6))], AXIS_1), ()),
        (("DEQUANTIZE", [A], [F], None), ()),
        (("LOGISTIC", [A], [probabilities()], None), (0,)),
        (("MEAN", [A, ints(1)], [tensor((2, 1))], KEEP), (0,)),
        (("MUL", [A, row], [A], ADD), (0,)),
        (("MUL", [constant, A], [A], ADD), (1,)),
        (("PAD", [A, PADS], [tensor((2, 5))], None), ()),
        (("QUANTIZE", [F], [A], None), (0,)),
        (("QUANTIZE", [F], [tensor((2, 3), "int16")], None), ()),
        (("QUANTIZE", [A], [tensor((2, 3), "uint8")], None), (0,)),
        (("QUANTIZE", [A], [tensor((2, 3), "int16")], None), ()),
        (("RELU", [A], [A], None), (0,)),
        (("RELU6", [A], [A], None), (0,)),
        (("RESHAPE", [A], [tensor((6,))], None), (0,)),
        (("RESHAPE", [constant], [tensor((6,))], None), ()),
        (("SOFTMAX", [A], [probabilities()], BETA), (0,)),
        (("CAST", [A], [INT], None), ()),
        (("CAST", [INT], [A], None), (0,)),
        (("CAST", [INT], [F], None), ()),
        (("EQUAL", [A, row], [BOOL], None), (0,)),
        (("EQUAL", [INT, INT], [BOOL], None), ()),
        (("PRELU", [A, row], [A], None), (0,)),
        (("TANH", [A], [TANH], None), (0,)),
    ]
    for what, positions in table:
        module, op, graph = make(*what)
        (write,) = chosen(module, op, graph).writes
        sources = tuple(position for position, tensor in enumerate(op.inputs) if write.trails.get(tensor) == 0)
        assert sources == positions, case_name(what)


def params(*what: Any) -> dict[str, Any]:
    module, op, graph = make(*what)
    module.check(op, graph)
    return dict(chosen(module, op, graph).fields)


def test_shapes_become_the_fewest_loops() -> None:
    image, channels = tensor((1, 4, 5, 3)), tensor((3,))
    whole = params("ADD", [image, image], [image], ADD)
    assert (whole["shape"], whole["strides1"], whole["strides2"]) == (
        (1, 1, 1, 1, 60),
        (0, 0, 0, 0, 1),
        (0, 0, 0, 0, 1),
    )
    bias = params("ADD", [image, channels], [image], ADD)
    assert (bias["shape"], bias["strides1"], bias["strides2"]) == ((1, 1, 1, 20, 3), (0, 0, 0, 3, 1), (0, 0, 0, 0, 1))
    pooled = params("MEAN", [image, ints(1, 2)], [tensor((1, 1, 1, 3))], KEEP)
    assert (pooled["kept_shape"], pooled["kept_strides"]) == ((1, 1, 3), (0, 0, 1))
    assert (pooled["reduced_shape"], pooled["reduced_strides"]) == ((1, 1, 20), (0, 0, 3))
    border = tensor((4, 2), "int32", data=[0, 0, 1, 2, 3, 4, 0, 0])
    padded = params("PAD", [image, border], [tensor((1, 7, 12, 3))], None)
    assert (padded["input_shape"], padded["before"]) == ((1, 1, 1, 4, 15), (0, 0, 0, 1, 9))
    assert padded["after"] == (0, 0, 0, 2, 12)


def test_int8_pads_with_the_zero_point() -> None:
    zeros = params("PAD", [tensor((2, 3), zero_point=-9), PADS], [tensor((2, 5), zero_point=-9)], None)
    assert zeros["value"] == -9


@pytest.mark.parametrize(("scale", "size"), [(1e-4, 256), (0.1, 139), (0.15, 93), (1.0, 14), (1e5, 1)])
def test_the_exponential_table_of_softmax_ends_where_it_no_longer_counts(scale: float, size: int) -> None:
    module, op, graph = make("SOFTMAX", [tensor((2, 3), scale=scale)], [probabilities()], BETA)
    call = chosen(module, op, graph)
    table = call.arguments[1].data
    assert (table.dtype, len(table), call.fields["table_size"]) == (np.int32, size, size)
    exact = np.exp(-np.arange(size) * float(np.float32(scale))) * 2.0**31
    np.testing.assert_allclose(table, exact, rtol=1e-3)


def test_relu_within_one_quantization_is_a_comparison() -> None:
    for output, function in ((A, "clamp_int8"), (tensor((2, 3), scale=0.2), "relu_int8")):
        module, op, graph = make("RELU", [A], [output])
        assert chosen(module, op, graph).function == function
