"""EMBEDDING_LOOKUP: rows of a table."""

from typing import Any

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, Variant, portable
from ._elementwise import check_quantized
from ._gather import check_gathered, check_inside, check_two_inputs, gather
from ._move import TYPES
from ._quantized import check_not_empty, check_rank, check_shape, check_types, describe


def check(op: Op, graph: Graph) -> None:
    check_two_inputs(op)
    positions, table, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    check_rank(op, positions, 1)
    if len(table.shape) < 2:
        raise ModelError(f"{op.where}: {describe(table)} is not a table of rows; convert the model again")
    shape = (*positions.shape, *table.shape[1:])
    if _widens(table, output):
        check_types(op, positions, allowed=(DType.INT32,))
        check_not_empty(op, positions, table)
        check_shape(op, output, shape)
        check_quantized(op, table)
        if table.zero_point != 0:
            raise UnsupportedModel(
                f"{op.where}: {describe(table)} has the zero point {table.zero_point}, but the kernel requires 0; "
                f"quantize the table symmetrically"
            )
    else:
        check_gathered(op, graph, 1, 0, shape)
    check_inside(op, positions, table.shape[:1])


def call(op: Op, graph: Graph) -> KernelCall:
    return gather(op, graph, data=1, positions=0, axis=0)


def widening_call(op: Op, graph: Graph) -> KernelCall:
    """The call that converts int8 rows to float32."""
    positions, table, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    fields: dict[str, Any] = {
        "size": table.shape[0],
        "picked": positions.elements,
        "depth": table.elements // table.shape[0],
        "scale": table.scale,
    }
    arguments = (Read(table.index), Read(positions.index), Write(output.index))
    params = Params("EmbeddingLookupParams", fields)
    return KernelCall("gather.h", "embedding_lookup_int8_float32", (params,), arguments)


def _widens(table: Tensor, output: Tensor) -> bool:
    return (table.dtype, output.dtype) == (DType.INT8, DType.FLOAT32)


OPERATOR = Operator(
    summary="rows of a table, selected by index",
    types=(*TYPES, "int8 to float32"),
    check=check,
    variants=(
        Variant("widening", widening_call, lambda op, graph, core: _widens(graph.input(op, 1), graph.output(op))),
        *portable(call),
    ),
    keeps_range=True,
    one_quantization=(1,),
)
