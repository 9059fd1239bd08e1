"""DYNAMIC_UPDATE_SLICE: a tensor with one slice replaced, at a position that may be computed."""

from ...errors import ModelError
from ..ir import Argument, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._move import TYPES
from ._pick import strides
from ._quantized import check_arity, check_not_empty, check_present, check_rank, check_shape, check_types, describe


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (3,))
    check_present(op, 0, 1, 2)
    source, update, positions = (graph.input(op, i) for i in range(3))
    output = graph.output(op)
    check_types(op, source, update, output, allowed=[DType(name) for name in TYPES])
    check_types(op, positions, allowed=(DType.INT32, DType.INT64))
    check_not_empty(op, source, update)
    check_rank(op, update, len(source.shape))
    check_shape(op, positions, (len(source.shape),))
    check_shape(op, output, source.shape)
    if any(part > whole for part, whole in zip(update.shape, source.shape, strict=True)):
        raise ModelError(
            f"{op.where}: {describe(update)} does not fit into {describe(source)}; convert the model again"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, update, positions = (graph.input(op, i) for i in range(3))
    rank = len(source.shape)
    fields = {
        "bytes": source.bytes,
        "last": tuple(whole - part for whole, part in zip(source.shape, update.shape, strict=True)),
        "counts": update.shape,
        "steps": tuple(step * source.dtype.bytes for step in strides(source.shape)),
    }
    params = Params(f"DynamicUpdateSliceParams<{rank}>", fields)
    in_place = (source.index,) if source.data is None else ()
    reads = (Read(tensor.index) for tensor in (source, update, positions))
    arguments: tuple[Argument, ...] = (*reads, Write(graph.output(op).index, in_place=in_place))
    return KernelCall("dynamic_update_slice.h", "dynamic_update_slice", (params,), arguments)


OPERATOR = Operator(
    summary="tensor with a slice replaced, at a computed position",
    types=TYPES,
    check=check,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0, 1),
)
