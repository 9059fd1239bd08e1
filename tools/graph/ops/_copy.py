"""Operators that only change a tensor's shape: free if input and output can share their memory, else a call of
kernels/copy.h."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy.typing as npt

from ...errors import ModelError
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Constants, Operator, portable
from ._channels import Renumbers
from ._quantized import check_arity, check_present, check_types, describe

TYPES = ("int8", "float32", "float16", "uint8", "int16", "int32", "int64", "bool")


def call(op: Op, graph: Graph) -> KernelCall:
    """Copies input 0 to output 0, byte for byte."""
    source, output = graph.input(op, 0), graph.output(op)
    arguments = (Read(source.index), Write(output.index, {} if source.data is not None else {source.index: 0}))
    return KernelCall("copy.h", "copy", (Params("CopyParams", {"bytes": output.bytes}),), arguments)


def reshapes(summary: str, inputs: Iterable[int]) -> Operator:
    """An operator that gives the elements of input 0 another shape; ``inputs`` are the numbers of inputs it may have.

    The new shape is the output tensor's; options and further inputs only repeat it.
    """

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, inputs)
        check_present(op, 0)
        source, output = graph.input(op, 0), graph.output(op)
        check_types(op, source, output, allowed=[DType(name) for name in TYPES])
        if source.elements != output.elements:
            raise ModelError(
                f"{op.where}: {describe(source)} and {describe(output)} differ in number of elements; convert the "
                f"model again"
            )

    return Operator(
        summary=summary,
        types=TYPES,
        check=check,
        variants=portable(call),
        keeps_range=True,
        one_quantization=(0,),
        channels=_Channels(),
        evaluate=_evaluate,
        view=True,
    )


def _evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """A constant input with the output's shape."""
    source, output = tensors[0], tensors[-1]
    return None if source.data is None or source.dtype is not output.dtype else source.data.reshape(output.shape)


class _Channels(Renumbers):
    """If the new last dimension is a multiple of the old one, each new channel is an old one."""

    def origins(self, op: Op, graph: Graph) -> Constants:
        before, after = graph.input(op, 0).shape, graph.output(op).shape
        if not before or not after or before[-1] == 0 or after[-1] % before[-1]:
            return {}
        return {i: i % before[-1] for i in range(after[-1])}
