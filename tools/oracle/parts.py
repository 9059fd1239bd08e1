"""Cuts a model into parts, each a .tflite of its own, for operators that another interpreter defines or checks.

A part has some of the file's operators, unchanged and with their constants. The tensors that it reads from other parts
become its inputs.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite
from flatbuffers.number_types import UOffsetTFlags

from ..graph import ops, rows, specification
from ..graph.ir import Graph, Op
from . import signature

TFLM, LITERT = "tflite-micro", "ai-edge-litert"
_OUTPUTS_FIELD = 8  # of the table SubGraph: 4 + 2 * the field's number in the schema


@dataclass(frozen=True)
class Part:
    """Consecutive operators defined by one interpreter; ``ops`` are their indices in the file."""

    package: str
    ops: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Piece:
    """A .tflite cut from a model; ``reads`` and ``gives`` are the model's tensors that are its inputs and outputs."""

    tflite: bytes
    reads: tuple[int, ...]
    gives: tuple[int, ...]


def split(graph: Graph) -> tuple[Part, ...]:
    """Splits a model by the interpreter that defines its operators; usually into a single part. An operator that may
    leave rows undefined ends its part, so that the next one reads them as 0.

    ``graph`` is the file's, before any pass.
    """
    found: list[tuple[str, list[int]]] = []
    for op, before in zip(graph.ops, (None, *graph.ops), strict=False):
        is_float = computes_floats(op, graph) or specification.is_defined_by_litert(op, graph)
        package = LITERT if is_float else TFLM
        if before is None or package != found[-1][0] or rows.is_partial(before):
            found.append((package, []))
        found[-1][1].append(op.index)
    return tuple(Part(package, tuple(indices)) for package, indices in found)


def computes_floats(op: Op, graph: Graph) -> bool:
    """Whether an operator's result depends on how floats are rounded: it uses some, other than to convert integers."""
    known = ops.lookup(op.kind)
    converts = known is not None and known.converts
    used = [graph.tensors[i] for i in (*op.inputs, *op.outputs) if i is not None]
    return any(t.dtype.value.startswith("float") and (not converts or t.data is not None) for t in used)


def is_mixed(graph: Graph) -> bool:
    """Whether some operators compute quantized integers and others floats. A model with loops or branches counts as
    one of floats, because what is computed in them is not looked at."""
    if any(op.blocks and op.outputs for op in graph.ops):  # not of initialization, which has no outputs
        return False
    floats = [computes_floats(op, graph) for op in graph.ops]
    return any(floats) and any(
        not is_float and graph.output(op).dtype.value in ("int8", "int16", "uint8") and not ops.find(op.kind).converts
        for op, is_float in zip(graph.ops, floats, strict=True)
        if ops.lookup(op.kind) is not None and op.outputs
    )


def cut(tflite: bytes, graph: Graph, ops: Sequence[int], wanted: Sequence[int], name: str) -> Piece:
    """Cuts out the operators with the indices ``ops``. ``graph`` was read from ``tflite``, before any pass.

    The outputs are the results that other operators read and those among ``wanted`` (tensor indices).
    """
    inside = [graph.ops[i] for i in ops]
    outside = [op for op in graph.ops if op.index not in set(ops)]
    made = {tensor for op in inside for tensor in op.outputs}
    needed = {tensor for op in outside for tensor in op.inputs if tensor is not None} | set(wanted)
    # An interpreter runs once per input sample, so it needs at least one input, even if it is unused.
    reads = sorted(_computed(graph, inside) - made) or [graph.inputs[0]]
    gives = sorted(made & needed)
    with signature.damage(name):
        model = unpacked(tflite)
        subgraph = model.subgraphs[0]
        subgraph.operators = [subgraph.operators[i] for i in ops]
        subgraph.inputs, subgraph.outputs = reads, gives
        model.signatureDefs = None  # they name inputs and outputs that no longer exist
        return Piece(packed(model), tuple(reads), tuple(gives))


def apart(tflite: bytes, graph: Graph, name: str) -> Piece:
    """All operators of a model, disconnected: each has its own inputs instead of other operators' outputs."""
    with signature.damage(name):
        model = unpacked(tflite)
        subgraph = model.subgraphs[0]
        reads: list[int] = []
        inputs: list[int] = []
        for op in graph.ops:
            copies: dict[int, int] = {}
            for tensor in sorted(_computed(graph, [op])):
                copies[tensor] = len(subgraph.tensors)
                subgraph.tensors.append(copy.copy(subgraph.tensors[tensor]))
                reads.append(tensor)
                inputs.append(copies[tensor])
            raw = subgraph.operators[op.index]
            raw.inputs = [copies.get(int(i), int(i)) for i in raw.inputs]
        gives = [tensor for op in graph.ops for tensor in op.outputs]
        subgraph.inputs, subgraph.outputs = inputs, gives
        model.signatureDefs = None
        return Piece(packed(model), tuple(reads), tuple(gives))


def _computed(graph: Graph, ops: Iterable[Op]) -> set[int]:
    """The tensors that operators read, except constants and state: each part has its own copy of these."""
    read_by = {tensor for op in ops for tensor in op.inputs if tensor is not None}
    return {i for i in read_by if graph.tensors[i].data is None and graph.tensors[i].initial is None}


def expose(model: bytes, tensors: Sequence[int]) -> bytes:
    """The .tflite with ``tensors`` (indices in its main subgraph) as its outputs.

    The new list is appended to the file, and the subgraph's offset is redirected to it. Offsets in a flatbuffer point
    forward from their own position, so nothing else has to move (FlatBuffers, "Internals").
    """
    with signature.damage("the model"):
        table = tflite.Model.GetRootAs(model, 0).Subgraphs(0)._tab
        field = table.Pos + table.Offset(_OUTPUTS_FIELD)
        if field == table.Pos:
            raise ValueError("a subgraph without outputs")
    grown = bytearray(model)
    grown += bytes(-len(grown) % UOffsetTFlags.bytewidth)
    grown[field : field + UOffsetTFlags.bytewidth] = np.array(len(grown) - field, "<u4").tobytes()
    values: npt.NDArray[np.int32] = np.array([len(tensors), *tensors], "<i4")
    return bytes(grown) + values.tobytes()


def decoded(tflite: bytes, graph: Graph, name: str) -> bytes:
    """The .tflite with the constants that operators decode (TFLM's compression), instead of these operators, which only
    TFLM has; the file itself if there are none. ``graph`` was read from ``tflite``, before any pass."""
    decoders = [op for op in graph.ops if (known := ops.lookup(op.kind)) is not None and known.evaluate_all is not None]
    if not decoders:
        return tflite
    with signature.damage(name):
        model = unpacked(tflite)
        subgraph = model.subgraphs[0]
        done = set()
        for op in decoders:
            used = [graph.tensors[i] for i in (*op.inputs, *op.outputs) if i is not None]
            decode = ops.find(op.kind).evaluate_all
            values = decode(op, used) if decode is not None else None
            if values is None:  # no runtime accepts it
                continue
            done.add(op.index)
            for tensor, value in zip(op.outputs, values, strict=True):
                buffer = copy.copy(model.buffers[0])
                buffer.data = np.frombuffer(value.tobytes(), np.uint8)
                subgraph.tensors[tensor].buffer = len(model.buffers)
                model.buffers.append(buffer)
        subgraph.operators = [op for i, op in enumerate(subgraph.operators) if i not in done]
        return packed(model)


def unpacked(tflite: bytes) -> Any:
    """A .tflite as the schema's Python objects."""
    from ai_edge_litert import schema_py_generated  # the schema's object API, which the package tflite lacks

    return schema_py_generated.ModelT.InitFromPackedBuf(tflite, 0)


def packed(model: Any) -> bytes:
    """The .tflite of a model given as Python objects, the reverse of `unpacked`."""
    builder = _Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=signature.IDENTIFIER)
    return bytes(builder.Output())


def operator(model: Any, kind: str, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
    """A new operator without options, to be added to ``model`` by the caller; its kind is added here."""
    from ai_edge_litert import schema_py_generated as schema

    code, added = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 2
    model.operatorCodes.append(code)
    added.opcodeIndex, added.inputs, added.outputs = len(model.operatorCodes) - 1, inputs, outputs
    return added


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns vectors as the schema requires (force_align: 16), because interpreters use constants in place."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        return super().StartVector(elemSize, numElems, max(alignment, 16))
