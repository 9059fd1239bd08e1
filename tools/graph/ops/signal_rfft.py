"""SignalRfft of TFLM: the spectrum of a real signal; graph operator → call of kernels/rfft.h."""

from ..ir import Graph, KernelCall, Op, Params, Read, Write
from ._fft import CPP_TYPES, checked, constants, length_of, operator
from ._quantized import check_shape


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    source, output = checked(op, graph)
    length = length_of(op, least=source.shape[-1])
    check_shape(op, output, (*source.shape[:-1], length + 2))


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    source, output = graph.input(op, 0), graph.output(op)
    length, size = length_of(op), source.shape[-1]
    arguments = (Read(source.index), *constants(length, source.dtype, "signal_rfft", -1), Write(output.index))
    params = Params("SignalRfftParams", {"rows": source.elements // size, "input_length": size, "fft_length": length})
    return KernelCall("rfft.h", "signal_rfft", (params,), arguments, (CPP_TYPES[source.dtype],))


OPERATOR = operator("spectrum of a real signal", check, call)
