"""EMBEDDING_LOOKUP: rows of a table."""

from ...errors import ModelError
from ..ir import Graph, KernelCall, Op
from ..operator import Operator, portable
from ._gather import check_gathered, check_inside, check_two_inputs, gather
from ._move import TYPES
from ._quantized import check_rank, describe


def check(op: Op, graph: Graph) -> None:
    check_two_inputs(op)
    positions, table = graph.input(op, 0), graph.input(op, 1)
    check_rank(op, positions, 1)
    if len(table.shape) < 2:
        raise ModelError(f"{op.where}: {describe(table)} is no table of rows; convert the model again")
    check_gathered(op, graph, 1, 0, (*positions.shape, *table.shape[1:]))
    check_inside(op, positions, table.shape[:1])


def call(op: Op, graph: Graph) -> KernelCall:
    return gather(op, graph, data=1, positions=0, axis=0)


OPERATOR = Operator(
    summary="rows of a table",
    types=TYPES,
    check=check,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(1,),
)
