"""Structured pruning: removes the filters with the smallest norm, and everything that depends only on them.

A pure function on networks. Every channel of every tensor has an id; layers that must agree on their channels (the two
sides of an addition, a depthwise convolution and its input) share ids. Removing a filter removes its id everywhere.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import CompressError
from .network import INPUT, Array, Layer, Network

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PRODUCERS = ("Conv2D", "Dense", "SeparableConv2D")  # each of their filters computes one channel


def prune(network: Network, share: float) -> Network:
    """The network without ``share`` (0 … 1) of the filters of each layer, rounded down; at least one remains.

    The filters with the smallest L2 norm are removed (Li et al., "Pruning Filters for Efficient ConvNets", 2017, with
    L2 instead of L1). Batch normalization is folded in, since it scales the filter's effect. Layers that share channels
    are ranked together by the mean of their squared norms, each relative to its layer. Inputs and outputs of the
    network keep their channels, as do the inputs of a reshape or a softmax. What a removed filter's bias contributed to
    later layers is lost; removing a filter whose output is always zero changes nothing.

    Raises CompressError if no filter would be removed.
    """
    links = _link(network)
    removed = _choose(network, links, share)
    return Network(network.name, tuple(_sliced(layer, links, removed) for layer in network.layers))


class _Links:
    """Which channels are tied together: disjoint sets of ids. ``of`` holds the ids of each layer's output."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self.of: dict[str, Ids] = {}
        self.read: dict[str, Ids] = {}  # a layer's first input
        self._fixed: list[int] = []

    def new(self, count: int) -> Ids:
        first = len(self._parents)
        self._parents += range(first, first + count)
        return np.arange(first, first + count)

    def root(self, i: int) -> int:
        while self._parents[i] != i:
            self._parents[i] = i = self._parents[self._parents[i]]
        return i

    def roots(self, ids: Ids) -> Ids:
        return np.array([self.root(int(i)) for i in ids], np.int64)

    def join(self, a: Ids, b: Ids) -> None:
        for i, j in zip(a, b, strict=True):
            self._parents[self.root(int(i))] = self.root(int(j))

    def fix(self, ids: Ids) -> None:
        """Keeps these channels from being removed."""
        self._fixed += (int(i) for i in ids)

    def fixed(self) -> set[int]:
        return {self.root(i) for i in self._fixed}


def _link(network: Network) -> _Links:
    links = _Links()
    shapes = {layer.name: layer.shape for layer in network.layers}
    for layer in network.layers:
        inputs = [links.of[name] for name in layer.inputs]
        links.read[layer.name] = inputs[0] if inputs else links.new(0)
        links.of[layer.name] = _output(layer, inputs, [shapes[name] for name in layer.inputs], links)
    links.fix(links.of[network.layers[0].name])
    links.fix(links.of[network.layers[-1].name])
    return links


def _output(layer: Layer, inputs: list[Ids], shapes: list[tuple[int, ...]], links: _Links) -> Ids:
    """The ids along the last axis of a layer's output."""
    if layer.kind == INPUT:
        return links.new(layer.shape[-1])
    if layer.kind in PRODUCERS:
        made = links.new(layer.shape[-1])
        if layer.config.get("groups", 1) != 1:  # each group of inputs is tied to a group of outputs
            links.fix(inputs[0])
            links.fix(made)
        if layer.is_softmax:
            links.fix(made)
        return made
    if layer.kind == "DepthwiseConv2D":  # output channel c * multiplier + m reads input channel c
        return np.repeat(inputs[0], layer.config.get("depth_multiplier", 1))
    if layer.kind == "Flatten":  # feature (row * width + column) * channels + c is from channel c
        return np.tile(inputs[0], int(np.prod(shapes[0][:-1], dtype=np.int64)))
    if layer.kind == "Concatenate" and layer.config.get("axis", -1) in (-1, len(layer.shape)):
        return np.concatenate(inputs)
    if layer.kind in ("Add", "Concatenate"):
        for other in inputs[1:]:
            links.join(inputs[0], other)
        return inputs[0]
    if layer.kind in ("Reshape", "Rescaling") or layer.is_softmax:
        links.fix(inputs[0])
    if layer.kind == "Reshape":
        made = links.new(layer.shape[-1])
        links.fix(made)
        return made
    return inputs[0]


def _choose(network: Network, links: _Links, share: float) -> set[int]:
    """The roots of the channels to remove."""
    fixed = links.fixed()
    made = {layer.name: links.roots(links.of[layer.name]) for layer in network.layers if layer.kind in PRODUCERS}
    scores: dict[int, list[float]] = {}
    for layer in network.layers:
        if layer.name in made:
            squares = _norms(layer, network) ** 2
            squares /= squares.mean() or 1.0
            for root, square in zip(made[layer.name], squares, strict=True):
                scores.setdefault(int(root), []).append(float(square))
    rank = {root: float(np.mean(found)) for root, found in scores.items()}
    removed: set[int] = set()
    most = 0
    for members in _together(made):
        best = {max((int(i) for i in made[name]), key=rank.__getitem__) for name in members}  # every layer keeps one
        roots = sorted({int(i) for name in members for i in made[name]} - fixed)
        candidates = sorted(set(roots) - best, key=lambda root: (rank[root], root))
        removed.update(candidates[: int(share * len(roots) + 1e-9)])
        most = max(most, len(roots) if candidates else 0)
    if not removed and most:
        raise CompressError(
            f"{share:g} of the {most} filters in the largest layer of {network.name} is less than one filter: give a "
            "larger share"
        )
    if not removed:
        raise CompressError(
            f"{network.name} has no filters that can be removed: its last layer, grouped convolutions and layers "
            "before a reshape keep all of theirs, and every layer keeps at least one"
        )
    return removed


def _together(made: Mapping[str, Ids]) -> list[list[str]]:
    """Producers grouped by shared channels, directly or through other producers."""
    sets: list[tuple[set[int], list[str]]] = []
    for name, roots in made.items():
        own, names = {int(i) for i in roots}, [name]
        apart = []
        for other, members in sets:
            if own & other:
                own, names = own | other, members + names
            else:
                apart.append((other, members))
        sets = [*apart, (own, names)]
    return [names for _, names in sets]


def _norms(layer: Layer, network: Network) -> npt.NDArray[np.float64]:
    """The L2 norm of each filter, times the factor of a batch normalization that directly follows."""
    kernel = layer.weights[1 if layer.kind == "SeparableConv2D" else 0].astype(np.float64)
    norms: npt.NDArray[np.float64] = np.sqrt(np.square(kernel).reshape(-1, kernel.shape[-1]).sum(axis=0))
    readers = [other for other in network.layers if layer.name in other.inputs]
    if len(readers) == 1 and readers[0].kind == "BatchNormalization":
        norm = readers[0]
        gamma = norm.weights[0] if norm.config.get("scale", True) else np.ones(len(norms))
        norms *= np.abs(gamma) / np.sqrt(norm.weights[-1] + norm.config.get("epsilon", 1e-3))
    return norms


def _sliced(layer: Layer, links: _Links, removed: set[int]) -> Layer:
    """The layer with its remaining weights."""

    def kept(ids: Ids) -> Mask:
        return np.array([root not in removed for root in links.roots(ids).tolist()], bool)

    into, out = kept(links.read[layer.name]), kept(links.of[layer.name])
    config: dict[str, Any] = dict(layer.config)
    for key in ("filters", "units"):
        if key in config:
            config[key] = int(out.sum())
    shape = (*layer.shape[:-1], int(out.sum()))
    return replace(layer, config=config, shape=shape, weights=_weights(layer, into, out))


def _weights(layer: Layer, into: Mask, out: Mask) -> tuple[Array, ...]:
    if not layer.weights or (into.all() and out.all()):
        return layer.weights
    first, *others = layer.weights
    if layer.kind in ("Conv2D", "Dense"):
        first = first[..., into, :][..., out]
    elif layer.kind == "DepthwiseConv2D":
        first = first[:, :, into]
    elif layer.kind == "SeparableConv2D":
        between = np.repeat(into, layer.config.get("depth_multiplier", 1))
        first, others[0] = first[:, :, into], others[0][:, :, between][..., out]
        return (first, others[0], *(bias[out] for bias in others[1:]))
    else:  # batch normalization: one number per channel
        first = first[out]
    return (first, *(array[out] for array in others))
