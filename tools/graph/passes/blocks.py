"""Graph → Graph in which the graphs that operators run are simplified, too."""

from dataclasses import replace

from ..ir import Graph
from .fold import fold
from .rename import rename


def blocks(graph: Graph) -> Graph:
    """The same model, or ``graph`` itself if no operator runs blocks."""
    if not any(op.blocks for op in graph.ops):
        return graph
    ops = tuple(replace(op, blocks=tuple(rename(blocks(fold(each))) for each in op.blocks)) for op in graph.ops)
    return replace(graph, ops=ops)
