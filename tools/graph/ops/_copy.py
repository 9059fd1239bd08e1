"""The call of kernels/copy.h: what operators become that change nothing but how elements are looked at."""

from ..ir import Graph, KernelCall, Op, Params, Read, Write


def call(op: Op, graph: Graph) -> KernelCall:
    """Input 0, byte for byte, as output 0."""
    source, output = graph.input(op, 0), graph.output(op)
    arguments = (Read(source.index), Write(output.index, {} if source.data is not None else {source.index: 0}))
    return KernelCall("copy.h", "copy", (Params("CopyParams", {"bytes": output.bytes}),), arguments)
