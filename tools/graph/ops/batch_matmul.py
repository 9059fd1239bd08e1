"""BATCH_MATMUL: graph operator → call of kernels/batch_matmul.h."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._broadcast import broadcast_shape
from ._elementwise import pad_front
from ._macs import MAX_INT16_SHIFT, int16_multipliers
from ._quantized import (
    INTEGERS,
    check_arity,
    check_not_empty,
    check_per_tensor,
    check_present,
    check_shape,
    check_types,
    describe,
    multiplier_and_shift,
    options,
)

BATCH_DIMENSIONS = 3  # besides the matrices' own two
MAX_INT16_DEPTH = (1 << 17) - 1  # TFLM's rescaling takes sums below 2^47


@dataclass(frozen=True)
class Attributes:
    """BatchMatMulOptions: which of the inputs is stored transposed."""

    is_transposed: tuple[bool, bool]


def parse(operator: Any) -> Attributes:
    """The operator's options; raises ModelError if they are missing."""
    found = options(operator, tflite.BatchMatMulOptions)
    return Attributes((bool(found.AdjX()), bool(found.AdjY())))


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    check_arity(op, (2,))
    check_present(op, 0, 1)
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    dtype = check_types(op, first, second, output)
    check_not_empty(op, first, second)
    for tensor in (first, second):
        if not 2 <= len(tensor.shape) <= 2 + BATCH_DIMENSIONS:
            raise UnsupportedModel(
                f"{op.where}: {describe(tensor)} has {len(tensor.shape)} dimensions, but the kernel takes 2 to "
                f"{2 + BATCH_DIMENSIONS}; reshape it in the Keras model"
            )
    (rows, depth), (columns, other) = _matrices(op, first, second)
    batches = broadcast_shape(first.shape[:-2], second.shape[:-2])
    if depth != other or batches is None:
        raise ModelError(
            f"{op.where}: {describe(first)} and {describe(second)} cannot be multiplied; convert the model again"
        )
    check_shape(op, output, (*batches, rows, columns))
    if dtype in INTEGERS:
        check_per_tensor(op, first, second, output)
        _, shift = _rescaling(op, first, second, output)
        if dtype is DType.INT16 and (shift > MAX_INT16_SHIFT or depth > MAX_INT16_DEPTH):
            raise UnsupportedModel(
                f"{op.where}: the product of {describe(first)} and {describe(second)} exceeds the arithmetic of the "
                f"int16 kernel; try --mode int8"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    (rows, depth), (columns, _) = _matrices(op, first, second)
    first_is_transposed, second_is_transposed = op.attributes.is_transposed
    batches = broadcast_shape(first.shape[:-2], second.shape[:-2])
    assert batches is not None
    fields = {
        "shape": pad_front(batches, BATCH_DIMENSIONS, 1),
        "strides1": _batch_strides(first),
        "strides2": _batch_strides(second),
        "rows": rows,
        "depth": depth,
        "columns": columns,
        "row_step": 1 if first_is_transposed else depth,
        "depth_step1": rows if first_is_transposed else 1,
        "depth_step2": 1 if second_is_transposed else columns,
        "column_step": depth if second_is_transposed else 1,
    }
    if first.dtype in INTEGERS:
        multiplier, shift = _rescaling(op, first, second, output)
        if first.dtype is DType.INT16:
            narrow, right_shift = int16_multipliers(np.array([multiplier]), np.array([shift]))
            fields |= {"multiplier": int(narrow[0]), "right_shift": int(right_shift[0])}
        else:
            fields |= {
                "input1_offset": -first.zero_point,
                "input2_offset": -second.zero_point,
                "output_offset": output.zero_point,
                "multiplier": multiplier,
                "shift": shift,
            }
    dtype = first.dtype.value
    params = Params(f"BatchMatmul{dtype.capitalize()}Params", fields)
    arguments = (Read(first.index), Read(second.index), Write(output.index))
    return KernelCall("batch_matmul.h", f"batch_matmul_{dtype}", (params,), arguments)


def macs(op: Op, graph: Graph) -> int:
    """Each output element is a sum over a row of the first matrix."""
    first = graph.optional_input(op, 0)
    if first is None or len(first.shape) < 2:
        return 0
    return graph.output(op).elements * first.shape[-2 if op.attributes.is_transposed[0] else -1]


def _matrices(op: Op, first: Tensor, second: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """(rows, depth) of the first input and (columns, depth) of the second."""
    first_is_transposed, second_is_transposed = op.attributes.is_transposed
    (rows, depth), (other, columns) = first.shape[-2:], second.shape[-2:]
    if first_is_transposed:
        rows, depth = depth, rows
    return (rows, depth), (other, columns) if second_is_transposed else (columns, other)


def _batch_strides(tensor: Tensor) -> tuple[int, ...]:
    """Elements from one matrix to the next along each of the batch dimensions, 0 where a matrix is repeated."""
    strides, inside = [], tensor.shape[-2] * tensor.shape[-1]
    for size in reversed(tensor.shape[:-2]):
        strides.append(inside if size != 1 else 0)
        inside *= size
    return pad_front(strides[::-1], BATCH_DIMENSIONS, 0)


def _rescaling(op: Op, first: Tensor, second: Tensor, output: Tensor) -> tuple[int, int]:
    """(multiplier, shift) of a sum of products. TFLM: GetQuantizedConvolutionMultipler in kernels/kernel_util.cc."""
    return multiplier_and_shift(op, first.scale * second.scale / output.scale)


OPERATOR = Operator(
    summary="products of matrices, each stored transposed or not, with their other dimensions broadcast",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    parse=parse,
    macs=macs,
    leaves=("matmul", "einsum"),
)
