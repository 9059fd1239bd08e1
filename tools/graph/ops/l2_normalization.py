"""L2_NORMALIZATION: each element divided by the Euclidean norm of its row, the last dimension."""

from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._order import elementwise
from ._quantized import activation_name, check_not_empty, check_not_scalar, describe, options
from ._specification import gives
from ._unary import check_unary

LARGEST_RANK = 4
LARGEST_DEPTH = 33025  # of a row: 33,025 * 255^2 still fits in 31 bits

_quantization_given = gives({DType.INT8: 128})


@dataclass(frozen=True)
class Attributes:
    activation: str


def parse(operator: Any) -> Attributes:
    return Attributes(activation_name(options(operator, tflite.L2NormOptions).FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    dtype = check_unary(op, graph, (DType.INT8, DType.FLOAT32))
    source = graph.input(op, 0)
    check_not_empty(op, source)
    check_not_scalar(op, source)
    if len(source.shape) > LARGEST_RANK:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has {len(source.shape)} dimensions, but the kernel takes at most "
            f"{LARGEST_RANK}; reshape it in the Keras model"
        )
    if op.attributes.activation != "NONE":
        raise UnsupportedModel(
            f"{op.where}: the fused activation {op.attributes.activation} has no kernel; make it a layer of its own in "
            f"the Keras model"
        )
    if dtype is DType.FLOAT32:
        return
    objection = _quantization_given(op, graph)
    if objection:
        raise UnsupportedModel(f"{op.where}: the only kernel {objection}; convert the model again")
    if source.shape[-1] > LARGEST_DEPTH:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has rows of {source.shape[-1]} elements, but the int8 kernel takes at "
            f"most {LARGEST_DEPTH}; try --mode float32"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    depth, dtype = source.shape[-1], source.dtype.value
    fields = {"rows": source.elements // depth, "depth": depth}
    if source.dtype is DType.INT8:
        fields |= {"zero_point": source.zero_point}
    params = Params(f"L2Normalization{dtype.capitalize()}Params", fields)
    arguments = (Read(source.index), Write(output.index, elementwise(op, graph)))
    return KernelCall("l2_normalization.h", f"l2_normalization_{dtype}", (params,), arguments)


OPERATOR = Operator(
    summary="each row divided by its Euclidean norm",
    types=("int8", "float32"),
    check=check,
    variants=portable(call),
    parse=parse,
    left_out_by_tflm=_quantization_given,
)
