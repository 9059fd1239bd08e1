"""What a graph keeps from one inference to the next.

In a compiled graph, that is its state tensors. Before passes/ has made these, it is also in variables, and in operators
that keep state without a tensor in the file.
"""

from typing import Any

from . import ops
from .ir import Graph, Op
from .operator import StateRole


def role_of(op: Op) -> StateRole | None:
    """What an operator does with a variable; None if it does not use variables."""
    operator = ops.lookup(op.kind)
    return None if operator is None else operator.state


def variables(graph: Graph) -> frozenset[Any]:
    """The variables that have handles in a file's graph or its subgraphs."""
    found = {op.attributes for each in (graph, *graph.subgraphs) for op in each.ops if role_of(op) is StateRole.HANDLE}
    return frozenset(found)


def keeps_state(graph: Graph) -> bool:
    """Whether a model, before or after any pass, keeps state from one inference to the next."""
    return bool(graph.states or _is_found_by_passes(graph))


def runs_in_sequence(graph: Graph) -> bool:
    """Whether a model's samples are the steps of one sequence; the graph may be from before or after any pass.

    They are if the model keeps state, unless every operator with state gets a whole sequence in each sample: then the
    state is reset before each sample.
    """
    if _is_found_by_passes(graph):
        return True
    states = {state.index for state in graph.states}
    users = [op for op in graph.ops if states.intersection({*op.inputs, *op.outputs})]
    return bool(states) and not all(_has_whole_sequence(op, graph) for op in users)


def _is_found_by_passes(graph: Graph) -> bool:
    return bool(variables(graph)) or any(_has_own_state(op) for op in graph.ops)


def _has_own_state(op: Op) -> bool:
    """Whether an operator keeps state without a tensor in the file."""
    operator = ops.lookup(op.kind)
    return operator is not None and operator.own_state is not None


def _has_whole_sequence(op: Op, graph: Graph) -> bool:
    operator = ops.lookup(op.kind)
    return operator is not None and operator.whole_sequence(op, graph)
