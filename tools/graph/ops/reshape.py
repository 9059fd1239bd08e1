"""RESHAPE: the same elements under another shape; a copy, or nothing at all where the plan shares the memory."""

from typing import Any

from ...errors import ModelError
from ..ir import DType, Graph, KernelCall, Op, TensorRef
from ._elementwise import reusable
from ._quantized import check_arity, check_present, check_types, describe

SUMMARY = "another shape for the same elements; costs nothing in place"
VARIANTS = ("int8", "float32", "float16", "uint8", "int16", "int32", "int64", "bool")


def parse(operator: Any) -> None:
    """The new shape is the output tensor's; the options and the second input only repeat it."""
    return None


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1, 2))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=DType)
    if source.elements != output.elements:
        raise ModelError(
            f"{op.where}: {describe(source)} has not as many elements as {describe(output)}; convert the model again"
        )


def lower(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    params = {"bytes": output.bytes}
    return KernelCall("copy.h", "copy", "CopyParams", params, (TensorRef(source.index), TensorRef(output.index)))


def in_place(op: Op, graph: Graph) -> tuple[int, ...]:
    return reusable(op, graph)
