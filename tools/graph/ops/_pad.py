"""PAD and PADV2 with constant paddings: graph operator → call of kernels/pad.h."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._elementwise import check_quantized, constant_indices, pad_front
from ._quantized import INTEGER_LIMITS, check_arity, check_per_tensor, check_present, check_shape, check_types, describe

DIMENSIONS = 5  # maximum of the kernel and of TFLM's
CPP = {
    "int8": "int8_t",
    "int16": "int16_t",
    "float32": "float",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
}
TYPES = tuple(CPP)


def pads(summary: str, value: int | None = None) -> Operator:
    """An operator that surrounds input 0 with the constant of input ``value`` or, without one, with zeros (in integers,
    with the zero point)."""
    inputs = 2 if value is None else 3

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, (inputs,))
        check_present(op, *range(inputs))
        source, output = graph.input(op, 0), graph.output(op)
        dtype = check_types(op, source, output, allowed=[DType(name) for name in TYPES])
        rank = len(source.shape)
        if rank > DIMENSIONS:
            raise UnsupportedModel(
                f"{op.where}: {describe(source)} has {rank} dimensions, but the kernel takes at most {DIMENSIONS}; "
                f"reshape it before padding"
            )
        paddings = constant_indices(op, graph.input(op, 1), "paddings")
        if len(paddings) != 2 * rank or any(padding < 0 for padding in paddings):
            raise ModelError(
                f"{op.where}: the paddings {paddings} of {describe(source)} are not two nonnegative numbers per "
                f"dimension; convert the model again"
            )
        shape = [b + n + a for n, b, a in zip(source.shape, paddings[::2], paddings[1::2], strict=True)]
        check_shape(op, output, shape)
        if value is not None:
            _check_value(op, graph.input(op, value), dtype)
        elif dtype in INTEGER_LIMITS:
            for tensor in (source, output):
                (check_quantized if dtype is DType.UINT8 else check_per_tensor)(op, tensor)

    def call(op: Op, graph: Graph) -> KernelCall:
        source, output = graph.input(op, 0), graph.output(op)
        paddings = constant_indices(op, graph.input(op, 1), "paddings")
        shape, before, after = fold(source.shape, paddings[::2], paddings[1::2])
        border = np.array(output.zero_point) if value is None else graph.input(op, value).data
        assert border is not None
        fields: dict[str, Any] = {
            "input_shape": pad_front(shape, DIMENSIONS, 1),
            "before": pad_front(before, DIMENSIONS, 0),
            "after": pad_front(after, DIMENSIONS, 0),
            "value": float(border.item()) if source.dtype is DType.FLOAT32 else int(border.item()),
        }
        params = Params(f"PadParams<{CPP[source.dtype.value]}>", fields)
        return KernelCall("pad.h", "pad", (params,), (Read(source.index), Write(output.index)))

    return Operator(
        summary=summary,
        types=TYPES,
        check=check,
        variants=portable(call),
        keeps_range=True,
        one_quantization=(0,) if value is None else (0, value),
    )


def _check_value(op: Op, value: Tensor, dtype: DType) -> None:
    check_types(op, value, allowed=(dtype,))
    if value.data is None or value.elements != 1:
        raise UnsupportedModel(
            f"{op.where}: the padding value {describe(value)} must be a constant of one element; make it one in the "
            f"Keras model"
        )


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
