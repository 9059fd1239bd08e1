"""Shared by ARG_MAX and ARG_MIN: everything except the direction."""

import math

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import constant_axis
from ._quantized import check_arity, check_not_empty, check_present, check_shape, check_types

TYPES = ("int8", "float32")


def _axis(op: Op, graph: Graph) -> int:
    return constant_axis(op, graph.input(op, 1), len(graph.input(op, 0).shape))


def arg(summary: str, better: str) -> Operator:
    """An operator that finds the best elements; ``better`` is the C++ name of a comparison in <functional>."""

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, (2,))
        check_present(op, 0, 1)
        source, output = graph.input(op, 0), graph.output(op)
        check_types(op, source, allowed=[DType(name) for name in TYPES])
        check_types(op, output, allowed=(DType.INT32,))
        check_not_empty(op, source)
        axis = _axis(op, graph)
        check_shape(op, output, source.shape[:axis] + source.shape[axis + 1 :])

    def call(op: Op, graph: Graph) -> KernelCall:
        source, output, axis = graph.input(op, 0), graph.output(op), _axis(op, graph)
        fields = {
            "outer": math.prod(source.shape[:axis]),
            "size": source.shape[axis],
            "inner": math.prod(source.shape[axis + 1 :]),
        }
        arguments = (Read(source.index), Write(output.index))
        return KernelCall("arg.h", "arg", (Params("ArgParams", fields),), arguments, (better,))

    return Operator(summary=summary, types=TYPES, check=check, variants=portable(call))
