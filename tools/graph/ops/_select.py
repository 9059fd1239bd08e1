"""SELECT_V2 and SELECT: elements of one tensor where a condition is true, else of another."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import ModelError, UnsupportedModel
from ..ir import Argument, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._broadcast import LOOPS, broadcast_loops, broadcast_shape
from ._elementwise import pad_front
from ._order import elementwise
from ._quantized import check_arity, check_present, check_shape, check_types, describe

Shape = tuple[int, ...]
# (op, graph) → the shapes of condition and choices that broadcast against each other.
Shapes = Callable[[Op, Graph], Sequence[Shape]]


def as_they_are(op: Op, graph: Graph) -> Sequence[Shape]:
    return [graph.input(op, i).shape for i in range(3)]


def select_operator(
    summary: str, shapes: Shapes, allowed: Sequence[DType], types: Sequence[str], **fields: Any
) -> Operator:
    """An operator with kernels/select_v2.h. ``allowed``: the types of the choices. ``types``: what `inv ops` lists."""

    def check(op: Op, graph: Graph) -> None:
        check_arity(op, (3,))
        check_present(op, 0, 1, 2)
        operands, output = [graph.input(op, i) for i in range(3)], graph.output(op)
        condition, *choices = operands
        check_types(op, condition, allowed=(DType.BOOL,))
        check_types(op, *choices, output, allowed=allowed)
        shape = broadcast_shape(*shapes(op, graph))
        if shape is None:
            names = ", ".join(map(describe, operands))
            raise ModelError(f"{op.where}: {names} do not broadcast; convert the model again")
        if output.elements != 1 or math.prod(shape) != 1:  # TFLM allows any shape of a single element
            check_shape(op, output, shape)
        if len(broadcast_loops(*shapes(op, graph))) > LOOPS:
            raise UnsupportedModel(
                f"{op.where}: broadcasting its inputs takes more than {LOOPS} loops; split it into two layers in the "
                "Keras model"
            )

    def call(op: Op, graph: Graph) -> KernelCall:
        output = graph.output(op)
        loops = broadcast_loops(*shapes(op, graph))
        fields = {"shape": pad_front([loop[0] for loop in loops], LOOPS, 1)}
        for number, name in enumerate(("condition", "true", "false"), 1):
            fields[f"{name}_strides"] = pad_front([loop[number] for loop in loops], LOOPS, 0)
        last = Write(output.index, elementwise(op, graph, range(3)))
        arguments: tuple[Argument, ...] = (*(Read(graph.input(op, i).index) for i in range(3)), last)
        return KernelCall("select_v2.h", "select_v2", (Params("SelectParams", fields),), arguments)

    return Operator(
        summary=summary, types=tuple(types), check=check, variants=portable(call), one_quantization=(1, 2), **fields
    )
