"""A run without firmware: TFLM's own interpreter on this machine does what a board does, and is measured like one.

Its structures have 64-bit pointers: its arena is larger than a board's.
"""

from .. import bench, oracle
from ..arena import Arena
from ..graph import ops
from ..graph.ir import Graph
from ..values import Clock, DeviceRun, Image, Project, Quantized, Target

KERNELS = "reference"


def measure(quantized: Quantized, graph: Graph, runtime: str, target: Target) -> tuple[Image, DeviceRun]:
    """All vectors run on this machine, in the values that a firmware and its run have: times are microseconds.

    Flash is the model's own bytes: the interpreter is part of Python, and so are its stack and its static data.
    """
    ran = oracle.run(oracle.TFLM, quantized.tflite, quantized.vectors.inputs, quantized.model, least_arena=True)
    size = len(quantized.tflite)
    project = Project(
        files={},
        model=graph.name,
        mode=quantized.mode,
        model_sha256=graph.sha256,
        model_bytes=size,
        runtime=runtime,
        target=target.name,
        kernels=KERNELS,
        arena_bytes=ran.arena_bytes,
        op_labels=tuple((op.name, op.kind) for op in graph.ops),
    )
    flash_bytes = {"total": size, "code": 0, "model": size}
    image = Image(quantized.path, project, flash_bytes, 0, ran.arena_bytes, rebuilt=False, kernels=KERNELS)
    device = DeviceRun(
        clock=Clock("us", 1_000_000),
        outputs=ran.outputs,
        invoke=bench.timing(ran.invoke_us),
        setup=ran.setup_us,
        per_op=None,
        stack_bytes=0,
        arena_bytes=ran.arena_bytes,
        retries=0,
    )
    return image, device


def estimate(quantized: Quantized, graph: Graph) -> Arena:
    """An upper bound of the arena, for a project that nobody has linked yet."""
    none = [vectors[:0] for vectors in quantized.vectors.inputs]
    found = oracle.run(oracle.TFLM, quantized.tflite, none, quantized.model, least_arena=True).arena_bytes
    scratch = scratch_bytes(graph)
    return Arena(
        found + scratch,
        f"An upper bound: {found:,} bytes in an interpreter with 64-bit pointers, and {scratch:,} for working memory "
        "of optimized kernels.",
    )


def scratch_bytes(graph: Graph) -> int:
    """Working memory that optimized kernels may ask for beyond the reference kernels, at most: they run one by one."""
    known = [(op, ops.lookup(op.kind)) for op in graph.ops]
    return max((operator.vendor_scratch(op, graph) for op, operator in known if operator is not None), default=0)
