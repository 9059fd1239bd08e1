"""Mends what TensorFlow's quantizer gets wrong in an int8 or int16x8 .tflite.

- An operator that only moves elements may have an output that nothing reads, such as the reset gate in the first step
  of an unrolled GRU. The quantizer then chooses at random whether the operator becomes integer or stays float, between
  a DEQUANTIZE and a QUANTIZE.
- It gives the output of an LSTM the quantization that its readers need, such as a concatenation's. But interpreters
  copy the hidden state to the output unchanged.
"""

import copy

from .graph import ops, read
from .graph.ir import DType, Graph, Op
from .oracle import parts

DEQUANTIZE, QUANTIZE = "DEQUANTIZE", "QUANTIZE"


def mend(tflite: bytes, name: str) -> bytes:
    """The same model without these mistakes; ``tflite`` itself if it has none."""
    return _with_requantized_states(_without_floats(tflite, name), name)


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
