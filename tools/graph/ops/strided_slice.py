"""STRIDED_SLICE with constant bounds: every step-th element between two positions of each dimension."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, portable
from ._elementwise import check_not_empty, constant_int32, pad_front
from ._folded import is_index
from ._order import parts
from ._quantized import check_arity, check_present, check_types, describe, options

TYPES = ("int8", "int16", "float32", "int32", "int64", "bool")
LOOPS = 4  # of the kernel, around runs of contiguous bytes


@dataclass(frozen=True)
class Attributes:
    """Bit i of a mask applies to dimension i, as in tf.strided_slice."""

    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int


def parse(operator: Any) -> Attributes:
    table = options(operator, tflite.StridedSliceOptions)
    return Attributes(
        table.BeginMask(), table.EndMask(), table.EllipsisMask(), table.NewAxisMask(), table.ShrinkAxisMask()
    )


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (4,))
    check_present(op, 0, 1, 2, 3)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=[DType(name) for name in TYPES])
    check_not_empty(op, source, output)
    try:
        shape = np.empty(source.shape, bool)[_index(op, graph)].shape
    except (IndexError, ValueError) as error:
        raise ModelError(f"{op.where} contradicts itself ({error}); convert the model again") from error
    if shape != output.shape:
        raise ModelError(f"{op.where}: a slice of shape {shape} is not {describe(output)}; convert the model again")
    if len(_loops(op, graph)[0]) > LOOPS:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} is sliced in more than {LOOPS} dimensions; slice it in two steps"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    loops, first, run = _loops(op, graph)
    element = source.dtype.bytes
    fields = {
        "first": first * element,
        "counts": pad_front([count for count, _ in loops], LOOPS, 1),
        "steps": pad_front([step * element for _, step in loops], LOOPS, 0),
        "run": run * element,
    }
    starts = np.zeros(1, np.int64) + first
    for count, step in loops:
        starts = (starts[:, np.newaxis] + np.arange(count) * step).ravel()
    arguments = (Read(source.index), Write(output.index, parts(source, output, starts)))
    return KernelCall("strided_slice.h", "strided_slice", (Params("StridedSliceParams", fields),), arguments)


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The slice of a constant of an index type; other constants are left to the kernel."""
    output, values = tensors[-1], [tensor.data for tensor in tensors[:-1]]
    if not is_index(output) or len(values) != 4 or any(value is None for value in values):
        return None
    value, *bounds = values
    assert value is not None
    return np.asarray(value[slices(op.attributes, *bounds)]).astype(output.dtype.value)


def slices(a: Attributes, begin: Any, end: Any, strides: Any) -> tuple[Any, ...]:
    """begin, end and strides as a NumPy index: they have the meaning of Python slices. ValueError if their lengths
    differ."""
    if not len(begin.ravel()) == len(end.ravel()) == len(strides.ravel()):
        raise ValueError("begin, end and strides differ in length")
    index: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin.ravel(), end.ravel(), strides.ravel(), strict=True)):
        bit = 1 << i
        if a.ellipsis_mask & bit:
            index.append(...)
        elif a.new_axis_mask & bit:
            index.append(None)
        elif a.shrink_axis_mask & bit:
            index.append(int(first))
        else:
            open_begin, open_end = a.begin_mask & bit, a.end_mask & bit
            index.append(slice(None if open_begin else int(first), None if open_end else int(last), int(step)))
    return tuple(index)


def _index(op: Op, graph: Graph) -> tuple[Any, ...]:
    bounds = [
        np.array(constant_int32(op, graph.input(op, position), what))
        for position, what in ((1, "begin"), (2, "end"), (3, "strides"))
    ]
    return slices(op.attributes, *bounds)


def _loops(op: Op, graph: Graph) -> tuple[list[tuple[int, int]], int, int]:
    """The fewest loops (count, step in elements), outermost first, around runs of contiguous elements; the position of
    the first element; and the length of a run."""
    source = graph.input(op, 0)
    index = [i for i in _index(op, graph) if i is not None]
    if ... in index:
        at = index.index(...)
        index[at : at + 1] = [slice(None)] * (len(source.shape) - len(index) + 1)
    index += [slice(None)] * (len(source.shape) - len(index))
    loops: list[tuple[int, int]] = []  # innermost first
    first, run, size = 0, 1, 1  # size: elements of the source inside the current dimension
    for which, length in zip(reversed(index), reversed(source.shape), strict=True):
        positions = range(length)[which] if isinstance(which, slice) else [range(length)[which]]
        count, step = len(positions), size * (positions[1] - positions[0] if len(positions) > 1 else 1)
        first += positions[0] * size
        if count > 1 and not loops and step == run:
            run *= count
        elif count > 1 and loops and step == loops[-1][0] * loops[-1][1]:
            loops[-1] = (loops[-1][0] * count, loops[-1][1])
        elif count > 1:
            loops.append((count, step))
        size *= length
    return loops[::-1], first, run


OPERATOR = Operator(
    summary="part of a tensor: begin, end and step in each dimension",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parse,
    keeps_range=True,
    one_quantization=(0,),
    evaluate=evaluate,
)
