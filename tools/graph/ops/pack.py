"""PACK: tensors of equal shape, stacked along a new dimension."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ..ir import Graph, KernelCall, Op, Tensor
from ..operator import EVERY_INPUT, Operator, portable
from ._elementwise import resolve_axis
from ._move import TYPES
from ._quantized import check_arity, check_present, options
from ._rows import check_parts, join


@dataclass(frozen=True)
class Attributes:
    """Inputs are stacked along a new dimension ``axis``."""

    axis: int


def parse(operator: Any) -> Attributes:
    return Attributes(options(operator, tflite.PackOptions).Axis())


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (len(op.inputs) or 1,))
    check_present(op, *range(len(op.inputs)))
    sources = [graph.input(op, i) for i in range(len(op.inputs))]
    check_parts(op, graph.output(op), sources, _axis(op, graph.output(op)), stacked=True)


def call(op: Op, graph: Graph) -> KernelCall:
    return join(op, graph, _axis(op, graph.output(op)))


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The stacked inputs if all are constants, else None."""
    *sources, _ = tensors
    values = [tensor.data for tensor in sources if tensor.data is not None]
    return np.stack(values, op.attributes.axis) if len(values) == len(sources) else None


def _axis(op: Op, output: Tensor) -> int:
    return resolve_axis(op, op.attributes.axis, len(output.shape))


OPERATOR = Operator(
    summary="tensors of equal shape stacked along a new dimension",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parse,
    one_quantization=EVERY_INPUT,
    evaluate=evaluate,
)
