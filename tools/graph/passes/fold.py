"""Graph → Graph without the operators whose result is known at compile time.

With an open batch dimension, Keras' Flatten adds SHAPE, STRIDED_SLICE and PACK, which compute the constant shape of a
RESHAPE. They are evaluated here, so that no runtime needs kernels for them. So are operators that decode constants, and
DEQUANTIZE of float16 constants, except where a kernel can read the float16 weights directly, which take half the flash.
"""

from dataclasses import replace
from typing import Any

import numpy.typing as npt

from ...errors import ModelError
from .. import ops
from ..edit import compact, live
from ..ir import DType, Graph, Op, Tensor


def fold(graph: Graph) -> Graph:
    """The same model without operators whose values are known, and without unused operators and tensors.

    Operators and tensors are renumbered. Raises ModelError if a folded value's shape or type differs from its tensor's
    in the file.
    """
    tensors = list(graph.tensors)
    narrow: dict[int, int] = {}  # float32 tensor → the float16 constant that it was converted from
    kept = []
    for op in graph.ops:
        values = None if set(op.outputs) & set(graph.outputs) else _evaluate(op, tensors)  # model outputs stay computed
        if values is None:
            kept.append(_with_narrow_weights(op, narrow))
            continue
        for index, value in zip(op.outputs, values, strict=True):
            output = tensors[index]
            if value.shape != output.shape:
                raise ModelError(
                    f"{op.where} has an output of shape {value.shape}, but {output.shape} in the file; convert it again"
                )
            if value.dtype != output.dtype.numpy:
                raise ModelError(
                    f"{op.where} gives an output of type {value.dtype}, but in the file it is {output.dtype.value}; "
                    "convert it again"
                )
            if op.inputs[0] is not None and tensors[op.inputs[0]].dtype is DType.FLOAT16:
                narrow[index] = op.inputs[0]
            tensors[index] = replace(output, data=value)
    return compact(replace(graph, tensors=tuple(tensors), ops=live(kept, graph.outputs)))


def _evaluate(op: Op, tensors: list[Tensor]) -> tuple[npt.NDArray[Any], ...] | None:
    """The values of the operator's outputs if they are known, else None."""
    operator = ops.lookup(op.kind)
    if operator is None or not op.outputs or not op.inputs or any(i is None for i in op.inputs):
        return None
    if tensors[op.outputs[0]].dtype is DType.RESOURCE:  # a handle has no value
        return None
    known = [tensors[i] for i in (*op.inputs, *op.outputs) if i is not None]
    try:
        if operator.evaluate_all is not None:
            return operator.evaluate_all(op, known)
        value = operator.evaluate(op, known) if len(op.outputs) == 1 else None
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError) as error:
        raise ModelError(f"{op.where} contradicts itself ({error}); convert the model again") from error
    return None if value is None else (value,)


def _with_narrow_weights(op: Op, narrow: dict[int, int]) -> Op:
    """The operator with float16 weights, if all its weights are float16 and it has a kernel for them."""
    operator = ops.lookup(op.kind)
    weights = op.inputs[1:]
    if operator is None or "float16" not in operator.types or not operator.roles:
        return op
    if not weights or any(i is not None and i not in narrow for i in weights):
        return op
    return replace(op, inputs=(op.inputs[0], *(None if i is None else narrow[i] for i in weights)))
