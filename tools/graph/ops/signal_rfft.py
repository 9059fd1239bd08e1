"""SignalRfft of TFLM: the spectrum of a real signal; graph operator → call of kernels/rfft.h."""

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
    length = length_of(op, least=source.shape[-1])
    check_shape(op, output, (*source.shape[:-1], length + 2))


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    source, output = graph.input(op, 0), graph.output(op)
    length, size = length_of(op), source.shape[-1]
    arguments = (Read(source.index), *constants(length, source.dtype, "signal_rfft", -1), Write(output.index))
    params = Params("SignalRfftParams", {"rows": source.elements // size, "input_length": size, "fft_length": length})
    return KernelCall("rfft.h", "signal_rfft", (params,), arguments, (CPP_TYPES[source.dtype],))


OPERATOR = Operator(
    summary="spectrum of a real signal",
    types=tuple(dtype.value for dtype in TYPES),
    check=check,
    variants=portable(call),
    parse=parse,
)
