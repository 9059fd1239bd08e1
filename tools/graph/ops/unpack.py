"""UNPACK: the slices of a tensor along one dimension, each a tensor without that dimension."""

from dataclasses import dataclass
from typing import Any

import tflite

from ..ir import Graph, KernelCall, Op
from ..operator import Operator, portable
from ._elementwise import resolve_axis
from ._move import TYPES
from ._quantized import check_arity, check_present, options
from ._rows import check_parts, split


@dataclass(frozen=True)
class Attributes:
    """``axis`` is the dimension that is unpacked; its size is the number of outputs."""

    axis: int


def parse(operator: Any) -> Attributes:
    return Attributes(options(operator, tflite.UnpackOptions).Axis())


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,), outputs=len(op.outputs))
    check_present(op, 0)
    outputs = [graph.tensors[i] for i in op.outputs]
    check_parts(op, graph.input(op, 0), outputs, _axis(op, graph), stacked=True)


def call(op: Op, graph: Graph) -> KernelCall:
    return split(op, graph, graph.input(op, 0), _axis(op, graph))


def _axis(op: Op, graph: Graph) -> int:
    return resolve_axis(op, op.attributes.axis, len(graph.input(op, 0).shape))


OPERATOR = Operator(
    summary="slices along one dimension, each as a tensor",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parse,
    keeps_range=True,
    one_quantization=(0,),
)
