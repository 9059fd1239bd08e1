"""Shared by the operators on variables, which passes/variables.py turns into state tensors."""

from dataclasses import dataclass

from ...errors import UnsupportedModel
from ..ir import Graph, Op
from ._quantized import check_arity, check_present, check_shape, describe


@dataclass(frozen=True)
class Name:
    """Identifies a variable: equal for all its handles."""

    container: str
    name: str


def check_copied(op: Op, graph: Graph) -> None:
    """Raises unless input and output, one of which is a variable, have the same type and shape."""
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is not output.dtype:
        raise UnsupportedModel(f"{op.where}: {describe(source)} and {describe(output)} differ in type; convert again")
    check_shape(op, output, source.shape)


def check_replaced(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel, because passes/variables.py could not replace the operator."""
    raise UnsupportedModel(f"{op.where}: its variable could not be resolved; convert the model again")
