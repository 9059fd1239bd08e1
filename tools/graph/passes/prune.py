"""Graph → Graph without channels that are constant for every input, with bit-exact outputs.

An all-zero filter, as left by pruning, outputs just its bias. If no reader needs such a channel (pools, RELU, MEAN,
RESHAPE and depthwise convolutions pass it on; convolutions and dense layers absorb it), its weights are removed on both
sides, and its contribution to later sums is added to their bias. Each operator's module declares how it treats
channels.
"""

from collections.abc import Mapping
from dataclasses import replace

from .. import ops
from ..edit import compact
from ..ir import Graph, Op
from ..operator import Channels, Constants


def prune(graph: Graph) -> Graph:
    """The same model with fewer channels, or ``graph`` itself. Every operator must have passed check()."""
    constants = _constants(graph)
    removed = _removable(graph, constants)
    return _without(graph, constants, removed) if any(removed.values()) else graph


def _channels(op: Op) -> Channels:
    return ops.find(op.kind).channels


def _constants(graph: Graph) -> dict[int, Constants]:
    """The constant channels of every tensor that has any."""
    found: dict[int, Constants] = {}
    for op in graph.ops:
        source = {} if not op.inputs or op.inputs[0] is None else found.get(op.inputs[0], {})
        if known := _channels(op).constant(op, graph, source):
            found[op.outputs[0]] = known
    return found


def _removable(graph: Graph, constants: Mapping[int, Constants]) -> dict[int, set[int]]:
    """The constant channels that no operator needs: the sets shrink until every operator agrees."""
    fixed = {*graph.inputs, *graph.outputs}
    remove = {t: set(c) for t, c in constants.items() if t not in fixed}
    changed = True
    while changed:
        before = {t: set(c) for t, c in remove.items()}
        for op in graph.ops:
            for position, index in enumerate(op.inputs):
                if index in remove:
                    gone = remove.get(op.outputs[0], set())
                    spared = _channels(op).spared(op, graph, gone, constants[index]) if position == 0 else set()
                    remove[index] &= spared
            if op.outputs[0] in remove:
                remove[op.outputs[0]] &= _channels(op).carried(op, graph, _lost(op, remove))
        changed = before != remove
    return remove


def _lost(op: Op, remove: Mapping[int, set[int]]) -> set[int]:
    """The channels that an operator's first input loses."""
    return set() if not op.inputs or op.inputs[0] is None else remove.get(op.inputs[0], set())


def _without(graph: Graph, constants: Mapping[int, Constants], removed: Mapping[int, set[int]]) -> Graph:
    tensors = list(graph.tensors)
    for op in graph.ops:
        lost, gone = _lost(op, removed), removed.get(op.outputs[0], set())
        if lost or gone:
            values = {c: constants[graph.input(op, 0).index][c] for c in lost}
            for tensor in _channels(op).without(op, graph, values, gone):
                tensors[tensor.index] = tensor
    for index, lost in removed.items():
        if lost:
            *outer, last = graph.tensors[index].shape
            kept = tuple(i for i in range(last) if i not in lost)
            tensors[index] = replace(tensors[index], shape=(*outer, len(kept)), kept=kept)
    return compact(replace(graph, tensors=tuple(tensors)))
