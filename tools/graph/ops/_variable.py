"""What the operators on variables share. passes/variables.py replaces a variable by a tensor that keeps its value."""

from dataclasses import dataclass

from ...errors import UnsupportedModel
from ..ir import Graph, Op
from ._quantized import check_arity, check_present, check_shape, describe


@dataclass(frozen=True)
class Name:
    """What two handles of one variable have in common."""

    container: str
    name: str


def check_copied(op: Op, graph: Graph) -> None:
    """Raises unless input and output are the same kind of tensor: one of them is a variable's."""
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    if source.dtype is not output.dtype:
        raise UnsupportedModel(f"{op.where}: {describe(source)} and {describe(output)} differ in type; convert again")
    check_shape(op, output, source.shape)


def check_replaced(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel: passes/variables.py replaces these operators wherever it can."""
    raise UnsupportedModel(f"{op.where}: its variable could not be resolved; convert the model again")
