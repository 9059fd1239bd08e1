"""Tensors side by side along one dimension: graph operator → call of kernels/concatenation.h or kernels/split.h.

In memory, each position in front of that dimension is a row, which consists of a chunk of each tensor.
"""

import math
from collections.abc import Sequence

from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ._elementwise import check_not_empty
from ._move import TYPES, unit
from ._quantized import check_rank, check_shape, check_types


def check_parts(op: Op, whole: Tensor, parts: Sequence[Tensor], axis: int, *, stacked: bool = False) -> None:
    """Raises unless the tensors make up ``whole`` along the dimension ``axis``, which none of them has if they are
    ``stacked``; all of one type that can be moved."""
    check_types(op, whole, *parts, allowed=[DType(name) for name in TYPES])
    check_not_empty(op, whole, *parts)
    before, after = whole.shape[:axis], whole.shape[axis + 1 :]
    for part in parts:
        check_rank(op, part, len(whole.shape) - stacked)
        check_shape(op, part, (*before, *(() if stacked else part.shape[axis : axis + 1]), *after))
    total = len(parts) if stacked else sum(part.shape[axis] for part in parts)
    check_shape(op, whole, (*before, total, *after))


def join(op: Op, graph: Graph, axis: int) -> KernelCall:
    """All inputs side by side as the output."""
    sources, output = [graph.input(op, i) for i in range(len(op.inputs))], graph.output(op)
    rows, chunks = _rows(output, sources, axis)
    params = Params(f"ConcatenationParams<{len(sources)}>", {"rows": rows, "chunk_bytes": chunks})
    reads = (Read(source.index) for source in sources)
    return KernelCall("concatenation.h", "concatenation", (params,), (Write(output.index), *reads), (unit(*chunks),))


def split(op: Op, graph: Graph, source: Tensor, axis: int) -> KernelCall:
    """The outputs, side by side in ``source``."""
    outputs = [graph.tensors[i] for i in op.outputs]
    rows, chunks = _rows(source, outputs, axis)
    params = Params(f"SplitParams<{len(outputs)}>", {"rows": rows, "chunk_bytes": chunks})
    writes = (Write(output.index) for output in outputs)
    return KernelCall("split.h", "split", (params,), (Read(source.index), *writes), (unit(*chunks),))


def _rows(whole: Tensor, parts: Sequence[Tensor], axis: int) -> tuple[int, tuple[int, ...]]:
    """The number of rows, and the bytes of each tensor's chunk of one."""
    rows = math.prod(whole.shape[:axis])
    return rows, tuple(part.bytes // rows for part in parts)
