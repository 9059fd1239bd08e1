"""CUMSUM: cumulative sums along a constant axis."""

import math
from dataclasses import dataclass
from typing import Any

import tflite

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import constant_axis
from ._order import elementwise
from ._quantized import check_arity, check_not_empty, check_per_tensor, check_present, check_shape, check_types, options
from ._running_sum import check_sums, sum_multiplier
from ._specification import ignores_zero_points


@dataclass(frozen=True)
class Attributes:
    exclusive: bool
    reverse: bool


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.CumsumOptions)
    return Attributes(bool(table.Exclusive()), bool(table.Reverse()))


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (2,))
    check_present(op, 0, 1)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output, allowed=(DType.INT8, DType.FLOAT32))
    check_not_empty(op, source)
    check_shape(op, output, source.shape)
    _axis(op, graph)
    if dtype is DType.INT8:
        check_per_tensor(op, source, output)
        check_sums(op, graph)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output, axis = graph.input(op, 0), graph.output(op), _axis(op, graph)
    fields: dict[str, Any] = {
        "outer": math.prod(source.shape[:axis]),
        "size": source.shape[axis],
        "inner": math.prod(source.shape[axis + 1 :]),
        "exclusive": op.attributes.exclusive,
        "reverse": op.attributes.reverse,
    }
    if source.dtype is DType.INT8:
        multiplier, shift = sum_multiplier(op, graph)
        fields |= {"multiplier": multiplier, "shift": shift}
    # In place only: with ``reverse``, elements are written from the end.
    last = Write(output.index, {}, tuple(elementwise(op, graph)))
    dtype = source.dtype.value
    params = Params(f"Cumsum{dtype.capitalize()}Params", fields)
    return KernelCall("cumsum.h", f"cumsum_{dtype}", (params,), (Read(source.index), last))


def _axis(op: Op, graph: Graph) -> int:
    return constant_axis(op, graph.input(op, 1), len(graph.input(op, 0).shape))


OPERATOR = Operator(
    summary="cumulative sums along one dimension",
    types=("int8", "float32"),
    check=check,
    variants=portable(call),
    parse=parse,
    left_out_by_tflm=ignores_zero_points,
)
