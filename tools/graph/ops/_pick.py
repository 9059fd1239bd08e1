"""Operators that pick the positions of each dimension independently, from tables: graph operator → call of
kernels/pick.h."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, no_options, portable
from ._elementwise import consistent, constant_arrays, pad_front
from ._move import TYPES, Array, unit
from ._quantized import check_arity, check_not_empty, check_present, check_shape, check_types, describe

Distances = npt.NDArray[np.int64]
# (operator, shape of the input, its constants) → for each output dimension, an offset in elements per position. The sum
# of an output element's offsets is the index of its input element. Raises ValueError for invalid constants.
Places = Callable[..., Sequence[Distances]]

LOOPS = 5  # of the kernel, around runs of contiguous bytes


def picks(
    summary: str, places: Places, constants: Mapping[int, str], parse: Callable[[Any], Any] = no_options
) -> Operator:
    """An operator on input 0. ``constants`` are its other inputs and their names in messages."""

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, (1 + len(constants),))
        check_present(op, *range(1 + len(constants)))
        source, output = graph.input(op, 0), graph.output(op)
        check_types(op, source, output, allowed=[DType(name) for name in TYPES])
        check_not_empty(op, source, output)
        found = known(op, graph)
        check_shape(op, output, [len(each) for each in found])
        if len(_tables(source, found)[0]) > LOOPS:
            raise UnsupportedModel(
                f"{op.where}: it changes {describe(source)} along more than {LOOPS} dimensions; split it into two "
                f"layers in the Keras model"
            )

    def known(op: Op, graph: Graph) -> Sequence[Distances]:
        with consistent(op):
            return places(op, graph.input(op, 0).shape, *constant_arrays(op, graph, constants))

    def call(op: Op, graph: Graph) -> KernelCall:
        source, output = graph.input(op, 0), graph.output(op)
        tables, run = _tables(source, known(op, graph))
        counts = pad_front([len(table) for table in tables], LOOPS, 1)
        table = np.concatenate([np.zeros(LOOPS - len(tables), np.int64), *tables]).astype(np.int32)
        params = Params("PickParams", {"counts": counts, "run": run})
        arguments = (Read(source.index), Constant("positions", table), Write(output.index))
        return KernelCall("pick.h", "pick", (params,), arguments, (unit(run),))

    def evaluate(op: Op, tensors: Sequence[Tensor]) -> Array | None:
        *sources, _ = tensors
        if len(sources) != 1 + len(constants) or any(tensor.data is None for tensor in sources):
            return None
        found = places(op, sources[0].shape, *(sources[i].data for i in sorted(constants)))
        assert sources[0].data is not None
        return sources[0].data.ravel()[sum(np.ix_(*found))]

    return Operator(
        summary=summary,
        types=TYPES,
        check=check,
        variants=portable(call),
        keeps_range=True,
        one_quantization=(0,),
        evaluate=evaluate,
        parse=parse,
    )


def strides(shape: Sequence[int]) -> list[int]:
    """The elements from one position of each dimension to the next, in a dense tensor."""
    return [math.prod(shape[i + 1 :]) for i in range(len(shape))]


def _tables(source: Tensor, places: Sequence[Distances]) -> tuple[list[Distances], int]:
    """The fewest loops, outermost first, each as the byte offsets of its runs, and the bytes of a run."""
    tables: list[Distances] = []  # innermost first
    run = 1
    for each in reversed(places):
        if not tables and np.array_equal(each, np.arange(len(each)) * run):
            run *= len(each)
        elif len(each) > 1 or each[0] != 0:
            tables.append(each * source.dtype.bytes)
    return tables[::-1], run * source.dtype.bytes
