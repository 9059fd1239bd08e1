"""Graph → Graph in which operators that keep state without a tensor in the file get a state tensor as last input."""

from dataclasses import replace

import numpy as np

from .. import ops
from ..ir import Graph, Tensor


def own_states(graph: Graph) -> Graph:
    """The same model, or ``graph`` itself if it has no such operator."""
    tensors, found = list(graph.tensors), []
    for op in graph.ops:
        operator = ops.lookup(op.kind)
        if operator is not None and operator.own_state is not None and op.outputs:
            shape, dtype = operator.own_state(op, graph)
            state = Tensor(len(tensors), f"{op.name}/state", shape, dtype, initial=np.zeros(shape, dtype.numpy))
            tensors.append(state)
            op = replace(op, inputs=(*op.inputs, state.index))
        found.append(op)
    if len(tensors) == len(graph.tensors):
        return graph
    return replace(graph, tensors=tuple(tensors), ops=tuple(found))
