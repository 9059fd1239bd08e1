"""The call of kernels/copy.h, for operators that leave the bytes of their input unchanged."""

from ..ir import Graph, KernelCall, Op, Params, Read, Write


def call(op: Op, graph: Graph) -> KernelCall:
    """Copies input 0 to output 0, byte for byte."""
    source, output = graph.input(op, 0), graph.output(op)
    arguments = (Read(source.index), Write(output.index, {} if source.data is not None else {source.index: 0}))
    return KernelCall("copy.h", "copy", (Params("CopyParams", {"bytes": output.bytes}),), arguments)
