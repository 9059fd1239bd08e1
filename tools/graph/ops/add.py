"""ADD: broadcasts two tensors against each other in one kernel call of at most five loops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tflite

from ...cores import Core
from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Tensor, Write
from ..operator import Operator, Variant, portable
from ._broadcast import check_operands, loop_params
from ._order import elementwise
from ._packed_dsp import add_params
from ._quantized import (
    activation_name,
    float32_activation_range,
    integer_activation_range,
    options,
    quantize_multiplier,
)

SUM_BITS = {DType.INT8: 20, DType.INT16: 15}  # fractional bits of the common scale, TFLM's left_shift


# (operator, graph) → whether the kernel's first operand is the operator's second, and its params; raises ValueError for
# a layer that the kernel does not accept.
_Numbers = Callable[[Op, Graph], tuple[bool, Mapping[str, int]]]


@dataclass(frozen=True)
class Attributes:
    activation: str


def parse(operator: Any) -> Attributes:
    return Attributes(activation_name(options(operator, tflite.AddOptions).FusedActivationFunction()))


def check(op: Op, graph: Graph) -> None:
    first, second, output = check_operands(op, graph)
    if output.dtype is not DType.FLOAT32:
        _, (_, shift) = _multipliers(first, second, output)
        if shift > 0:
            raise UnsupportedModel(
                f"{op.where}: the input scales {first.scale:.3g} and {second.scale:.3g} are too far above the output "
                f"scale {output.scale:.3g}; convert the model again with a representative data set that covers the "
                f"range of real inputs"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    fields = loop_params(first, second)
    arguments = (Read(first.index), Read(second.index), Write(output.index, elementwise(op, graph, (0, 1))))
    activation = op.attributes.activation
    if output.dtype is DType.FLOAT32:
        low, high = float32_activation_range(activation)
        fields |= {"output_min": low, "output_max": high}
        return KernelCall("add.h", "add_float32", (Params("AddFloat32Params", fields),), arguments)
    inputs, of_output = _multipliers(first, second, output)
    for number, tensor, (multiplier, shift) in zip((1, 2), (first, second), inputs, strict=True):
        fields |= {
            f"input{number}_offset": -tensor.zero_point,
            f"input{number}_multiplier": multiplier,
            f"input{number}_shift": shift,
        }
    minimum, maximum = integer_activation_range(op, output, activation)
    fields |= {
        "output_offset": output.zero_point,
        "output_multiplier": of_output[0],
        "output_shift": of_output[1],
        "output_min": minimum,
        "output_max": maximum,
    }
    integer = output.dtype.value
    params = Params(f"Add{integer.capitalize()}Params", fields)
    return KernelCall("add.h", f"add_{integer}", (params,), arguments)


def _dsp_params(op: Op, graph: Graph) -> tuple[bool, Mapping[str, int]]:
    """(swapped, numbers) of add_params(), which raises ValueError for a layer that add_int8_dsp() does not accept."""
    first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    inputs, of_output = _multipliers(first, second, output)
    return add_params([tensor.zero_point for tensor in (first, second, output)], inputs, of_output)


def _helium_params(op: Op, graph: Graph) -> tuple[bool, Mapping[str, int]]:
    """(swapped, numbers) for add_int8_helium(); ``swapped`` if its first operand is the operator's second.

    The multiplier of the operand with the larger scale is exactly 1/2. Raises ValueError if neither multiplier is, or
    if a shift is out of range.
    """
    tensors = (graph.input(op, 0), graph.input(op, 1))
    output = graph.output(op)
    inputs, (multiplier, shift) = _multipliers(*tensors, output)
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

    def call(op: Op, graph: Graph) -> KernelCall:
        first, second, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
        swapped, fields = numbers(op, graph)
        coarse, fine = (second, first) if swapped else (first, second)
        minimum, maximum = integer_activation_range(op, output, op.attributes.activation)
        fields = {"count": output.elements, **fields, "output_min": minimum, "output_max": maximum}
        arguments = (Read(coarse.index), Read(fine.index), Write(output.index, elementwise(op, graph, (0, 1))))
        params = Params(f"AddInt8{name.capitalize()}Params", fields)
        return KernelCall(f"add_{name}.h", f"add_int8_{name}", (params,), arguments, constexpr_params=True)

    return Variant(name, call, accepts)


def _multipliers(first: Tensor, second: Tensor, output: Tensor) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """(multiplier, shift) of each input and of the output; TFLM: CalculateOpDataAdd in micro/kernels/add_common.cc."""
    twice_larger = 2 * max(first.scale, second.scale)
    inputs = [quantize_multiplier(tensor.scale / twice_larger) for tensor in (first, second)]
    return inputs, quantize_multiplier(twice_larger / ((1 << SUM_BITS[output.dtype]) * output.scale))


OPERATOR = Operator(
    summary="elementwise sum with broadcasting and fused activation",
    types=("int8", "int16", "float32"),
    check=check,
    variants=(
        _variant("helium", lambda core: core.mve, _helium_params),
        _variant("dsp", lambda core: core.dsp, _dsp_params),
        *portable(call),
    ),
    parse=parse,
    leaves=("add", "addv2"),
)
