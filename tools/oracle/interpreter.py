"""Measures TFLM's own interpreter on the host in place of firmware on a board.

Its data structures have 64-bit pointers, so its arena is larger than a board's.
"""

from .. import bench, oracle
from ..arena import Arena
from ..graph import ops
from ..graph.ir import Graph
from ..values import Clock, DeviceRun, Quantized

KERNELS = "reference"


def measure(quantized: Quantized) -> DeviceRun:
    """Runs all vectors on the host; the result has the form of a firmware's run, with times in microseconds."""
    ran = oracle.run(oracle.TFLM, quantized.tflite, quantized.vectors.inputs, quantized.model, least_arena=True)
    return DeviceRun(
        clock=Clock("us", 1_000_000),
        outputs=ran.outputs,
        invoke=bench.timing(ran.invoke_us),
        setup=ran.setup_us,
        per_op=None,
        stack_bytes=0,
        arena_bytes=ran.arena_bytes,
        retries=0,
    )


def estimate(quantized: Quantized, graph: Graph) -> Arena:
    """An upper bound of the arena size, for a project that has not been linked yet."""
    none = [vectors[:0] for vectors in quantized.vectors.inputs]
    found = oracle.run(oracle.TFLM, quantized.tflite, none, quantized.model, least_arena=True).arena_bytes
    scratch = scratch_bytes(graph)
    return Arena(
        found + scratch,
        f"An upper bound: {found:,} bytes in an interpreter with 64-bit pointers, plus {scratch:,} for the scratch "
        "buffers of optimized kernels.",
    )


def scratch_bytes(graph: Graph) -> int:
    """The most scratch memory that an optimized kernel may need in addition; kernels run one at a time."""
    known = [(op, ops.lookup(op.kind)) for op in graph.ops]
    return max((operator.vendor_scratch(op, graph) for op, operator in known if operator is not None), default=0)
