"""Computes every operator's output in an interpreter on the host, for compare.

Interpreters return only a model's outputs and reuse the memory of all other tensors. So every operator's output is made
an output of the model. Nothing else in the file changes, so the same kernels compute the same numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tflite
from flatbuffers.number_types import UOffsetTFlags

from .. import oracle
from ..graph import ops, read
from ..graph.ir import Graph, Op, Tensor
from . import signature

_OUTPUTS_FIELD = 8  # of the table SubGraph: 4 + 2 * the field's number in the schema


def outputs(
    package: str, model: bytes, graph: Graph, inputs: Sequence[oracle.Array], name: str
) -> tuple[oracle.Array | None, ...]:
    """One array per operator of ``graph``: first axis = sample, then the output's shape and dtype in the graph. None
    for an operator that only assigns to a variable.

    ``package`` is oracle.TFLM or oracle.LITERT. ``graph`` was read from ``model``, before or after any pass. TFLM means
    the interpreters that define the numbers, which for some operators is LiteRT. Raises ModelError if the interpreter
    cannot run the model, MissingTool if it is not installed.
    """
    twins = in_file(graph, read.read(model, name))
    tensors = [twin.outputs[0] for twin in twins if twin is not None]
    if package == oracle.TFLM and oracle.is_defined_by_tflm(model, name) and oracle.defined_by_litert(model, name):
        found = iter(oracle.defined(model, inputs, name, tensors))
    else:
        found = iter(oracle.outputs(package, expose(model, tensors), inputs, name))
    return tuple(
        None if twin is None else _as_in(next(found), graph.output(op))
        for op, twin in zip(graph.ops, twins, strict=True)
    )


def _as_in(array: oracle.Array, tensor: Tensor) -> oracle.Array:
    """A tensor of the file for every sample, reduced to the channels that the graph keeps."""
    if tensor.kept is not None:
        array = array.reshape(len(array), *tensor.shape[:-1], -1)[..., list(tensor.kept)]
    return array.reshape(len(array), *tensor.shape)


def in_file(graph: Graph, own: Graph) -> tuple[Op | None, ...]:
    """For each operator of ``graph``, the one in the file's graph ``own`` that it came from. None for an operator that
    has no output in the file, because it assigns to a variable."""
    return tuple(twin if twin.outputs else None for twin in (own.ops[op.position] for op in graph.ops))


def pairs(graph: Graph, other: Graph) -> tuple[Op | None, ...]:
    """For each operator of ``graph``, the one in ``other`` that computes the same layer in another type, or None.

    Both are conversions of the same Keras model, so their layers are in the same order, but either may have additional
    operators such as QUANTIZE.
    """
    found: list[Op | None] = []
    at = 0
    for op in graph.ops:
        same = (o for o in other.ops[at:] if o.kind == op.kind and _shape(other, o) == _shape(graph, op))
        known = ops.lookup(op.kind)
        twin = None if known is not None and known.converts else next(same, None)
        at = at if twin is None else twin.index + 1
        found.append(twin)
    return tuple(found)


def _shape(graph: Graph, op: Op) -> tuple[int, ...] | None:
    return graph.output(op).shape if op.outputs else None


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
