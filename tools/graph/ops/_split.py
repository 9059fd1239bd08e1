"""SPLIT and SPLIT_V: parts of a tensor along a dimension that is an input. The sizes are those of the outputs."""

from ...errors import ModelError
from ..ir import Graph, KernelCall, Op
from ..operator import Operator, portable
from ._elementwise import constant_indices, resolve_axis
from ._move import TYPES
from ._quantized import check_arity, check_present, describe
from ._rows import check_parts, split


def splits(summary: str, data: int, axis: int) -> Operator:
    """An operator that takes apart input ``data``; input ``axis`` is the dimension; a third repeats the sizes."""

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, (max(data, axis) + 1,), outputs=len(op.outputs))
        check_present(op, data, axis)
        outputs = [graph.tensors[i] for i in op.outputs]
        check_parts(op, graph.input(op, data), outputs, dimension(op, graph))

    def dimension(op: Op, graph: Graph) -> int:
        numbers = constant_indices(op, graph.input(op, axis), "axis")
        if len(numbers) != 1:
            raise ModelError(f"{op.where}: its axis {describe(graph.input(op, axis))} is not one number; convert again")
        return resolve_axis(op, numbers[0], len(graph.input(op, data).shape))

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
