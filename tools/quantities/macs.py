"""The multiplications of one inference: those of the graph that runs, after what is always the same was removed."""

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
