"""Loops and branches: the graphs that an operator runs, which a file keeps beside the main graph, become part of it."""

from collections.abc import Sequence
from dataclasses import replace

from ..errors import ModelError, UnsupportedModel
from . import ops
from .ir import Graph, Op

MAX_OPS = 0xFFFF  # the model facade counts operators in 16 bits
MAX_NESTING = 16  # of loops and branches in each other


def attached(graphs: Sequence[Graph]) -> list[Graph]:
    """The graphs, in which operators have the graphs that they run as blocks."""
    done: dict[int, Graph] = {}
    sizes: dict[int, int] = {}  # operators, with those of blocks
    depths: dict[int, int] = {}  # of blocks in each other

    def complete(number: int, callers: tuple[int, ...]) -> Graph:
        if number not in done:
            found = [with_blocks(op, (*callers, number)) for op in graphs[number].ops]
            inner = [called for op in found for called in _called(op)]
            sizes[number] = len(found) + sum(sizes[called] for called in inner)
            depths[number] = max((depths[called] + 1 for called in inner), default=0)
            if sizes[number] > MAX_OPS:
                raise UnsupportedModel(
                    f"model {graphs[0].name!r} has more than {MAX_OPS} operators, counting those of loops and branches "
                    "each time they occur; make the model smaller"
                )
            done[number] = replace(graphs[number], ops=tuple(found))
        return done[number]

    def with_blocks(op: Op, callers: tuple[int, ...]) -> Op:
        blocks = []
        for called in _called(op):
            if not 0 < called < len(graphs):
                raise ModelError(f"{op.where} runs subgraph {called} of {len(graphs)}; the file is damaged")
            if called in callers:
                raise ModelError(f"{op.where} runs subgraph {called}, which runs it in turn; the file is damaged")
            if len(callers) <= MAX_NESTING:
                blocks.append(complete(called, callers))
            if len(callers) + depths.get(called, 0) > MAX_NESTING:
                raise UnsupportedModel(
                    f"{op.where}: loops and branches are more than {MAX_NESTING} levels deep in each other; make the "
                    "model simpler"
                )
        return replace(op, blocks=tuple(blocks))

    return [complete(number, ()) for number in range(len(graphs))]


def _called(op: Op) -> tuple[int, ...]:
    """The subgraphs that an operator runs."""
    operator = ops.lookup(op.kind)
    return operator.blocks(op.attributes) if operator is not None else ()
