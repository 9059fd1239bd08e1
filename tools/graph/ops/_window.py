"""Sliding windows of convolutions and pools: output sizes and padding as TFLite computes them."""

from dataclasses import dataclass

import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import Op, Tensor
from ._quantized import check_not_empty, check_rank, describe, enum_name

PADDINGS = ("SAME", "VALID")
MAX_STEP = 32767  # of a stride or dilation: TFLM keeps 16 bits, LiteRT refuses more


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a sliding window. Sizes are in elements; ``padding`` is that before the first input."""

    input: int
    filter: int
    stride: int
    dilation: int
    output: int
    padding: int

    @property
    def reach(self) -> int:
        """Elements from the first to the last tap, inclusive."""
        return (self.filter - 1) * self.dilation + 1


def padding_name(value: int) -> str:
    """SAME or VALID; check_window() later rejects any other value."""
    return enum_name(tflite.Padding, value)


def window_axis(padding: str, size: int, filter_size: int, stride: int, dilation: int = 1) -> Axis:
    """Output size and leading padding of one axis.

    TFLite: ComputeOutSize and ComputePadding in tensorflow/lite/kernels/padding.h; if the total padding is odd, the
    smaller half comes first. ``padding`` is SAME or VALID. With VALID, the output size is below 1 if the filter is
    larger than the input.
    """
    reach = (filter_size - 1) * dilation + 1
    output = -(-size // stride) if padding == "SAME" else (size + stride - reach) // stride
    total = max((output - 1) * stride + reach - size, 0)
    return Axis(size, filter_size, stride, dilation if filter_size > 1 else 1, output, total // 2)


def window_axes(
    padding: str,
    source: Tensor,
    filter_size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[Axis, Axis]:
    """The (vertical, horizontal) axes of a window over an NHWC tensor; pairs are (height, width)."""
    vertical = window_axis(padding, source.shape[1], filter_size[0], stride[0], dilation[0])
    horizontal = window_axis(padding, source.shape[2], filter_size[1], stride[1], dilation[1])
    return vertical, horizontal


def check_window(
    op: Op,
    padding: str,
    source: Tensor,
    filter_size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[Axis, Axis]:
    """window_axes(), checked.

    Raises ModelError for sizes below 1, an unknown padding, and a filter larger than the input with VALID;
    UnsupportedModel for an input that is not NHWC, and a window too large for 32-bit offsets.
    """
    check_rank(op, source, 4)
    check_not_empty(op, source)
    if padding not in PADDINGS:
        raise ModelError(f"{op.where}: padding {padding} is neither SAME nor VALID; convert the model again")
    for what, pair in (("filter size", filter_size), ("stride", stride), ("dilation", dilation)):
        if min(pair) < 1:
            raise ModelError(f"{op.where}: {what} {pair[0]}x{pair[1]} must be at least 1x1; convert the model again")
        if max(pair) > MAX_STEP and what != "filter size":
            raise UnsupportedModel(f"{op.where}: {what} {pair[0]}x{pair[1]} is above {MAX_STEP}; use a smaller one")
    vertical, horizontal = window_axes(padding, source, filter_size, stride, dilation)
    if min(vertical.output, horizontal.output) < 1:
        raise ModelError(
            f"{op.where}: a filter of {filter_size[0]}x{filter_size[1]} with dilation {dilation[0]}x{dilation[1]} does "
            f"not fit into {describe(source)} without padding; use padding='same' or a larger input"
        )
    _, height, width, depth = source.shape
    if (vertical.reach + height) * (horizontal.reach + width) * depth >= 2**31:
        raise UnsupportedModel(
            f"{op.where}: its window of {vertical.reach}x{horizontal.reach} over {describe(source)} is too large for "
            f"32-bit offsets; use a smaller filter or dilation"
        )
    return vertical, horizontal
