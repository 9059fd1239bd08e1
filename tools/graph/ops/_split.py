"""Shared by SPLIT and SPLIT_V: the parts of a tensor along a constant axis. The outputs' shapes define their sizes."""

from ..ir import DType, Graph, KernelCall, Op
from ..operator import Operator, portable
from ._elementwise import constant_axis
from ._move import TYPES
from ._quantized import check_arity, check_present
from ._rows import check_parts, split


def splits(summary: str, data: int, axis: int) -> Operator:
    """An operator that splits input ``data`` along the dimension in input ``axis``; any third input repeats the
    sizes."""

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, (max(data, axis) + 1,), outputs=len(op.outputs))
        check_present(op, data, axis)
        outputs = [graph.tensors[i] for i in op.outputs]
        check_parts(op, graph.input(op, data), outputs, dimension(op, graph))

    def dimension(op: Op, graph: Graph) -> int:
        return constant_axis(op, graph.input(op, axis), len(graph.input(op, data).shape), DType.INT64)

    def call(op: Op, graph: Graph) -> KernelCall:
        return split(op, graph, graph.input(op, data), dimension(op, graph))

    return Operator(
        summary=summary,
        types=TYPES,
        check=check,
        variants=portable(call),
        keeps_range=True,
        one_quantization=(data,),
    )
