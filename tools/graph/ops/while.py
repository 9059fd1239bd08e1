"""WHILE: runs a body as long as a condition holds, on tensors that become the operator's outputs."""

from dataclasses import dataclass
from typing import Any

import tflite

from ..ir import Block, Graph, KernelCall, Op, Read, Write
from ..operator import Operator, portable
from ._control import check_condition, check_copies, check_stateless, macs, tensors
from ._quantized import check_present, options


@dataclass(frozen=True)
class Attributes:
    """The numbers of subgraphs in the file."""

    condition: int
    body: int


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.WhileOptions)
    return Attributes(int(table.CondSubgraphIndex()), int(table.BodySubgraphIndex()))


def check(op: Op, graph: Graph) -> None:
    check_present(op, *range(len(op.inputs)))
    condition, body = op.blocks
    carried = tensors(graph, op.outputs)
    check_copies(op, "input", carried, tensors(graph, op.inputs))
    check_copies(op, "condition", carried, tensors(condition, condition.inputs))
    check_copies(op, "body", carried, tensors(body, body.inputs))
    check_copies(op, "body", carried, tensors(body, body.outputs))
    check_condition(op, tensors(condition, condition.outputs))
    check_stateless(op, condition, "condition")
    check_stateless(op, body, "body")


def call(op: Op, graph: Graph) -> KernelCall:
    """TFLM's WhileEval (kernels/while.cc): the outputs start as the inputs, and the body changes them."""
    condition, body = op.blocks
    reads = [i for i in op.inputs if i is not None]
    return KernelCall(
        "control.h",
        "while_loop",
        (),
        (),
        blocks=(Block("condition", condition, op.outputs), Block("body", body, op.outputs, op.outputs)),
        copies=tuple(zip(op.outputs, reads, strict=True)),
        unseen=(*(Read(i) for i in reads), *(Write(o) for o in op.outputs)),
    )


OPERATOR = Operator(
    summary="runs a body as long as a condition holds; its MACs are those of one turn",
    types=("any",),
    check=check,
    variants=portable(call),
    parse=parse,
    macs=macs,
    blocks=lambda attributes: (attributes.condition, attributes.body),
)
