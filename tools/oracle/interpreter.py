"""Measures TFLM's own interpreter on the host in place of firmware on a board.

Its data structures have 64-bit pointers, so its arena is larger than a board's.
"""

from .. import bench, oracle
from ..arena import STEP_BYTES, Arena
from ..cores import Core
from ..graph import ops
from ..graph.ir import Graph
from ..values import Clock, DeviceRun, Quantized

KERNELS = "reference"

# The bytes that a structure of the interpreter saves with 32-bit pointers: TfLiteEvalTensor takes 12 instead of 24,
# NodeAndRegistration 32 instead of 64. Others shrink as well, which adds to the margin.
_PER_TENSOR_BYTES, _PER_OPERATOR_BYTES = 12, 32
MARGIN_BYTES = 512  # the target's TFLM is another version, with other kernels


def measure(quantized: Quantized) -> DeviceRun:
    """Runs all vectors on the host; the result has the form of a firmware's run, with times in microseconds."""
    vectors = quantized.vectors
    ran = oracle.run(
        *(oracle.TFLM, quantized.tflite, vectors.inputs, quantized.model),
        least_arena=True,
        period=vectors.steps if vectors.in_sequence else 1,
    )
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


def estimate(quantized: Quantized, graph: Graph, core: Core) -> Arena:
    """An upper bound of the arena size on a core with 32-bit pointers, for a project that has not been linked yet."""
    none = [vectors[:0] for vectors in quantized.vectors.inputs]
    found = oracle.run(oracle.TFLM, quantized.tflite, none, quantized.model, least_arena=True).arena_bytes
    pointers = _PER_TENSOR_BYTES * len(graph.tensors) + _PER_OPERATOR_BYTES * len(graph.ops)
    scratch = scratch_bytes(graph, core)
    return Arena(
        -(-(found - pointers + scratch + MARGIN_BYTES) // STEP_BYTES) * STEP_BYTES,
        f"An upper bound: {found:,} bytes in an interpreter with 64-bit pointers, minus {pointers:,} with 32-bit "
        f"pointers, plus {scratch:,} for the scratch buffers of optimized kernels and a margin of {MARGIN_BYTES:,}.",
    )


def scratch_bytes(graph: Graph, core: Core) -> int:
    """The most scratch memory that an optimized kernel may need in addition; kernels run one at a time."""
    known = [(op, ops.lookup(op.kind)) for op in graph.ops]
    return max((operator.vendor_scratch(op, graph, core) for op, operator in known if operator is not None), default=0)
