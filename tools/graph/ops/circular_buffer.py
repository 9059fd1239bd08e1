"""CIRCULAR_BUFFER of TFLM, a custom operator: graph operator → call of kernels/circular_buffer.h."""

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from . import _quantized as q
from ._custom import parse

CYCLES = "cycles_max"
# TFLM: without the option, buffers of these sizes give an output at every inference, all others at every second one.
EVERY_INFERENCE = (5, 13, 25)


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, (1,))
    q.check_present(op, 0)
    source, output = graph.input(op, 0), graph.output(op)
    q.check_types(op, source, output, allowed=(DType.INT8,))
    for tensor in (source, output):
        q.check_rank(op, tensor, 4)
        q.check_not_empty(op, tensor)
    _, slots, width, depth = output.shape
    q.check_shape(op, source, (1, 1, width, depth))
    q.check_shape(op, output, (1, slots, width, depth))
    if output.initial is None:
        raise ModelError(f"{op.where}: its output {q.describe(output)} is not a variable; convert the model again")
    cycles = op.attributes.number(op, CYCLES, low=-(1 << 31), default=0)
    if cycles <= 0:
        cycles = 1 if slots in EVERY_INFERENCE else 2
    if cycles > 1:
        raise UnsupportedModel(
            f"{op.where} gives an output at only one in {cycles} inferences, but kerf compares the output of each; "
            f"convert the model again with {CYCLES} = 1"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    source, output = graph.input(op, 0), graph.output(op)
    params = Params("CircularBufferParams", {"slots": output.shape[1], "depth": source.elements})
    return KernelCall("circular_buffer.h", "circular_buffer_int8", (params,), (Read(source.index), Write(output.index)))


OPERATOR = Operator(
    summary="the last inputs, oldest first; keeps state",
    types=("int8",),
    check=check,
    variants=portable(call),
    parse=parse,
    keeps_range=True,
    one_quantization=(0,),
    updates_output=True,
)
