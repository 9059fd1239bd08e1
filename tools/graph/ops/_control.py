"""Shared by WHILE and IF, which run blocks: graphs whose inputs and outputs stand for tensors of the graph around."""

from collections.abc import Sequence

from ...errors import ModelError, UnsupportedModel
from .. import ops
from ..ir import DType, Graph, Op, Tensor
from ._quantized import describe
from ._specification import describe_quantized, same_quantization


def tensors(graph: Graph, indices: Sequence[int | None]) -> list[Tensor]:
    return [graph.tensors[i] for i in indices if i is not None]


def check_copies(op: Op, what: str, some: Sequence[Tensor], others: Sequence[Tensor]) -> None:
    """Raises unless each tensor can be copied to the other at the same place; ``what`` is the block that needs it."""
    if len(some) != len(others):
        raise ModelError(
            f"{op.where}: its {what} has {len(others)} tensors instead of {len(some)}; convert the model again"
        )
    for one, other in zip(some, others, strict=True):
        if one.dtype is DType.RESOURCE:
            raise UnsupportedModel(
                f"{op.where} passes a variable to its {what}, which has no kernel; convert the model with "
                "frozen variables (from_keras_model freezes them)"
            )
        if one.dtype is not other.dtype or one.shape != other.shape:
            raise UnsupportedModel(
                f"{op.where}: {describe(one)} is {describe(other)} in its {what}, which has no kernel; give "
                "everything in it a fixed shape and convert the model again"
            )
        if not same_quantization(one, other):
            raise UnsupportedModel(
                f"{op.where}: {describe_quantized(one)} is {describe_quantized(other)} in its {what}, but no kernel "
                "converts between them; convert the model again with TensorFlow 2.21"
            )


def check_stateless(op: Op, block: Graph, what: str) -> None:
    """Raises UnsupportedModel if a block keeps state: kerf's state lies outside of loops."""
    states = {state.index for state in block.states}
    for each in block.ops:
        operator = ops.lookup(each.kind)
        keeps = operator is not None and (operator.state is not None or operator.own_state is not None)
        if keeps or states.intersection((*each.inputs, *each.outputs)):
            raise UnsupportedModel(
                f"{op.where}: {each.kind} {each.name!r} in its {what} keeps state, which has no kernel there; make the "
                "state an input and an output of the model"
            )


def check_condition(op: Op, found: Sequence[Tensor]) -> None:
    """Raises unless the tensors are a single, computed bool."""
    if len(found) != 1 or found[0].dtype is not DType.BOOL or found[0].elements != 1:
        raise ModelError(f"{op.where}: its condition is not a single bool; convert the model again")
    if found[0].data is not None:
        raise UnsupportedModel(
            f"{op.where}: its condition is a constant, so it never changes; remove it from the model"
        )


def macs(op: Op, graph: Graph) -> int:
    """Those of all blocks, each run once: how often it does is only known at run time."""
    found = [(each, block, ops.lookup(each.kind)) for block in op.blocks for each in block.ops]
    return sum(operator.macs(each, block) for each, block, operator in found if operator is not None)
