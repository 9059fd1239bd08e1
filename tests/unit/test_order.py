"""How far an output must start before its input: checked against a simulation that overwrites element by element."""

import numpy as np
import pytest

from tools.graph.ir import DType, Graph, Op, Tensor
from tools.graph.ops import _order
from tools.graph.ops._window import Axis, window_axis


def make(source: tuple[int, ...], output: tuple[int, ...], dtypes: tuple[DType, DType]) -> tuple[Op, Graph]:
    tensors = (Tensor(0, "x", source, dtypes[0]), Tensor(1, "y", output, dtypes[1]))
    op = Op(0, "OP", "op", (0,), (1,))
    return op, Graph("g", "", 0, tensors, (op,), (0,), (1,))


def window_reads(vertical: Axis, horizontal: Axis, shape: tuple[int, ...], channelwise: bool) -> list[tuple[int, int]]:
    """(output elements written, first input element still needed) after each write, in the order of the kernels."""
    batches, height, width, depth = shape
    reads = []  # the lowest element that each write reads
    for b in range(batches):
        for y in range(vertical.output):
            for x in range(horizontal.output):
                top = min(max(y * vertical.stride - vertical.padding, 0), height)
                left = min(max(x * horizontal.stride - horizontal.padding, 0), width)
                pixel = ((b * height + top) * width + left) * depth
                reads += [pixel + c for c in range(depth)] if channelwise else [pixel]
    needed = [*np.minimum.accumulate(reads[::-1])[::-1].tolist(), batches * height * width * depth]
    # While a position is written its own window is still read, unless each channel reads only itself.
    return [(i + 1, needed[i + 1] if channelwise else needed[i]) for i in range(len(reads))]


def least_distance(steps: list[tuple[int, int]], part_bytes: int, source_bytes: int) -> int:
    return max(0, *(written * part_bytes - needed * source_bytes for written, needed in steps))


@pytest.mark.parametrize("seed", range(200))
def test_windows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channelwise = bool(rng.integers(2))
    height, width, depth = (int(n) for n in rng.integers(1, 7, 3))
    batches = int(rng.choice([1, 1, 2]))
    axes = []
    for size in (height, width):
        padding = str(rng.choice(["SAME", "VALID"]))
        filter_size = int(rng.integers(1, size + 1 if padding == "VALID" else 5))
        axes.append(window_axis(padding, size, filter_size, int(rng.integers(1, 4))))
    vertical, horizontal = axes
    channels = depth if channelwise else int(rng.integers(1, 6))
    dtype = DType.FLOAT32 if rng.integers(2) else DType.INT8
    shape = (batches, height, width, depth)
    op, graph = make(shape, (batches, vertical.output, horizontal.output, channels), (dtype, dtype))
    trails = _order.window(op, graph, vertical, horizontal, channelwise=channelwise)
    steps = window_reads(vertical, horizontal, shape, channelwise)
    part = dtype.bytes * (1 if channelwise else channels)
    assert trails == {0: least_distance(steps, part, dtype.bytes)}


def test_rows_of_a_dense_layer() -> None:
    op, graph = make((3, 20), (3, 8), (DType.INT8, DType.INT8))
    assert _order.rows(op, graph, 3) == {0: 8}  # the first row of the output is written while its input is read
    op, graph = make((3, 8), (3, 20), (DType.INT8, DType.INT8))
    assert _order.rows(op, graph, 3) == {0: 3 * 20 - 2 * 8}


def test_elements_that_cpp_may_reorder_share_no_memory() -> None:
    assert _order.elementwise(*make((4,), (4,), (DType.FLOAT32, DType.INT8))) == {0: 0}
    assert _order.elementwise(*make((4,), (4,), (DType.FLOAT32, DType.INT16))) == {}
    assert _order.elementwise(*make((4,), (4,), (DType.INT16, DType.INT16))) == {0: 0}
    assert _order.elementwise(*make((1,), (4,), (DType.INT8, DType.INT8))) == {}, "a broadcast input is read again"
