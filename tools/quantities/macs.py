"""The multiplications of one inference, in the graph that runs: constant parts have been removed from it."""

from ..graph import ops
from ..kinds import COUNT
from . import Run

LABEL = "MACs"
KIND = COUNT


def of(run: Run) -> int | None:
    graph = run.program.graph
    return sum(ops.find(op.kind).macs(op, graph) for op in graph.ops) or None


def text(value: int) -> str:
    return f"{value:,}"
