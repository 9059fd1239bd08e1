"""ADD: broadcasts two tensors against each other in one kernel call of at most five loops."""

from collections.abc import Callable, Mapping
from typing import Any

import tflite

from ...cores import Core
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, Variant, portable
from ._order import elementwise
from ._packed_dsp import add_params
from ._quantized import activation_name, integer_activation_range, options
from ._specification import takes_no_uint8
from ._sum import Attributes, call, check, multipliers

# (operator, graph) → whether the kernel's first operand is the operator's second, and its params; raises ValueError for
# a layer that the kernel does not accept.
_Numbers = Callable[[Op, Graph], tuple[bool, Mapping[str, int]]]


def parse(operator: Any) -> Attributes:
    return Attributes(activation_name(options(operator, tflite.AddOptions).FusedActivationFunction()))


def _dsp_params(op: Op, graph: Graph) -> tuple[bool, Mapping[str, int]]:
    """(swapped, numbers) of add_params(), which raises ValueError for a layer that add_int8_dsp() does not accept."""
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    inputs, of_output = multipliers(first, second, output)
    return add_params([tensor.zero_point for tensor in (first, second, output)], inputs, of_output)


def _helium_params(op: Op, graph: Graph) -> tuple[bool, Mapping[str, int]]:
    """(swapped, numbers) for add_int8_helium(); ``swapped`` if its first operand is the operator's second.

    The multiplier of the operand with the larger scale is exactly 1/2. Raises ValueError if neither multiplier is, or
    if a shift is out of range.
    """
    tensors = (graph.input(op, 0), graph.input(op, 1))
    output = graph.output(op)
    inputs, (multiplier, shift) = multipliers(*tensors, output)
    half = (1 << 30, 0)
    swapped = inputs[0] != half
    coarse, fine = (1, 0) if swapped else (0, 1)
    if inputs[coarse] != half or not -31 <= shift <= -1 or inputs[fine][1] < -31:
        raise ValueError(f"multipliers {inputs}, shift {shift}")
    return swapped, {
        "coarse_offset": -tensors[coarse].zero_point,
        "fine_offset": -tensors[fine].zero_point,
        "fine_multiplier": inputs[fine][0],
        "fine_shift": inputs[fine][1],
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_zero_point": output.zero_point,
    }


def _variant(name: str, has: Callable[[Core], bool], numbers: _Numbers) -> Variant:
    """The variant for cores with an extension: kernels/add_<name>.h, for int8 operands of equal shape."""

    def accepts(op: Op, graph: Graph, core: Core) -> bool:
        first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
        if not has(core) or output.dtype is not DType.INT8:
            return False
        if not first.elements == second.elements == output.elements:
            return False
        try:
            numbers(op, graph)
        except ValueError:
            return False
        return True

    def extension_call(op: Op, graph: Graph) -> KernelCall:
        first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
        swapped, fields = numbers(op, graph)
        coarse, fine = (second, first) if swapped else (first, second)
        minimum, maximum = integer_activation_range(op, output, op.attributes.activation)
        fields = {"count": output.elements, **fields, "output_min": minimum, "output_max": maximum}
        arguments = (Read(coarse.index), Read(fine.index), Write(output.index, elementwise(op, graph, (0, 1))))
        params = Params(f"AddInt8{name.capitalize()}Params", fields)
        return KernelCall(f"add_{name}.h", f"add_int8_{name}", (params,), arguments, constexpr_params=True)

    return Variant(name, extension_call, accepts)


OPERATOR = Operator(
    summary="elementwise sum with broadcasting and fused activation",
    types=("int8", "int16", "float32", "int32", "uint8"),
    check=check,
    variants=(
        _variant("helium", lambda core: core.mve, _helium_params),
        _variant("dsp", lambda core: core.dsp, _dsp_params),
        *portable(call),
    ),
    parse=parse,
    left_out_by_tflm=takes_no_uint8,
    leaves=("add", "addv2"),
)
