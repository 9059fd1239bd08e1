"""Shared by the passes: removes dead operators and tensors, and renumbers the others."""

from collections.abc import Sequence
from dataclasses import replace

from .ir import Graph, Op


def live(ops: Sequence[Op], outputs: Sequence[int]) -> tuple[Op, ...]:
    """The live operators, in the same order: an output is an output of the model or is read by a live operator.

    Operators without outputs, which assign to variables, are always live.
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
