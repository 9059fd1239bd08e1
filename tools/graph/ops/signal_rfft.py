"""SignalRfft of TFLM: the spectrum of a real signal; graph operator → call of kernels/rfft.h."""

import math

import numpy as np
import numpy.typing as npt

from ...errors import UnsupportedModel
from ..ir import Constant, DType, Graph, KernelCall, Op, Params, Read, Scratch, Write
from ..operator import Operator, portable
from ._quantized import check_arity, check_not_empty, check_not_scalar, check_present, check_shape, check_types
from ._signal import parse

CPP_TYPES = {DType.INT16: "int16_t", DType.INT32: "int32_t", DType.FLOAT32: "float"}
TYPES = tuple(CPP_TYPES)
SHORTEST, LONGEST = 4, 1 << 16


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=TYPES)
    check_not_empty(op, source)
    check_not_scalar(op, source)
    length = op.attributes.number(op, "fft_length", low=source.shape[-1])
    if not SHORTEST <= length <= LONGEST or length & (length - 1):
        raise UnsupportedModel(
            f"{op.where}: its length is {length}, but the kernel takes powers of 2 from {SHORTEST} to {LONGEST}; "
            "change it in the front end and convert it again"
        )
    check_shape(op, output, (*source.shape[:-1], length + 2))


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    source, output = graph.input(op, 0), graph.output(op)
    length = op.attributes.number(op, "fft_length")
    size, half = source.shape[-1], length // 2
    full = -2 * math.pi / half * np.arange(half)
    halves = -math.pi * ((np.arange(half // 2) + 1) / half + 0.5)
    arguments = (
        Read(source.index),
        Constant("order", _order(half)),
        Constant("twiddles", _turns(full, source.dtype)),
        Constant("super_twiddles", _turns(halves, source.dtype)),
        Scratch(length * source.dtype.bytes, "signal_rfft_scratch_bytes"),
        Write(output.index),
    )
    params = Params("SignalRfftParams", {"rows": source.elements // size, "input_length": size, "fft_length": length})
    return KernelCall("rfft.h", "signal_rfft", (params,), arguments, (CPP_TYPES[source.dtype],))


def _order(count: int) -> npt.NDArray[np.uint16]:
    """The input element that each position starts with: for stages of radix 4 and, if necessary, a last of radix 2."""
    found = np.zeros(1, np.int64)
    step = 1
    while step < count:
        radix = 4 if count // step % 4 == 0 else 2
        found = (found[:, np.newaxis] + step * np.arange(radix)).ravel()
        step *= radix
    return found.astype(np.uint16)


def _turns(phases: npt.NDArray[np.float64], dtype: DType) -> npt.NDArray[np.generic]:
    """exp(i * phase) of each phase as (real, imaginary), rounded as KISS FFT does."""
    parts = np.stack([[math.cos(phase) for phase in phases], [math.sin(phase) for phase in phases]], -1)
    if dtype is DType.FLOAT32:
        return parts.astype(np.float32)
    return np.floor(0.5 + np.iinfo(dtype.numpy).max * parts).astype(dtype.numpy)


OPERATOR = Operator(
    summary="spectrum of a real signal",
    types=tuple(dtype.value for dtype in TYPES),
    check=check,
    variants=portable(call),
    parse=parse,
)
