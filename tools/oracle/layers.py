"""Computes every operator's output in an interpreter on the host, for compare.

Interpreters return only a model's outputs and reuse the memory of all other tensors. So every operator's output is made
an output of the model. Nothing else in the file changes, so the same kernels compute the same numbers.
"""

from collections.abc import Sequence

from .. import oracle
from ..graph import ops, read, rows
from ..graph.ir import Graph, Op, Tensor
from . import parts


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
    is_mixed = oracle.is_defined_by_tflm(model, name) and oracle.defined_by_litert(model, name)
    if rows.are_read(graph) or (package == oracle.TFLM and is_mixed):
        found = iter(oracle.defined(model, inputs, name, tensors))
    else:
        found = iter(oracle.outputs(package, parts.expose(model, tensors), inputs, name))
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
