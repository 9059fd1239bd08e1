"""Shared by the passes: dropping what nothing needs, and renumbering the rest."""

from collections.abc import Sequence
from dataclasses import replace

from .ir import Graph, Op


def live(ops: Sequence[Op], outputs: Sequence[int]) -> tuple[Op, ...]:
    """The operators whose outputs are read by a live operator or are outputs of the model, in the same order.

    Operators without outputs, which assign to variables, are live.
    """
    needed = set(outputs)
    found = []
    for op in reversed(ops):
        if not op.outputs or needed & set(op.outputs):
            found.append(op)
            needed |= {i for i in op.inputs if i is not None}
    return tuple(found[::-1])


def compact(graph: Graph) -> Graph:
    """The graph without unused tensors; operators and tensors are renumbered from 0."""
    used = {*graph.inputs, *graph.outputs}
    for op in graph.ops:
        used |= {*op.outputs, *(i for i in op.inputs if i is not None)}
    new = {old: i for i, old in enumerate(sorted(used))}
    ops = tuple(
        replace(
            op,
            index=i,
            inputs=tuple(None if t is None else new[t] for t in op.inputs),
            outputs=tuple(new[t] for t in op.outputs),
        )
        for i, op in enumerate(graph.ops)
    )
    return replace(
        graph,
        tensors=tuple(replace(graph.tensors[old], index=i) for old, i in new.items()),
        ops=ops,
        inputs=tuple(new[i] for i in graph.inputs),
        outputs=tuple(new[i] for i in graph.outputs),
    )
