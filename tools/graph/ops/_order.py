"""How far a kernel's writes must trail its reads for its output to overlap its input.

All functions are for kernels that compute their output in memory order. Distances are in bytes; see `Write.trails`.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from ..ir import DType, Graph, Op, Tensor
from ._window import Axis

CHARACTERS = {DType.INT8, DType.UINT8}  # may alias any type in C++; bool may not


def elementwise(op: Op, graph: Graph, positions: Iterable[int] = (0,)) -> Mapping[int, int]:
    """For a kernel that writes element i after its last read of input elements 0 … i.

    ``positions`` are the inputs that this applies to, except constants, inputs with fewer elements than the output
    (which are read more than once) and inputs with narrower elements.
    """
    output = graph.output(op)
    sources = [graph.input(op, position) for position in positions]
    large = [s for s in sources if s.elements >= output.elements and s.bytes >= output.bytes]
    return {s.index: 0 for s in large if s.data is None and _may_alias(s, output)}


def parts(source: Tensor, output: Tensor, starts: npt.NDArray[np.int64]) -> Mapping[int, int]:
    """For a kernel that computes its output in equal parts and needs input elements from starts[i] on for part i."""
    if (np.diff(starts) < 0).any():
        return {}
    return _trails(source, output, _distance(starts, source, output))


def rows(op: Op, graph: Graph, count: int) -> Mapping[int, int]:
    """For a kernel that computes ``count`` output rows, each from one whole row of input 0."""
    source, output = graph.input(op, 0), graph.output(op)
    starts = np.arange(count) * (source.elements // count)
    return _trails(source, output, _distance(starts, source, output))


def window(
    op: Op, graph: Graph, vertical: Axis, horizontal: Axis, *, channelwise: bool = False, together: int = 0
) -> Mapping[int, int]:
    """For a kernel that slides a window over NHWC input 0 and computes all channels of a position before the next.

    ``channelwise``: output channel i needs only input channel i, and both have the same number of channels.
    ``together``: it reads the windows of that many positions before it writes any of them; the last ones of an image
    may be fewer.
    """
    source, output = graph.input(op, 0), graph.output(op)
    tops, lefts = (
        np.clip(np.arange(axis.output) * axis.stride - axis.padding, 0, axis.input) for axis in (vertical, horizontal)
    )
    # The first pixel that this position or a later one reads: the next row starts further left.
    pixels = tops[:, np.newaxis] * horizontal.input + lefts
    next_rows = np.append(tops[1:] * horizontal.input, vertical.input * horizontal.input)
    pixels = np.minimum(pixels, next_rows[:, np.newaxis]).ravel()
    image = vertical.input * horizontal.input
    batches = np.arange(source.shape[0])[:, np.newaxis]
    if together:  # what the positions after those need
        after = (np.arange(len(pixels)) // together + 1) * together
        pixels = np.append(pixels, image)[np.minimum(after, len(pixels))]
    starts = (batches * image + pixels).ravel()
    if not channelwise:
        return _trails(source, output, _distance(starts * source.shape[3], source, output))
    positions = np.arange(len(starts))
    following = np.append(starts[1:], source.shape[0] * image)
    # While a position is written, each channel trails its own input channel. When its last channel has been written,
    # the output must not have reached the next position's first pixel.
    distance_pixels = max(int((positions - starts).max()), int((positions + 1 - following).max()), 0)
    return _trails(source, output, distance_pixels * source.shape[3] * source.dtype.bytes)


def _distance(starts: npt.NDArray[np.int64], source: Tensor, output: Tensor) -> int:
    """The distance for an output of ``len(starts)`` equal parts. While part i is written, input elements from
    ``starts[i]`` on are needed (none if that is the number of elements). ``starts`` must not decrease."""
    part = output.bytes // len(starts)
    ends = (np.arange(len(starts)) + 1) * part
    return int((ends - starts * source.dtype.bytes).max(initial=0, where=starts < source.elements))


def _trails(source: Tensor, output: Tensor, distance: int) -> Mapping[int, int]:
    return {source.index: distance} if source.data is None and _may_alias(source, output) else {}


def _may_alias(source: Tensor, output: Tensor) -> bool:
    """Whether C++ keeps the order of reads and writes: it does for equal types, and if either is a character type."""
    return source.dtype is output.dtype or bool(CHARACTERS & {source.dtype, output.dtype})
