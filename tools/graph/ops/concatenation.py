"""CONCATENATION along any dimension: copies the rows of all inputs one after another."""

import math
from dataclasses import dataclass
from typing import Any

import tflite

from ...errors import UnsupportedModel
from ..ir import Argument, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import EVERY_INPUT, Operator, portable
from ._elementwise import check_not_empty, resolve_axis
from ._quantized import (
    INTEGER_LIMITS,
    activation_name,
    check_arity,
    check_per_tensor,
    check_present,
    check_rank,
    check_shape,
    check_types,
    options,
)

TYPES = ("int8", "int16", "float32", "int32", "int64", "bool")
LARGEST = 10  # number of inputs of the kernel and of TFLM's


@dataclass(frozen=True)
class Attributes:
    axis: int
    activation: str


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.ConcatenationOptions)
    return Attributes(int(table.Axis()), activation_name(table.FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    if len(op.inputs) > LARGEST:
        raise UnsupportedModel(
            f"{op.where}: concatenates {len(op.inputs)} tensors, but the kernel takes at most {LARGEST}; concatenate "
            f"them in two steps"
        )
    check_arity(op, range(1, LARGEST + 1))
    check_present(op, *range(len(op.inputs)))
    sources, output = [graph.input(op, i) for i in range(len(op.inputs))], graph.output(op)
    dtype = check_types(op, *sources, output, allowed=[DType(name) for name in TYPES])
    check_not_empty(op, *sources, output)
    if op.attributes.activation != "NONE":
        raise UnsupportedModel(
            f"{op.where}: CONCATENATION has no kernel with the fused activation {op.attributes.activation}; make it a "
            f"layer of its own in the Keras model"
        )
    axis = resolve_axis(op, op.attributes.axis, len(output.shape))
    for source in sources:
        check_rank(op, source, len(output.shape))
        check_shape(op, source, [source.shape[d] if d == axis else n for d, n in enumerate(output.shape)])
    total = sum(source.shape[axis] for source in sources)
    check_shape(op, output, [total if d == axis else n for d, n in enumerate(output.shape)])
    if dtype in INTEGER_LIMITS:
        check_per_tensor(op, *sources, output)


def call(op: Op, graph: Graph) -> KernelCall:
    sources, output = [graph.input(op, i) for i in range(len(op.inputs))], graph.output(op)
    axis = resolve_axis(op, op.attributes.axis, len(output.shape))
    rows = math.prod(output.shape[:axis])
    fields = {"rows": rows, "chunk_bytes": tuple(source.bytes // rows for source in sources)}
    arguments: tuple[Argument, ...] = (Write(output.index), *(Read(source.index) for source in sources))
    return KernelCall("concatenation.h", "concatenation", (Params("ConcatenationParams", fields),), arguments)


OPERATOR = Operator(
    summary="up to ten tensors joined along a dimension",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parse,
    one_quantization=EVERY_INPUT,
)
