"""SignalIrfft of TFLM: the real signal that has a spectrum; graph operator → call of kernels/irfft.h."""

from ..ir import Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._fft import CPP_TYPES, TYPES, constants, length_of
from ._quantized import check_arity, check_not_empty, check_not_scalar, check_present, check_shape, check_types
from ._signal import parse


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=TYPES)
    check_not_empty(op, source)
    check_not_scalar(op, source)
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


OPERATOR = Operator(
    summary="the real signal that has a spectrum",
    types=tuple(dtype.value for dtype in TYPES),
    check=check,
    variants=portable(call),
    parse=parse,
)
