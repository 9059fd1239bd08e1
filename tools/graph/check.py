"""Whether kerf has a kernel for every operator of a Graph, in the types and shapes it is used with."""

from ..errors import ModelError, UnsupportedModel
from . import ops, specification
from .ir import Graph, Op


def check(graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel for the first operator that cannot be compiled, or an output that is
    constant."""
    for index in graph.outputs:
        if graph.tensors[index].data is not None:
            raise UnsupportedModel(f"output {graph.tensors[index].name!r} is a constant; remove it from the model")
    for op in graph.ops:
        check_op(op, graph)


def check_op(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless a kernel takes the operator."""
    operator = ops.lookup(op.kind)
    if operator is None:
        raise UnsupportedModel(
            f"{op.where} has no kernel in runtime aot; replace the layer in the Keras model "
            "(`inv ops` lists what there is)"
        )
    operator.check(op, graph)
    specification.check(op, graph)


def why_not(op: Op, graph: Graph) -> str | None:
    """Why an operator cannot be compiled; None where it can."""
    try:
        check_op(op, graph)
    except ModelError as error:
        return str(error)
    return None
