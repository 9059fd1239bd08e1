"""Mends what TensorFlow's quantizer gets wrong in an int8 or int16x8 .tflite.

- An operator that only moves elements may have an output that nothing reads, such as the reset gate in the first step
  of an unrolled GRU. The quantizer then chooses at random whether the operator becomes integer or stays float, between
  a DEQUANTIZE and a QUANTIZE.
- It gives the output of an LSTM the quantization that its readers need, such as a concatenation's. But interpreters
  copy the hidden state to the output unchanged.
- It leaves a variable in float, or gives its reads another type or quantization than its assignments, although all of
  them use the same memory.
"""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from .graph import ops, read
from .graph.ir import DType, Graph, Op, Tensor
from .graph.operator import StateRole
from .graph.state import role_of
from .oracle import parts

DEQUANTIZE, QUANTIZE = "DEQUANTIZE", "QUANTIZE"


def mend(tflite: bytes, name: str) -> bytes:
    """The same model without these mistakes; ``tflite`` itself if it has none."""
    return _with_integer_variables(_with_requantized_states(_without_floats(tflite, name), name), name)


def _with_integer_variables(tflite: bytes, name: str) -> bytes:
    """Gives each variable the type and quantization of what is assigned to it."""
    graph = read.read(tflite, name)
    handles = _handles(graph)
    kept = {variable: tensor for variable in handles.values() if (tensor := _assigned(variable, graph)) is not None}
    users = [op for op in graph.ops if op.inputs and handles.get(op.inputs[0]) in kept]
    seen = ((i, kept[handles[op.inputs[0]]]) for op in users for i in (*op.outputs, *op.inputs[1:]) if i is not None)
    if all(_like(graph.tensors[i], tensor) for i, tensor in seen):
        return tflite
    model = parts.unpacked(tflite)
    subgraph, after = model.subgraphs[0], dict[int, list[Any]]()
    for op in users:
        raw, tensor = subgraph.operators[op.index], kept[handles[op.inputs[0]]]
        if role_of(op) is StateRole.ASSIGN:
            raw.inputs = [int(raw.inputs[0]), tensor.index]
            continue
        (output,) = op.outputs
        raw.outputs = [_copy(subgraph, output, subgraph.tensors[tensor.index])]
        readers = _readers(output, graph)
        quantized = [reader for reader in readers if reader.kind == QUANTIZE]
        for reader in quantized:
            subgraph.operators[reader.index].inputs = raw.outputs
        if len(quantized) < len(readers):
            kind = DEQUANTIZE if graph.output(op).dtype is DType.FLOAT32 else QUANTIZE
            after[op.index] = [parts.operator(model, kind, raw.outputs, [output])]
    unread = {op.index for op in graph.ops if op.kind == DEQUANTIZE and not _is_read(op, graph, subgraph)}
    subgraph.operators = [
        each
        for index, raw in enumerate(subgraph.operators)
        if index not in unread
        for each in (raw, *after.get(index, ()))
    ]
    _quantize_initial_values(model, graph, kept)
    return parts.packed(model)


def _handles(graph: Graph) -> dict[int | None, Any]:
    """Handle → its variable."""
    return {op.outputs[0]: op.attributes for op in graph.ops if role_of(op) is StateRole.HANDLE}


def _assignments(graph: Graph) -> Iterator[tuple[Op, Any]]:
    handles = _handles(graph)
    yield from ((op, handles.get(op.inputs[0])) for op in graph.ops if role_of(op) is StateRole.ASSIGN)


def _assigned(variable: Any, graph: Graph) -> Tensor | None:
    """The integers that are assigned to a variable, if need be before a DEQUANTIZE; None for floats, or several."""
    values = [graph.input(op, 1) for op, which in _assignments(graph) if which == variable]
    makers = {op.outputs[0]: op for op in graph.ops if op.kind == DEQUANTIZE}
    found = [graph.input(makers[v.index], 0) if v.index in makers else v for v in values]
    return found[0] if len(found) == 1 and found[0].dtype is not DType.FLOAT32 else None


def _like(tensor: Tensor, other: Tensor) -> bool:
    return (tensor.dtype, tensor.quantization) == (other.dtype, other.quantization)


def _copy(subgraph: Any, tensor: int, like: Any) -> int:
    """A new tensor with the type and quantization of ``like``."""
    copied = copy.copy(subgraph.tensors[tensor])
    copied.type, copied.quantization, copied.name = like.type, copy.copy(like.quantization), copied.name + b"/kept"
    subgraph.tensors.append(copied)
    return len(subgraph.tensors) - 1


def _is_read(op: Op, graph: Graph, subgraph: Any) -> bool:
    """Whether another operator reads the output of ``op`` in the mended ``subgraph``."""
    output = op.outputs[0]
    return output in graph.outputs or any(output in raw.inputs for raw in subgraph.operators if raw.inputs is not None)


def _quantize_initial_values(model: Any, graph: Graph, kept: dict[Any, Tensor]) -> None:
    """Makes the constants integers that are assigned to the ``kept`` variables before the first inference."""
    main = model.subgraphs[0]
    for subgraph, raw in zip(graph.subgraphs, model.subgraphs[1:], strict=True):
        for op, variable in _assignments(subgraph):
            value, like = subgraph.input(op, 1), kept.get(variable)
            if like is None or value.data is None or value.dtype is not DType.FLOAT32:
                continue
            limits = np.iinfo(like.dtype.numpy)
            numbers = np.round(value.data / np.float64(like.scale)) + like.zero_point
            constant = _copy(raw, value.index, main.tensors[like.index])
            raw.tensors[constant].buffer = len(model.buffers)
            model.buffers.append(copy.copy(model.buffers[0]))
            integers = numbers.clip(limits.min, limits.max).astype(like.dtype.numpy)
            model.buffers[-1].data = np.frombuffer(integers.tobytes(), np.uint8)
            raw.operators[op.index].inputs = [int(raw.operators[op.index].inputs[0]), constant]


def _with_requantized_states(tflite: bytes, name: str) -> bytes:
    """Adds a QUANTIZE after each LSTM whose output has another quantization than its hidden state."""
    graph = read.read(tflite, name)
    hidden = {op.index: state for op in graph.ops if (state := _copied_state(op, graph)) is not None}
    if not hidden:
        return tflite
    model = parts.unpacked(tflite)
    subgraph, operators = model.subgraphs[0], []
    for index, raw in enumerate(model.subgraphs[0].operators):
        operators.append(raw)
        if index in hidden:
            output = int(raw.outputs[0])
            copied = copy.copy(subgraph.tensors[output])
            copied.quantization, copied.name = subgraph.tensors[hidden[index]].quantization, copied.name + b"/hidden"
            subgraph.tensors.append(copied)
            raw.outputs = [len(subgraph.tensors) - 1]
            operators.append(parts.operator(model, QUANTIZE, raw.outputs, [output]))
    subgraph.operators = operators
    return parts.packed(model)


def _copied_state(op: Op, graph: Graph) -> int | None:
    """The state that an operator copies to its only output, if the file gives them different quantizations."""
    known = ops.lookup(op.kind)
    position = None if known is None else known.copies_state
    if position is None or graph.input(op, position).quantization == graph.output(op).quantization:
        return None
    return graph.input(op, position).index


def _without_floats(tflite: bytes, name: str) -> bytes:
    graph = read.read(tflite, name)
    found = [(op, source) for op in graph.ops if (source := _dequantized(op, graph)) is not None]
    if not found:
        return tflite
    model = parts.unpacked(tflite)
    subgraph = model.subgraphs[0]
    gone = set()
    for op, source in found:
        integers = graph.ops[source].inputs[0]
        raw, like = subgraph.operators[op.index], subgraph.tensors[integers]
        raw.inputs = [integers if i == graph.ops[source].outputs[0] else i for i in raw.inputs]
        raw.outputs = list(raw.outputs)
        for position, output in enumerate(op.outputs):
            for reader in _readers(output, graph):
                raw.outputs[position] = reader.outputs[0]
                gone.add(reader.index)
            made = subgraph.tensors[output]
            made.type, made.quantization = like.type, copy.copy(like.quantization)
        if len(_readers(graph.ops[source].outputs[0], graph)) == 1:
            gone.add(source)
    subgraph.operators = [raw for index, raw in enumerate(subgraph.operators) if index not in gone]
    return parts.packed(model)


def _dequantized(op: Op, graph: Graph) -> int | None:
    """The index of the DEQUANTIZE before an operator that should be integer; None for other operators."""
    known = ops.lookup(op.kind)
    floats = [i for i in op.inputs if i is not None and graph.tensors[i].dtype is DType.FLOAT32]
    makers = [other for other in graph.ops if floats and floats[0] in other.outputs and other.kind == DEQUANTIZE]
    if known is None or not known.keeps_range or known.converts or len(floats) != 1 or not makers:
        return None
    before = graph.input(makers[0], 0)
    for output in op.outputs:
        readers = _readers(output, graph)
        same = all(r.kind == QUANTIZE and graph.output(r).quantization == before.quantization for r in readers)
        if output in graph.outputs or len(readers) > 1 or not same:
            return None
    return makers[0].index


def _readers(tensor: int, graph: Graph) -> list[Op]:
    return [op for op in graph.ops if tensor in op.inputs]
