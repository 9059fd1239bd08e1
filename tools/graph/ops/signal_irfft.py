"""SignalIrfft of TFLM: the real signal that has a spectrum; graph operator → call of kernels/irfft.h."""

from ..ir import Graph, KernelCall, Op, Params, Read, Write
from ._fft import CPP_TYPES, checked, constants, length_of, operator
from ._quantized import check_shape


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    source, output = checked(op, graph)
    length = length_of(op)
    check_shape(op, source, (*source.shape[:-1], length + 2))
    check_shape(op, output, (*source.shape[:-1], length))


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    source, output = graph.input(op, 0), graph.output(op)
    length = length_of(op)
    arguments = (Read(source.index), *constants(length, source.dtype, "signal_irfft", 1), Write(output.index))
    params = Params("SignalIrfftParams", {"rows": output.elements // length, "fft_length": length})
    return KernelCall("irfft.h", "signal_irfft", (params,), arguments, (CPP_TYPES[source.dtype],))


OPERATOR = operator("the real signal that has a spectrum", check, call)
