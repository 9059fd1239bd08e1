"""How operators treat individual channels, for passes/prune.py: see Channels in graph/operator.py."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import DType, Graph, Op, Tensor
from ..operator import Constants, NoChannels
from . import _quantized as q
from ._fixed_point import multiply_by_quantized_multiplier
from ._window import window_axes


class KeepsZeros(NoChannels):
    """Each output channel comes from the input channel of the same number, and zeros stay zeros."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        before, after = graph.input(op, 0), graph.output(op)
        return {c: after.zero_point for c, value in source.items() if value == before.zero_point}

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        return gone

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        return lost


class Clamps(KeepsZeros):
    """Like KeepsZeros, and other values are only clamped to the fused activation."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        return {c: clamped(op, graph, value) for c, value in source.items()}


class Renumbers(NoChannels, ABC):
    """Each output channel is an input channel, given by ``origins``."""

    @abstractmethod
    def origins(self, op: Op, graph: Graph) -> Constants:
        """Output channel → its input channel; {} if they do not correspond."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        return {i: source[c] for i, c in self.origins(op, graph).items() if c in source}

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        origins = self.origins(op, graph)
        return {c for c in source if origins and {i for i, origin in origins.items() if origin == c} <= gone}

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        return {i for i, c in self.origins(op, graph).items() if c in lost}


class Sums(NoChannels):
    """Every output channel is a weighted sum of input channels: convolutions and dense layers.

    ``axis`` is the dimension of output channels in the weights.
    """

    reads_one_channel = False

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        """Channels whose weights are all zero; if those of every channel are, all but one, because one has to stay."""
        weights, output = graph.input(op, 1), graph.output(op)
        bias = graph.optional_input(op, 2)
        if weights.data is None or (bias is not None and bias.data is None) or not self.is_whole(op, graph):
            return {}
        others = tuple(i for i in range(len(weights.shape)) if i != self.axis)
        dead = ~np.any(weights.data != weights.zero_point, axis=others)
        dead |= self.sums_nothing(op, graph, source)
        scales = () if weights.quantization is None else weights.quantization.scales
        if output.dtype is DType.FLOAT32 and len({*scales}) > 1 and len({*np.array(scales)[~dead]}) < 2:
            return {}  # a single remaining scale would select another kind of hybrid convolution
        values = {int(c): _bias_alone(op, graph, bias, int(c)) for c in np.flatnonzero(dead)}
        known = {c: value for c, value in values.items() if value is not None}
        return known if len(known) < output.shape[-1] else dict(list(known.items())[1:])

    def sums_nothing(self, op: Op, graph: Graph, source: Constants) -> npt.NDArray[np.bool_]:
        """Output channels that are zero because all their inputs are."""
        return np.zeros(graph.output(op).shape[-1], bool)

    def is_whole(self, op: Op, graph: Graph) -> bool:
        """Whether every output channel reads all input channels, each as a channel of its own."""
        return graph.input(op, 0).shape[-1] == graph.input(op, 1).shape[-1]

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        if not self.can_shrink(op, graph):
            return set()
        before, bias = graph.input(op, 0), graph.optional_input(op, 2)
        zeros = {c for c, value in source.items() if value == before.zero_point}
        sums = before.dtype is DType.INT8 and bias is not None and bias.data is not None and not _pads(op, graph)
        return set(source) if sums else zeros

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        return set(range(graph.output(op).shape[-1])) if self.can_shrink(op, graph) else set()

    def can_shrink(self, op: Op, graph: Graph) -> bool:
        """Whether the weights and bias are constants that no other operator reads and cover all input channels."""
        own = {i for i in op.inputs[1:] if i is not None}
        shared = any(own & set(other.inputs) for other in graph.ops if other.index != op.index)
        constant = all(graph.tensors[i].data is not None for i in own)
        return constant and not shared and self.is_whole(op, graph)

    def without(self, op: Op, graph: Graph, lost: Constants, gone: set[int]) -> Sequence[Tensor]:
        weights, bias = graph.input(op, 1), graph.optional_input(op, 2)
        if lost and bias is not None and graph.input(op, 0).dtype is DType.INT8:
            bias = _with_sums(op, graph, bias, lost)
        if lost:
            weights = cut(weights, len(weights.shape) - 1, set(lost))
        weights = cut(weights, self.axis, gone)
        return (weights,) if bias is None else (weights, cut(_flat(bias), 0, gone))


class DepthwiseSums(Sums):
    """Every output channel is a weighted sum over one input channel, which may be read by several output channels."""

    reads_one_channel = True

    def is_whole(self, op: Op, graph: Graph) -> bool:
        return True

    def sums_nothing(self, op: Op, graph: Graph, source: Constants) -> npt.NDArray[np.bool_]:
        dead = np.zeros(graph.output(op).shape[-1], bool)
        for channel, value in source.items():
            if value == graph.input(op, 0).zero_point:
                dead[_multiplied(op, channel)] = True
        return dead

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        return {c for c in source if set(_multiplied(op, c)) <= gone}

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        return {i for c in lost for i in _multiplied(op, c)} if self.can_shrink(op, graph) else set()

    def without(self, op: Op, graph: Graph, lost: Constants, gone: set[int]) -> Sequence[Tensor]:
        return super().without(op, graph, {}, gone)


def clamped(op: Op, graph: Graph, value: int) -> int:
    """A stored number clamped to the fused activation. Types other than int8 hold only zeros, which every activation
    keeps."""
    output = graph.output(op)
    if output.dtype is not DType.INT8:
        return value
    low, high = q.integer_activation_range(op, output, op.attributes.activation)
    return min(max(value, low), high)


def cut(tensor: Tensor, axis: int, lost: set[int]) -> Tensor:
    """A constant without the positions ``lost`` along ``axis``, and without their scales."""
    if not lost:
        return tensor
    assert tensor.data is not None
    data: npt.NDArray[Any] = np.delete(tensor.data, sorted(lost), axis)
    quantization = tensor.quantization
    if quantization is not None and quantization.per_channel and quantization.axis == axis:
        stay = [i for i in range(tensor.shape[axis]) if i not in lost]
        scales = tuple(quantization.scales[i] for i in stay)
        zero_points = tuple(quantization.zero_points[i] for i in stay)
        quantization = replace(quantization, scales=scales, zero_points=zero_points)
    return replace(tensor, shape=data.shape, data=data, quantization=quantization)


def _flat(bias: Tensor) -> Tensor:
    """A bias with one dimension; in the file, it may have additional dimensions of size 1."""
    assert bias.data is not None
    return replace(bias, shape=(bias.elements,), data=bias.data.ravel())


def _multiplied(op: Op, channel: int) -> list[int]:
    """The output channels of a depthwise convolution that read an input channel."""
    multiplier = op.attributes.depth_multiplier
    return list(range(channel * multiplier, (channel + 1) * multiplier))


def _bias_alone(op: Op, graph: Graph, bias: Tensor | None, channel: int) -> int | None:
    """The output value of a sum that consists of the bias alone; None if it is not determined.

    For types other than int8 it is determined only if it is zero: the only float whose removal never changes a sum.
    """
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    alone = 0 if bias is None else bias.data.ravel()[channel]  # type: ignore[union-attr]
    if output.dtype is not DType.INT8:
        return 0 if alone == 0 or (alone < 0 and op.attributes.activation in ("RELU", "RELU6")) else None
    assert weights.quantization is not None
    scales = weights.quantization.scales
    scale = scales[channel] if weights.quantization.per_channel else scales[0]
    multiplier, shift = q.channel_multiplier(op, source, scale, output)
    if abs(int(alone)) << max(shift, 0) >= 2**31:
        return None
    value = multiply_by_quantized_multiplier(int(alone), multiplier, shift) + output.zero_point
    return clamped(op, graph, value)


def _pads(op: Op, graph: Graph) -> bool:
    """Whether a window of a convolution extends into the padding, which adds nothing to the sum."""
    attributes, source, weights = op.attributes, graph.input(op, 0), graph.input(op, 1)
    if not hasattr(attributes, "padding"):
        return False
    _, height, width, _ = weights.shape
    axes = window_axes(attributes.padding, source, (height, width), attributes.stride, attributes.dilation)
    return any(x.padding > 0 or (x.output - 1) * x.stride + x.reach > x.input for x in axes)


def _with_sums(op: Op, graph: Graph, bias: Tensor, known: Constants) -> Tensor:
    """The bias plus the contribution of constant input channels to every int8 sum (modulo 2^32)."""
    source, weights = graph.input(op, 0), graph.input(op, 1)
    assert weights.data is not None and bias.data is not None
    added = np.zeros(weights.shape[0], np.int64)
    for channel, value in known.items():
        taps = weights.data[..., channel].reshape(weights.shape[0], -1).astype(np.int64) - weights.zero_point
        added += (value - source.zero_point) * taps.sum(1)
    wide = bias.data.astype(np.int64) + added.reshape(bias.data.shape)
    return replace(bias, data=(wide & 0xFFFFFFFF).astype(np.uint32).view(np.int32))
