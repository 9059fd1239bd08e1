"""PAD with constant paddings: surrounds a tensor with zeros (in integers, with its zero point)."""

from collections.abc import Sequence
from typing import Any

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import constant_int32, pad_front
from ._quantized import check_arity, check_per_tensor, check_present, check_shape, check_types, describe

DIMENSIONS = 5  # most dimensions of the kernel and of TFLM's


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (2,))
    check_present(op, 0, 1)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output)
    rank = len(source.shape)
    if rank > DIMENSIONS:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has {rank} dimensions, but the kernel takes at most {DIMENSIONS}; reshape "
            f"it before padding"
        )
    paddings = constant_int32(op, graph.input(op, 1), "paddings")
    if len(paddings) != 2 * rank or any(padding < 0 for padding in paddings):
        raise ModelError(
            f"{op.where}: the paddings {paddings} of {describe(source)} are not two nonnegative numbers per "
            f"dimension; convert the model again"
        )
    check_shape(op, output, [b + n + a for n, b, a in zip(source.shape, paddings[::2], paddings[1::2], strict=True)])
    if dtype is not DType.FLOAT32:
        check_per_tensor(op, source, output)


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    paddings = constant_int32(op, graph.input(op, 1), "paddings")
    shape, before, after = fold(source.shape, paddings[::2], paddings[1::2])
    fields: dict[str, Any] = {
        "input_shape": pad_front(shape, DIMENSIONS, 1),
        "before": pad_front(before, DIMENSIONS, 0),
        "after": pad_front(after, DIMENSIONS, 0),
        "value": 0.0 if source.dtype is DType.FLOAT32 else output.zero_point,
    }
    kind = source.dtype.value
    arguments = (Read(source.index), Write(output.index))
    return KernelCall("pad.h", f"pad_{kind}", (Params(f"Pad{kind.capitalize()}Params", fields),), arguments)


def fold(shape: Sequence[int], before: Sequence[int], after: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """The same padding in fewer loops: dimensions without padding are merged into the next outer dimension."""
    folded: list[tuple[int, int, int]] = []  # innermost first
    inner = 1  # elements of the unpadded dimensions inside the current one
    for size, low, high in zip(reversed(shape), reversed(before), reversed(after), strict=True):
        if low == high == 0:
            inner *= size
        else:
            folded.append((size * inner, low * inner, high * inner))
            inner = 1
    if inner > 1 or not folded:
        folded.append((inner, 0, 0))
    sizes, lows, highs = zip(*reversed(folded), strict=True)
    return list(sizes), list(lows), list(highs)


OPERATOR = Operator(
    summary="zeros around a tensor of up to five dimensions",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0,),
)
