"""Graph → Graph with unique layer names for the remaining operators."""

from dataclasses import replace

from ..ir import Graph
from ..layer_names import layer_names, telling_names


def rename(graph: Graph) -> Graph:
    """The same model; only operator names change."""
    names = layer_names([(op.kind, telling_names(op, graph.tensors)) for op in graph.ops])
    return replace(graph, ops=tuple(replace(op, name=name) for op, name in zip(graph.ops, names, strict=True)))
