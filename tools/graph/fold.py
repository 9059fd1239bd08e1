"""Graph → Graph without the operators whose result is known before the model runs.

Keras' Flatten on an open batch dimension leaves SHAPE, STRIDED_SLICE and PACK behind, which compute the constant
shape of a RESHAPE. They are evaluated here, so no runtime needs kernels for them. The same goes for DEQUANTIZE of
float16 constants: where a kernel widens such weights itself they stay as they are, half the size.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ..errors import ModelError
from .ir import DType, Graph, Op, Tensor

FOLDED = ("SHAPE", "STRIDED_SLICE", "PACK")
FLOAT16_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")  # their kernels take float16 from input 1 on


@dataclass(frozen=True)
class StridedSliceAttributes:
    """Bit i of a mask speaks about dimension i, as in tf.strided_slice."""

    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int


@dataclass(frozen=True)
class PackAttributes:
    """Inputs are stacked along a new dimension ``axis``."""

    axis: int


def parse_folded(kind: str, operator: Any) -> StridedSliceAttributes | PackAttributes | None:
    """The options of one of FOLDED. Raises ModelError if the file has none."""
    table = operator.BuiltinOptions()
    if kind == "SHAPE":
        return None  # its one option, the output type, is the output tensor's
    if table is None:
        raise ModelError("its options are missing, so it cannot be computed; convert the model again")
    if kind == "PACK":
        pack = tflite.PackOptions()
        pack.Init(table.Bytes, table.Pos)
        return PackAttributes(pack.Axis())
    options = tflite.StridedSliceOptions()
    options.Init(table.Bytes, table.Pos)
    return StridedSliceAttributes(
        options.BeginMask(),
        options.EndMask(),
        options.EllipsisMask(),
        options.NewAxisMask(),
        options.ShrinkAxisMask(),
    )


def fold(graph: Graph) -> Graph:
    """The same model without operators that have known inputs: those of FOLDED, and DEQUANTIZE of float16 constants.

    What nothing reads is gone too.

    Operators and tensors are numbered anew. What cannot be folded stays, for the gate behind to name.
    Raises ModelError when a folded value does not have the shape that the file gives its tensor.
    """
    tensors = list(graph.tensors)
    kept = []
    for op in graph.ops:
        value = _evaluate(op, tensors)
        if value is None:
            kept.append(op)
            continue
        output = tensors[op.outputs[0]]
        if value.shape != output.shape:
            raise ModelError(f"{op.where} gives shape {value.shape}, the file says {output.shape}; convert it again")
        tensors[output.index] = replace(output, data=value)
    kept = _fold_float16(kept, tensors)
    return compact(replace(graph, tensors=tuple(tensors), ops=tuple(_live(kept, graph.outputs))))


def _fold_float16(ops: list[Op], tensors: list[Tensor]) -> list[Op]:
    """``ops`` without DEQUANTIZE of float16 constants; what they computed becomes constant in ``tensors``."""
    narrow = {op.outputs[0]: op.inputs[0] for op in ops if _widens_a_constant(op, tensors)}
    for wide, source in narrow.items():
        assert source is not None
        tensors[wide] = replace(tensors[wide], data=np.asarray(tensors[source].data, np.float32))
    kept = []
    for op in ops:
        weights = op.inputs[1:]
        if op.kind in FLOAT16_WEIGHTS and weights and all(i is None or i in narrow for i in weights):
            op = replace(op, inputs=(op.inputs[0], *(None if i is None else narrow[i] for i in weights)))
        if op.outputs[0] not in narrow:
            kept.append(op)
    return kept


def _widens_a_constant(op: Op, tensors: list[Tensor]) -> bool:
    """Whether an operator does nothing but turn float16 constants into float32."""
    if op.kind != "DEQUANTIZE" or len(op.inputs) != 1 or len(op.outputs) != 1 or op.inputs[0] is None:
        return False
    source, output = tensors[op.inputs[0]], tensors[op.outputs[0]]
    types = (source.dtype, output.dtype)
    return types == (DType.FLOAT16, DType.FLOAT32) and source.data is not None and source.shape == output.shape


def _evaluate(op: Op, tensors: list[Tensor]) -> npt.NDArray[Any] | None:
    """The value of the operator's only output if it can be known, else None."""
    if op.kind not in FOLDED or len(op.outputs) != 1 or not op.inputs or any(i is None for i in op.inputs):
        return None
    inputs = [tensors[i] for i in op.inputs if i is not None]
    output = tensors[op.outputs[0]]
    if output.dtype not in (DType.INT32, DType.INT64):
        return None
    if op.kind == "SHAPE":
        return np.array(inputs[0].shape, output.dtype.value)
    values = [t.data for t in inputs if t.data is not None]
    if len(values) != len(inputs):
        return None
    try:
        if isinstance(op.attributes, PackAttributes):
            return np.stack(values, op.attributes.axis).astype(output.dtype.value)
        if isinstance(op.attributes, StridedSliceAttributes) and len(values) == 4:
            return _strided_slice(op.attributes, *values).astype(output.dtype.value)
    except (ValueError, IndexError) as error:
        raise ModelError(f"{op.where} contradicts itself ({error}); convert the model again") from error
    return None


def _strided_slice(
    attributes: StridedSliceAttributes,
    value: npt.NDArray[Any],
    begin: npt.NDArray[Any],
    end: npt.NDArray[Any],
    strides: npt.NDArray[Any],
) -> npt.NDArray[Any]:
    """tf.strided_slice, whose begin, end and strides mean what Python's slices mean."""
    if not len(begin.ravel()) == len(end.ravel()) == len(strides.ravel()):
        raise ValueError("begin, end and strides differ in length")
    index: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin.ravel(), end.ravel(), strides.ravel(), strict=True)):
        bit = 1 << i
        if attributes.ellipsis_mask & bit:
            index.append(...)
        elif attributes.new_axis_mask & bit:
            index.append(None)
        elif attributes.shrink_axis_mask & bit:
            index.append(int(first))
        else:
            open_begin, open_end = attributes.begin_mask & bit, attributes.end_mask & bit
            index.append(slice(None if open_begin else int(first), None if open_end else int(last), int(step)))
    return np.asarray(value[tuple(index)])


def _live(ops: list[Op], outputs: tuple[int, ...]) -> list[Op]:
    """The operators whose outputs are read by a live operator or are outputs of the model, in the same order."""
    needed = set(outputs)
    live = []
    for op in reversed(ops):
        if needed & set(op.outputs):
            live.append(op)
            needed |= {i for i in op.inputs if i is not None}
    return live[::-1]


def compact(graph: Graph) -> Graph:
    """The graph without unused tensors, indices running from 0 again."""
    used = {*graph.inputs, *graph.outputs}
    for op in graph.ops:
        used |= {*op.outputs, *(i for i in op.inputs if i is not None)}
    new = {old: i for i, old in enumerate(sorted(used))}
    ops = tuple(
        replace(
            op,
            index=i,
            inputs=tuple(None if t is None else new[t] for t in op.inputs),
            outputs=tuple(new[t] for t in op.outputs),
        )
        for i, op in enumerate(graph.ops)
    )
    return replace(
        graph,
        tensors=tuple(replace(graph.tensors[old], index=i) for old, i in new.items()),
        ops=ops,
        inputs=tuple(new[i] for i in graph.inputs),
        outputs=tuple(new[i] for i in graph.outputs),
    )
