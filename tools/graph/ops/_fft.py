"""Shared by the FFTs of TFLM's audio front end: lengths, and the constants of KISS FFT."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...errors import UnsupportedModel
from ..ir import Argument, Constant, DType, Graph, KernelCall, Op, Scratch, Tensor
from ..operator import Operator, portable
from ._custom import parse
from ._quantized import check_arity, check_not_empty, check_not_scalar, check_present, check_types

CPP_TYPES = {DType.INT16: "int16_t", DType.INT32: "int32_t", DType.FLOAT32: "float"}
TYPES = tuple(CPP_TYPES)
SHORTEST, LONGEST = 4, 1 << 16


def operator(summary: str, check: Callable[[Op, Graph], None], call: Callable[[Op, Graph], KernelCall]) -> Operator:
    """An FFT; ``check`` and ``call`` are those of `Operator` and its portable variant."""
    return Operator(
        summary=summary,
        types=tuple(dtype.value for dtype in TYPES),
        check=check,
        variants=portable(call),
        parse=parse,
    )


def checked(op: Op, graph: Graph) -> tuple[Tensor, Tensor]:
    """Input and output. Raises ModelError or UnsupportedModel for a wrong number of inputs, type or empty input."""
    check_arity(op, (1,))
    check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=TYPES)
    check_not_empty(op, source)
    check_not_scalar(op, source)
    return source, output


def length_of(op: Op, least: int = 0) -> int:
    """The length of the signal. Raises ModelError below ``least``, UnsupportedModel if no kernel takes it."""
    length: int = op.attributes.number(op, "fft_length", low=least)
    if not SHORTEST <= length <= LONGEST or length & (length - 1):
        raise UnsupportedModel(
            f"{op.where}: its length is {length}, but the kernel takes powers of 2 from {SHORTEST} to {LONGEST}; "
            "change it in the front end and convert it again"
        )
    return length


def constants(length: int, dtype: DType, name: str, turn: int) -> tuple[Argument, ...]:
    """The order of elements, the twiddles, and the scratch memory of the kernel ``name``. ``turn`` is -1, or 1 for an
    inverse."""
    half = length // 2
    full = turn * 2 * math.pi / half * np.arange(half, dtype=np.float64)
    halves = turn * math.pi * ((np.arange(half // 2, dtype=np.float64) + 1) / half + 0.5)
    return (
        Constant("order", _order(half)),
        Constant("twiddles", _turns(full, dtype)),
        Constant("super_twiddles", _turns(halves, dtype)),
        Scratch(length * dtype.bytes, f"{name}_scratch_bytes"),
    )


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
