"""CONCATENATION along any dimension: copies the rows of all inputs one after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ...errors import UnsupportedModel
from ..ir import Graph, KernelCall, Op, Tensor
from ..operator import EVERY_INPUT, Operator, portable
from ._elementwise import resolve_axis
from ._move import TYPES
from ._quantized import activation_name, check_arity, check_present, options
from ._rows import check_parts, join


@dataclass(frozen=True)
class Attributes:
    axis: int
    activation: str


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.ConcatenationOptions)
    return Attributes(int(table.Axis()), activation_name(table.FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (len(op.inputs) or 1,))
    check_present(op, *range(len(op.inputs)))
    if op.attributes.activation != "NONE":
        raise UnsupportedModel(
            f"{op.where}: the fused activation {op.attributes.activation} has no kernel; make it a layer of its own in "
            f"the Keras model"
        )
    sources = [graph.input(op, i) for i in range(len(op.inputs))]
    check_parts(op, graph.output(op), sources, _axis(op, graph.output(op)))


def call(op: Op, graph: Graph) -> KernelCall:
    return join(op, graph, _axis(op, graph.output(op)))


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The concatenation if all inputs are constants, else None."""
    *sources, _ = tensors
    values = [tensor.data for tensor in sources if tensor.data is not None]
    if len(values) != len(sources) or op.attributes.activation != "NONE":
        return None
    return np.concatenate(values, op.attributes.axis)


def _axis(op: Op, output: Tensor) -> int:
    return resolve_axis(op, op.attributes.axis, len(output.shape))


OPERATOR = Operator(
    summary="tensors joined along one dimension",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parse,
    one_quantization=EVERY_INPUT,
    evaluate=evaluate,
)
