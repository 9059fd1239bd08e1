"""IF: runs one of two branches, depending on a condition."""

from dataclasses import dataclass
from typing import Any

import tflite

from ..ir import Block, Graph, KernelCall, Op, Read, Write
from ..operator import Operator, portable
from ._control import check_condition, check_copies, check_stateless, macs, tensors
from ._quantized import check_present, options

BRANCHES = ("then", "else")


@dataclass(frozen=True)
class Attributes:
    """The numbers of subgraphs in the file."""

    branches: tuple[int, int]


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.IfOptions)
    return Attributes((int(table.ThenSubgraphIndex()), int(table.ElseSubgraphIndex())))


def check(op: Op, graph: Graph) -> None:
    check_present(op, *range(max(len(op.inputs), 1)))
    check_condition(op, tensors(graph, op.inputs[:1]))
    for name, block in zip(BRANCHES, op.blocks, strict=True):
        check_copies(op, f"{name} branch", tensors(graph, op.inputs[1:]), tensors(block, block.inputs))
        check_copies(op, f"{name} branch", tensors(graph, op.outputs), tensors(block, block.outputs))
        check_stateless(op, block, f"{name} branch")


def call(op: Op, graph: Graph) -> KernelCall:
    """TFLM's IfEval (kernels/if.cc)."""
    reads = tuple(i for i in op.inputs[1:] if i is not None)
    return KernelCall(
        "control.h",
        "if_else",
        (),
        (Read(op.inputs[0]),),
        blocks=tuple(Block(name, block, reads, op.outputs) for name, block in zip(BRANCHES, op.blocks, strict=True)),
        unseen=(*(Read(i) for i in reads), *(Write(o) for o in op.outputs)),
    )


OPERATOR = Operator(
    summary="runs one of two branches; its MACs are those of both",
    types=("any",),
    check=check,
    variants=portable(call),
    parse=parse,
    macs=macs,
    blocks=lambda attributes: attributes.branches,
)
