"""Where an output may share memory with its input: how far the writes of a kernel trail its reads.

All of it is for kernels that compute their output in memory order. Distances are in bytes; `Write.trails` says what
they mean.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from ..ir import Graph, Op, Tensor
from ._window import Axis


def elementwise(op: Op, graph: Graph, positions: Iterable[int] = (0,)) -> Mapping[int, int]:
    """For a kernel that reads element i of its inputs, if not later ones, before it writes element i.

    ``positions`` are the inputs it holds for; constants are left out, and inputs smaller than the output, which are
    read more than once.
    """
    output = graph.output(op)
    sources = [graph.input(op, position) for position in positions]
    return {s.index: 0 for s in sources if s.data is None and s.bytes >= output.bytes and _may_alias(s, output)}


def parts(source: Tensor, output: Tensor, starts: npt.NDArray[np.int64]) -> Mapping[int, int]:
    """For a kernel that makes its output in equal parts, and needs the input from element starts[i] on for part i."""
    if (np.diff(starts) < 0).any():
        return {}
    return _trails(source, output, _distance(starts, source, output))


def rows(op: Op, graph: Graph, count: int) -> Mapping[int, int]:
    """For a kernel that makes ``count`` rows of output, each of a row of input 0 of which it needs all to the end."""
    source, output = graph.input(op, 0), graph.output(op)
    starts = np.arange(count) * (source.elements // count)
    return _trails(source, output, _distance(starts, source, output))


def window(op: Op, graph: Graph, vertical: Axis, horizontal: Axis, *, channelwise: bool = False) -> Mapping[int, int]:
    """For a kernel that slides a window over NHWC input 0 and makes all channels of a position before the next.

    ``channelwise``: output channel i needs input channel i alone, and there are as many.
    """
    source, output = graph.input(op, 0), graph.output(op)
    tops, lefts = (
        np.clip(np.arange(axis.output) * axis.stride - axis.padding, 0, axis.input) for axis in (vertical, horizontal)
    )
    # The first pixel that a position or a later one reads: the next row begins further left.
    pixels = tops[:, np.newaxis] * horizontal.input + lefts
    next_rows = np.append(tops[1:] * horizontal.input, vertical.input * horizontal.input)
    pixels = np.minimum(pixels, next_rows[:, np.newaxis]).ravel()
    image = vertical.input * horizontal.input
    batches = np.arange(source.shape[0])[:, np.newaxis]
    starts = (batches * image + pixels).ravel()
    if not channelwise:
        return _trails(source, output, _distance(starts * source.shape[3], source, output))
    positions = np.arange(len(starts))
    following = np.append(starts[1:], source.shape[0] * image)
    # Within a position a channel is behind by as much as the position; its last channel must leave what comes next.
    pixels_behind = max(int((positions - starts).max()), int((positions + 1 - following).max()), 0)
    return _trails(source, output, pixels_behind * source.shape[3] * source.dtype.bytes)


def _distance(starts: npt.NDArray[np.int64], source: Tensor, output: Tensor) -> int:
    """For an output of ``len(starts)`` equal parts: part i is written while input elements from ``starts[i]`` on are
    needed, none if that is all of them; it must not decrease."""
    part = output.bytes // len(starts)
    ends = (np.arange(len(starts)) + 1) * part
    return int((ends - starts * source.dtype.bytes).max(initial=0, where=starts < source.elements))


def _trails(source: Tensor, output: Tensor, distance: int) -> Mapping[int, int]:
    return {source.index: distance} if source.data is None and _may_alias(source, output) else {}


def _may_alias(source: Tensor, output: Tensor) -> bool:
    """Whether C++ keeps the order of reads and writes: it does for one type, and for bytes beside any other."""
    return source.dtype is output.dtype or 1 in (source.dtype.bytes, output.dtype.bytes)
