"""Joins and splits tensors along one dimension: graph operator → call of kernels/concatenation.h or kernels/split.h.

The dimensions before that one are flattened into rows; each row of the whole consists of one chunk of every part.
"""

import math
from collections.abc import Sequence

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ._move import TYPES, unit
from ._quantized import check_not_empty, check_rank, check_shape, check_types


def check_parts(op: Op, whole: Tensor, parts: Sequence[Tensor], axis: int, *, stacked: bool = False) -> None:
    """Raises unless the ``parts`` make up ``whole`` along ``axis`` and have its type, one of TYPES. ``stacked`` parts
    lack that dimension."""
    check_types(op, whole, *parts, allowed=[DType(name) for name in TYPES])
    check_not_empty(op, whole, *parts)
    before, after = whole.shape[:axis], whole.shape[axis + 1 :]
    for part in parts:
        check_rank(op, part, len(whole.shape) - stacked)
        check_shape(op, part, (*before, *(() if stacked else part.shape[axis : axis + 1]), *after))
    total = len(parts) if stacked else sum(part.shape[axis] for part in parts)
    check_shape(op, whole, (*before, total, *after))


def join(op: Op, graph: Graph, axis: int) -> KernelCall:
    """The call that joins all inputs to the output along ``axis``."""
    sources, output = [graph.input(op, i) for i in range(len(op.inputs))], graph.output(op)
    rows, chunks = _rows(output, sources, axis)
    params = Params(f"ConcatenationParams<{len(sources)}>", {"rows": rows, "chunk_bytes": chunks})
    reads = (Read(source.index) for source in sources)
    return KernelCall("concatenation.h", "concatenation", (params,), (Write(output.index), *reads), (unit(*chunks),))


def split(op: Op, graph: Graph, source: Tensor, axis: int) -> KernelCall:
    """The call that splits ``source`` into the outputs along ``axis``."""
    outputs = [graph.tensors[i] for i in op.outputs]
    rows, chunks = _rows(source, outputs, axis)
    params = Params(f"SplitParams<{len(outputs)}>", {"rows": rows, "chunk_bytes": chunks})
    writes = (Write(output.index) for output in outputs)
    return KernelCall("split.h", "split", (params,), (Read(source.index), *writes), (unit(*chunks),))


def _rows(whole: Tensor, parts: Sequence[Tensor], axis: int) -> tuple[int, tuple[int, ...]]:
    """The number of rows, and the bytes of each part's chunk of a row."""
    rows = math.prod(whole.shape[:axis])
    return rows, tuple(part.bytes // rows for part in parts)
