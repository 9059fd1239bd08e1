"""Graph → Graph without channels that are the same number whatever the input, to the last bit the same outputs.

A filter of zeros, which pruning leaves behind, gives its bias alone. Where everything that reads such a channel can do
without it (through pools, RELU, MEAN, RESHAPE and depthwise convolutions up to convolutions and dense layers), its
weights go, on both sides, and what it added to later sums becomes part of their bias.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .fold import compact
from .ir import DType, Graph, Op, Tensor
from .ops import _quantized as q
from .ops._fixed_point import multiply_by_quantized_multiplier
from .ops._window import window_axes

FILTERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
POOLS = ("MAX_POOL_2D", "AVERAGE_POOL_2D")

# Position along a tensor's last dimension → the stored number that is there, always.
Constants = dict[int, int]


def prune(graph: Graph) -> Graph:
    """The same model with fewer channels, or ``graph`` itself. After every operator's check()."""
    constants = _constants(graph)
    removed = _removable(graph, constants)
    return _without(graph, constants, removed) if any(removed.values()) else graph


# --- which channels are constant --------------------------------------------------------------------------------------


def _constants(graph: Graph) -> dict[int, Constants]:
    """Constant channels of every tensor that has any."""
    found: dict[int, Constants] = {}
    for op in graph.ops:
        source = {} if op.inputs[0] is None else found.get(op.inputs[0], {})
        if op.kind in FILTERS:
            known = _of_filters(op, graph, source)
        elif op.kind in POOLS:
            known = {c: _clamped(op, graph, value) for c, value in source.items()}
        elif op.kind in ("RELU", "RELU6", "MEAN"):
            known = _of_zeros(op, graph, source)
        elif op.kind == "RESHAPE":
            known = {i: source[c] for i, c in _reshaped(op, graph).items() if c in source}
        else:
            known = {}
        if known:
            found[op.outputs[0]] = known
    return found


def _of_filters(op: Op, graph: Graph, source: Constants) -> Constants:
    """Channels whose weights are all zero, and those of a depthwise convolution that read nothing but zeros."""
    weights, output = graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    if weights.data is None or (bias is not None and bias.data is None) or _groups(op, graph) != 1:
        return {}
    dead = ~np.any(weights.data != weights.zero_point, axis=_others(op, weights))
    if op.kind == "DEPTHWISE_CONV_2D":
        for channel, value in source.items():
            if value == graph.input(op, 0).zero_point:
                dead[_multiplied(op, channel)] = True
    scales = () if weights.quantization is None else weights.quantization.scales
    if output.dtype is DType.FLOAT32 and len({*scales}) > 1 and len({*np.array(scales)[~dead]}) < 2:
        return {}  # one scale left would make another hybrid convolution of it
    values = {int(c): _bias_alone(op, graph, bias, int(c)) for c in np.flatnonzero(dead)}
    known = {c: value for c, value in values.items() if value is not None}
    return known if len(known) < output.shape[-1] else dict(list(known.items())[1:])  # one has to stay


def _bias_alone(op: Op, graph: Graph, bias: Tensor | None, channel: int) -> int | None:
    """The output element that a sum of nothing but the bias becomes; None where that is not worked out.

    Other than int8 only a zero is: it is the one float that adds nothing wherever in a sum it stands.
    """
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    alone = 0 if bias is None else bias.data.ravel()[channel]  # type: ignore[union-attr]
    if output.dtype is not DType.INT8:
        return 0 if alone == 0 or (alone < 0 and op.attributes.activation in ("RELU", "RELU6")) else None
    multipliers, shifts = q.channel_multipliers(op, source, weights, output, output.shape[-1])
    multiplier, shift = int(multipliers[channel]), int(shifts[channel])
    if abs(int(alone)) << max(shift, 0) >= 2**31:
        return None
    value = multiply_by_quantized_multiplier(int(alone), multiplier, shift) + output.zero_point
    return _clamped(op, graph, value)


def _clamped(op: Op, graph: Graph, value: int) -> int:
    """A stored number within the fused activation; the zero of other types than int8 is inside of every one."""
    output = graph.output(op)
    if output.dtype is not DType.INT8:
        return value
    low, high = q.integer_activation_range(op, output, op.attributes.activation)
    return min(max(value, low), high)


def _of_zeros(op: Op, graph: Graph, source: Constants) -> Constants:
    """Channels of real zeros, which RELU and MEAN over other dimensions keep."""
    before, after = graph.input(op, 0), graph.output(op)
    if op.kind == "MEAN" and (not after.shape or after.shape[-1] != before.shape[-1] or _averages_channels(op, graph)):
        return {}
    return {c: after.zero_point for c, value in source.items() if value == before.zero_point}


def _averages_channels(op: Op, graph: Graph) -> bool:
    axes, rank = graph.input(op, 1), len(graph.input(op, 0).shape)
    return axes.data is None or any(int(axis) % rank == rank - 1 for axis in axes.data.ravel())


def _reshaped(op: Op, graph: Graph) -> dict[int, int]:
    """For every position along the output's last dimension the one along the input's that comes there.

    Empty where a new last dimension does not consist of whole old ones.
    """
    before, after = graph.input(op, 0).shape, graph.output(op).shape
    if not before or not after or before[-1] == 0 or after[-1] % before[-1]:
        return {}
    return {i: i % before[-1] for i in range(after[-1])}


# --- which of them can go ---------------------------------------------------------------------------------------------


def _removable(graph: Graph, constants: Mapping[int, Constants]) -> dict[int, set[int]]:
    """Of the constant channels those that no operator needs: shrunk until every operator agrees."""
    ports = {*graph.inputs, *graph.outputs}
    remove = {t: set(c) for t, c in constants.items() if t not in ports}
    changed = True
    while changed:
        before = {t: set(c) for t, c in remove.items()}
        for op in graph.ops:
            for position, index in enumerate(op.inputs):
                if index in remove:
                    remove[index] &= _spared(op, graph, position, remove, constants[index])
            if op.outputs[0] in remove:
                remove[op.outputs[0]] &= _carried(op, graph, remove)
        changed = before != remove
    return remove


def _spared(op: Op, graph: Graph, position: int, remove: Mapping[int, set[int]], values: Constants) -> set[int]:
    """The channels of an input that an operator can do without, were those of its output in ``remove`` gone."""
    if position != 0:
        return set()
    source, gone = graph.input(op, 0), remove.get(op.outputs[0], set())
    if op.kind == "DEPTHWISE_CONV_2D":
        return {c for c in values if set(_multiplied(op, c)) <= gone}
    if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
        if not _can_shrink(op, graph):
            return set()
        zeros = {c for c, value in values.items() if value == source.zero_point}
        bias = graph.optional_input(op, 2)
        sums = source.dtype is DType.INT8 and bias is not None and bias.data is not None and not _pads(op, graph)
        return set(values) if sums else zeros
    if op.kind == "RESHAPE":
        places = _reshaped(op, graph)
        return {c for c in values if places and {i for i, origin in places.items() if origin == c} <= gone}
    return gone


def _carried(op: Op, graph: Graph, remove: Mapping[int, set[int]]) -> set[int]:
    """The channels of its output that an operator can leave out, were those of its input in ``remove`` gone."""
    if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
        return set(range(graph.output(op).shape[-1])) if _can_shrink(op, graph) else set()
    gone = _lost(op, remove)
    if op.kind == "DEPTHWISE_CONV_2D":
        return {i for c in gone for i in _multiplied(op, c)} if _can_shrink(op, graph) else set()
    return {i for i, c in _reshaped(op, graph).items() if c in gone} if op.kind == "RESHAPE" else gone


def _lost(op: Op, remove: Mapping[int, set[int]]) -> set[int]:
    """The channels that an operator's first input loses."""
    return set() if op.inputs[0] is None else remove.get(op.inputs[0], set())


def _can_shrink(op: Op, graph: Graph) -> bool:
    """Whether a layer's weights and bias are constants of its own, and its weights over its input's last dimension."""
    own = {i for i in op.inputs[1:] if i is not None}
    shared = any(own & set(other.inputs) for other in graph.ops if other.index != op.index)
    constant = all(graph.tensors[i].data is not None for i in own)
    whole = op.kind != "FULLY_CONNECTED" or graph.input(op, 0).shape[-1] == graph.input(op, 1).shape[1]
    return constant and not shared and whole and _groups(op, graph) == 1


def _pads(op: Op, graph: Graph) -> bool:
    """Whether a window of a convolution can reach outside of the image, where nothing is added."""
    if op.kind != "CONV_2D":
        return False
    a, source, weights = op.attributes, graph.input(op, 0), graph.input(op, 1)
    axes = window_axes(a.padding, source, (weights.shape[1], weights.shape[2]), a.stride, a.dilation)
    return any(x.padding > 0 or (x.output - 1) * x.stride + x.reach > x.input for x in axes)


# --- the graph without them -------------------------------------------------------------------------------------------


def _without(graph: Graph, constants: Mapping[int, Constants], removed: Mapping[int, set[int]]) -> Graph:
    tensors = list(graph.tensors)
    for op in graph.ops:
        if op.kind not in FILTERS:
            continue
        weights, bias = graph.input(op, 1), graph.optional_input(op, 2)
        lost_in = _lost(op, removed)
        lost_out = removed.get(op.outputs[0], set())
        if op.kind != "DEPTHWISE_CONV_2D" and lost_in:
            if bias is not None and graph.input(op, 0).dtype is DType.INT8:
                known = {c: constants[graph.input(op, 0).index][c] for c in lost_in}
                tensors[bias.index] = _with_sums(op, graph, tensors[bias.index], known)
            tensors[weights.index] = _cut(tensors[weights.index], len(weights.shape) - 1, lost_in)
        if lost_out:
            tensors[weights.index] = _cut(tensors[weights.index], _axis(op), lost_out)
            if bias is not None:
                tensors[bias.index] = _cut(_flat(tensors[bias.index]), 0, lost_out)
    for index, lost in removed.items():
        if lost:
            *outer, last = graph.tensors[index].shape
            kept = tuple(i for i in range(last) if i not in lost)
            tensors[index] = replace(tensors[index], shape=(*outer, len(kept)), kept=kept)
    return compact(replace(graph, tensors=tuple(tensors)))


def _with_sums(op: Op, graph: Graph, bias: Tensor, known: Constants) -> Tensor:
    """The bias and, in it, what constant input channels add to every int8 sum (modulo 2^32)."""
    source, weights = graph.input(op, 0), graph.input(op, 1)
    assert weights.data is not None and bias.data is not None
    added = np.zeros(weights.shape[0], np.int64)
    for channel, value in known.items():
        taps = weights.data[..., channel].reshape(weights.shape[0], -1).astype(np.int64) - weights.zero_point
        added += (value - source.zero_point) * taps.sum(1)
    wide = bias.data.astype(np.int64) + added.reshape(bias.data.shape)
    return replace(bias, data=(wide & 0xFFFFFFFF).astype(np.uint32).view(np.int32))


def _cut(tensor: Tensor, axis: int, lost: set[int]) -> Tensor:
    """A constant without some positions along a dimension, its scales included."""
    assert tensor.data is not None
    data: npt.NDArray[Any] = np.delete(tensor.data, sorted(lost), axis)
    quantization = tensor.quantization
    if quantization is not None and quantization.per_channel and quantization.axis == axis:
        stay = [i for i in range(tensor.shape[axis]) if i not in lost]
        scales = tuple(quantization.scales[i] for i in stay)
        quantization = replace(
            quantization, scales=scales, zero_points=tuple(quantization.zero_points[i] for i in stay)
        )
    return replace(tensor, shape=data.shape, data=data, quantization=quantization)


def _flat(bias: Tensor) -> Tensor:
    """A bias along one dimension; a file may give it others of size 1 in any place."""
    assert bias.data is not None
    return replace(bias, shape=(bias.elements,), data=bias.data.ravel())


def _axis(op: Op) -> int:
    """The dimension of output channels in a layer's weights."""
    return 3 if op.kind == "DEPTHWISE_CONV_2D" else 0


def _others(op: Op, weights: Tensor) -> tuple[int, ...]:
    return tuple(i for i in range(len(weights.shape)) if i != _axis(op))


def _groups(op: Op, graph: Graph) -> int:
    if op.kind != "CONV_2D":
        return 1
    return graph.input(op, 0).shape[3] // graph.input(op, 1).shape[3]


def _multiplied(op: Op, channel: int) -> list[int]:
    """The output channels of a depthwise convolution that read an input channel."""
    multiplier = op.attributes.depth_multiplier
    return list(range(channel * multiplier, (channel + 1) * multiplier))
