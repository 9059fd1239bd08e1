"""RESHAPE: the same elements with another shape; free if input and output can share their memory."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from ...errors import ModelError
from ..ir import DType, Graph, Op, Tensor
from ..operator import Constants, Operator, portable
from ._channels import Renumbers
from ._copy import call
from ._quantized import check_arity, check_present, check_types, describe

TYPES = ("int8", "float32", "float16", "uint8", "int16", "int32", "int64", "bool")


def check(op: Op, graph: Graph) -> None:
    """The new shape is the output tensor's; the options and the second input only repeat it."""
    check_arity(op, (1, 2))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=[DType(name) for name in TYPES])
    if source.elements != output.elements:
        raise ModelError(
            f"{op.where}: {describe(source)} and {describe(output)} differ in number of elements; convert the model "
            f"again"
        )


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """A constant input with the output's shape."""
    source, output = tensors[0], tensors[-1]
    return None if source.data is None or source.dtype is not output.dtype else source.data.reshape(output.shape)


class Channels(Renumbers):
    """If the new last dimension is a multiple of the old one, each new channel is an old one."""

    def origins(self, op: Op, graph: Graph) -> Constants:
        before, after = graph.input(op, 0).shape, graph.output(op).shape
        if not before or not after or before[-1] == 0 or after[-1] % before[-1]:
            return {}
        return {i: i % before[-1] for i in range(after[-1])}


OPERATOR = Operator(
    summary="another shape for the same elements; free",
    types=TYPES,
    check=check,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0,),
    channels=Channels(),
    evaluate=evaluate,
    view=True,
)
