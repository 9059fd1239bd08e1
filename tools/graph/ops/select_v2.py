"""SELECT_V2: elements of one tensor where a condition is true, else of another, with broadcasting."""

from ...errors import ModelError, UnsupportedModel
from ..ir import Argument, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._broadcast import LOOPS, broadcast_loops, broadcast_shape
from ._elementwise import pad_front
from ._order import elementwise
from ._quantized import COMPUTED, check_arity, check_present, check_shape, check_types, describe


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (3,))
    check_present(op, 0, 1, 2)
    operands, output = [graph.input(op, i) for i in range(3)], graph.output(op)
    condition, *choices = operands
    check_types(op, condition, allowed=(DType.BOOL,))
    check_types(op, *choices, output, allowed=COMPUTED)
    shape = broadcast_shape(*(tensor.shape for tensor in operands))
    if shape is None:
        names = ", ".join(map(describe, operands))
        raise ModelError(f"{op.where}: {names} do not broadcast; convert the model again")
    if output.elements != 1:  # TFLM allows any shape of a single element
        check_shape(op, output, shape)
    if len(broadcast_loops(*(tensor.shape for tensor in operands))) > LOOPS:
        raise UnsupportedModel(
            f"{op.where}: broadcasting its inputs takes more than {LOOPS} loops; split it into two layers in the Keras "
            f"model"
        )


def call(op: Op, graph: Graph) -> KernelCall:
    operands, output = [graph.input(op, i) for i in range(3)], graph.output(op)
    loops = broadcast_loops(*(tensor.shape for tensor in operands))
    fields = {"shape": pad_front([loop[0] for loop in loops], LOOPS, 1)}
    for number, name in enumerate(("condition", "true", "false"), 1):
        fields[f"{name}_strides"] = pad_front([loop[number] for loop in loops], LOOPS, 0)
    last = Write(output.index, elementwise(op, graph, range(3)))
    arguments: tuple[Argument, ...] = (*(Read(tensor.index) for tensor in operands), last)
    return KernelCall("select_v2.h", "select_v2", (Params("SelectParams", fields),), arguments)


OPERATOR = Operator(
    summary="elements of one of two tensors, chosen by a condition, with broadcasting",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
    one_quantization=(1, 2),
)
