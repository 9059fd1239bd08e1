"""Variants of operators with weights for core extensions such as DSP or Helium.

Their kernels take the portable kernels' params as template arguments, and one array of packed constants instead of
weights, bias, multipliers and shifts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...cores import Core
from ..ir import Constant, DType, Graph, KernelCall, Op, Read, Scratch, Write
from ..operator import Variant
from . import _quantized as q
from ._packed_dsp import Layer


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel for one layer, and its arguments.

    ``header`` and ``function`` are its names without the variant's suffix. ``constants`` are packed, ``write`` is the
    output, ``scratch_bytes`` equals the size that its header computes. With ``chooses_scratch``, the kernel works with
    any size, which it takes as a template argument.
    """

    header: str
    function: str
    constants: npt.NDArray[Any]
    write: Write
    scratch_bytes: int
    chooses_scratch: bool = False


# (operator, graph, call of the portable kernel) → kernel; raises ValueError for a layer that it does not accept.
Maker = Callable[[Op, Graph, KernelCall], Kernel]


def variant(
    name: str,
    has: Callable[[Core], bool],
    portable_call: Callable[[Op, Graph], KernelCall],
    makers: Mapping[DType, Maker],
    lean: bool = False,
) -> Variant:
    """The variant for cores that ``has`` accepts and for constant int8 weights. ``makers`` are by activation type.

    Header and function names end in ``_<name>``. A ``lean`` variant is named ``<name>_lean``.
    """

    def accepts(op: Op, graph: Graph, core: Core) -> bool:
        dtype = graph.input(op, 0).dtype
        if not has(core) or dtype not in makers or not _is_constant(op, graph):
            return False
        try:
            makers[dtype](op, graph, portable_call(op, graph))
        except ValueError:
            return False
        return True

    def call(op: Op, graph: Graph) -> KernelCall:
        plain = portable_call(op, graph)
        kernel = makers[graph.input(op, 0).dtype](op, graph, plain)
        function = f"{kernel.function}_{name}"
        return replace(
            plain,
            header=f"{kernel.header}_{name}.h",
            function=function,
            arguments=(
                Read(graph.input(op, 0).index),
                Constant("packed", kernel.constants, graph.input(op, 1).index),
                Scratch(kernel.scratch_bytes, f"{function}_scratch_bytes"),
                kernel.write,
            ),
            template=(kernel.scratch_bytes,) if kernel.chooses_scratch else (),
            constexpr_params=True,
            by_rows=False,
        )

    return Variant(f"{name}_lean" if lean else name, call, accepts, lean)


def _is_constant(op: Op, graph: Graph) -> bool:
    """Whether weights and bias are constants and the weights are symmetric int8."""
    weights, bias = graph.input(op, 1), graph.optional_input(op, 2)
    constant = weights.data is not None and (bias is None or bias.data is not None)
    return constant and weights.dtype is DType.INT8 and weights.zero_point == 0


def layer_of(op: Op, graph: Graph, channel_axis: int = 0) -> Layer:
    """The input of the pack functions; the weights' output channels come first."""
    source, weights, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    bias = graph.optional_input(op, 2)
    assert weights.data is not None
    channels = weights.shape[channel_axis]
    multipliers, shifts = q.channel_multipliers(op, source, weights, output, channels)
    return Layer(
        weights=np.moveaxis(weights.data, channel_axis, 0),
        bias=np.zeros(channels, np.int32) if bias is None or bias.data is None else bias.data.ravel(),
        multipliers=multipliers,
        shifts=shifts,
        input_zero_point=source.zero_point,
        output_zero_point=output.zero_point,
    )
