"""Every operator's output, computed by an interpreter on this machine; used by compare.

Interpreters return a model's outputs and reuse the memory of all else. So the file is given more outputs: one for each
operator. Nothing but the list of outputs changes, so the same kernels compute the same numbers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tflite
from flatbuffers.number_types import UOffsetTFlags

from .. import oracle
from ..errors import ModelError
from ..graph import read
from ..graph.ir import Graph, Op, Tensor
from . import signature

_OUTPUTS_FIELD = 8  # of the table SubGraph: 4 + 2 * the field's number in the schema


def outputs(
    package: str, model: bytes, graph: Graph, inputs: Sequence[oracle.Array], name: str
) -> tuple[oracle.Array, ...]:
    """One array per operator of ``graph``: first axis = sample, then the output's shape and dtype in the graph.

    ``package`` is oracle.TFLM or oracle.LITERT, ``graph`` what was read from ``model``, folded or not. TFLM stands for
    who defines the numbers: operators that LiteRT defines are LiteRT's. Raises ModelError when that interpreter cannot
    run the model, MissingTool when it is not installed.
    """
    own = read.read(model, name, kernels=False, folded=False)
    tensors = [op.outputs[0] for op in in_file(graph, own)]
    if package == oracle.TFLM and oracle.defined_by_litert(model, name):
        found = oracle.defined(model, inputs, name, tensors)
    else:
        found = oracle.outputs(package, expose(model, tensors), inputs, name)
    return tuple(_as_in(array, graph.output(op)) for array, op in zip(found, graph.ops, strict=True))


def _as_in(array: oracle.Array, tensor: Tensor) -> oracle.Array:
    """A file's tensor for every sample, as what is left of it in a graph."""
    if tensor.kept is not None:
        array = array.reshape(len(array), *tensor.shape[:-1], -1)[..., list(tensor.kept)]
    return array.reshape(len(array), *tensor.shape)


def in_file(graph: Graph, own: Graph) -> tuple[Op, ...]:
    """The operators of the unfolded graph ``own`` that became those of ``graph``: folding only removes some."""
    remaining = iter(own.ops)
    found = []
    for op in graph.ops:
        output = graph.output(op)
        twin = next((o for o in remaining if o.kind == op.kind and own.output(o).name == output.name), None)
        if twin is None:
            raise ModelError(f"{op.where} is not in the file it was read from; convert the model again")
        found.append(twin)
    return tuple(found)


def pairs(graph: Graph, other: Graph) -> tuple[Op | None, ...]:
    """For each operator of ``graph`` the one of ``other`` that computes the same layer in another type, or None.

    Both are conversions of one Keras model, so the layers come in the same order; one of them may have operators more,
    such as QUANTIZE.
    """
    found: list[Op | None] = []
    at = 0
    for op in graph.ops:
        same = (o for o in other.ops[at:] if o.kind == op.kind and other.output(o).shape == graph.output(op).shape)
        twin = None if op.kind in ("QUANTIZE", "DEQUANTIZE") else next(same, None)
        at = at if twin is None else twin.index + 1
        found.append(twin)
    return tuple(found)


def expose(model: bytes, tensors: Sequence[int]) -> bytes:
    """The .tflite with ``tensors`` (positions in its only subgraph) as its outputs.

    A longer list is appended to the file and the subgraph's reference is turned to it: an offset in a flatbuffer leads
    forward from where it stands, so nothing else moves (FlatBuffers, "Internals").
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
