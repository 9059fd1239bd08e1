"""ZEROS_LIKE: a tensor of zeros with the shape of the input."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Tensor
from ..operator import Operator, portable
from ._move import TYPES, repeat
from ._quantized import check_arity, check_not_empty, check_present, check_shape, check_types
from ._specification import ignores_zero_points


def check(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel for a zero point other than 0, which no interpreter applies."""
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=[DType(name) for name in TYPES])
    check_not_empty(op, output)
    check_shape(op, output, source.shape)
    if problem := ignores_zero_points(op, graph):
        raise UnsupportedModel(f"{op.where}: its kernel {problem}; subtract the tensor from itself")


def call(op: Op, graph: Graph) -> KernelCall:
    output = graph.output(op)
    return repeat(Constant("zero", np.zeros(1, output.dtype.numpy)), output)


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """Zeros, which are known at compile time."""
    output = tensors[-1]
    return None if output.zero_point else np.zeros(output.shape, output.dtype.numpy)


OPERATOR = Operator(
    summary="tensor of zeros with the shape of another",
    types=TYPES,
    check=check,
    variants=portable(call),
    evaluate=evaluate,
    left_out_by_tflm=ignores_zero_points,
)
