"""Checks that kerf has a kernel for every operator of a Graph, for its types and shapes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import ModelError, UnsupportedModel
from . import ops, specification
from .ir import Graph, Op


@dataclass(frozen=True)
class Refusal:
    """Why a runtime cannot run a model, in a sentence. ``position`` is that of the operator in the file, None if the
    reason is not a single operator."""

    position: int | None
    reason: str


def check(graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel for a constant output or the first operator that cannot be compiled."""
    _check_outputs(graph)
    for op in graph.ops:
        check_op(op, graph)


def why_not(graph: Graph) -> tuple[Refusal, ...]:
    """Everything that check() rejects; () if the model can be compiled."""
    try:
        _check_outputs(graph)
    except ModelError as error:
        return (Refusal(None, str(error)), *refusals(graph, check_op))
    return refusals(graph, check_op)


def refusals(graph: Graph, check_op: Callable[[Op, Graph], None]) -> tuple[Refusal, ...]:
    """The operators for which a check raises ModelError or UnsupportedModel, with its message."""
    return tuple(_refusals(graph, check_op))


def _refusals(graph: Graph, check_op: Callable[[Op, Graph], None]) -> Iterator[Refusal]:
    for op in graph.ops:
        try:
            check_op(op, graph)
        except ModelError as error:
            yield Refusal(op.position, str(error))


def _check_outputs(graph: Graph) -> None:
    for index in graph.outputs:
        if graph.tensors[index].data is not None:
            raise UnsupportedModel(f"output {graph.tensors[index].name!r} is a constant; remove it from the model")


def check_op(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for the operator."""
    operator = ops.lookup(op.kind)
    if operator is None:
        raise UnsupportedModel(
            f"{op.where} has no kernel in runtime aot; replace the layer in the Keras model "
            "(`inv ops` lists the supported operators)"
        )
    operator.check(op, graph)
    specification.check(op, graph)
    check_blocks(op, check_op)


def check_blocks(op: Op, check_op: Callable[[Op, Graph], None]) -> None:
    """Checks the operators of an operator's blocks; the errors name the operator, too."""
    for block in op.blocks:
        for inner in block.ops:
            try:
                check_op(inner, block)
            except ModelError as error:
                raise type(error)(f"in {op.kind} {op.name!r}, {error}") from error
