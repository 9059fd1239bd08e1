"""What is inside a model: layers, tensors, quantization, weight histograms, sizes and the memory plan.

A pure function from (Graph, Plan) to plain data, which `inv inspect` prints as tables or as JSON. It needs no kernels:
every model that can be read can be shown, along with the operators that each runtime cannot run.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .graph import ops
from .graph.check import Refusal
from .graph.ir import Graph, Op, Plan, Tensor
from .oracle.layers import pairs

Array = npt.NDArray[Any]

HISTOGRAM_BINS = 16
_BARS = " ▁▂▃▄▅▆▇█"
_WEIGHTS = ("int4", "int8", "float16", "float32")  # the types of weights


def macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one inference; 0 for operators that have none, or whose weights are missing."""
    known = ops.lookup(op.kind)
    return known.macs(op, graph) if known is not None else 0


def sparkline(counts: list[int]) -> str:
    """A histogram in one line of text; an empty bin is a blank, any count at least the lowest bar."""
    top = max(counts, default=0)
    return "".join(_BARS[0 if not n else 1 + (n * (len(_BARS) - 2)) // top] for n in counts)


def inspect(
    graph: Graph,
    plan: Plan | None,
    original: Graph | None = None,
    refusals: Mapping[str, Sequence[Refusal]] | None = None,
) -> dict[str, Any]:
    """Layers, tensors and totals of a model as JSON-ready data. Bytes, MACs per inference, arena offsets in bytes.

    ``original`` is the float model this one was quantized from, which has the weights' real values. ``refusals`` says
    for each runtime what it cannot run. A layer lists the reasons that concern it, by runtime; the model lists all,
    including those about operators that were folded away. The layers of a loop or branch follow its operator, with an
    index such as "3.1.0": the first of the second block of operator 3. Their tensors are not listed.
    """
    floats = {} if original is None else _floats(graph, original)
    refusals = refusals or {}
    layers = list(_layers(graph, refusals))
    tensors = [_tensor(tensor, plan, floats.get(tensor.index)) for tensor in graph.tensors]
    return {
        "model": graph.name,
        "model_sha256": graph.sha256,
        "model_bytes": graph.model_bytes,
        "inputs": [tensors[i]["name"] for i in graph.inputs],
        "outputs": [tensors[i]["name"] for i in graph.outputs],
        "parameters": sum(layer["parameters"] for layer in layers),
        "macs": sum(macs(graph, op) for op in graph.ops),
        "constant_bytes": _constant_bytes(graph),
        "arena_bytes": plan.arena_bytes if plan else None,
        "unsupported": {name: [each.reason for each in refused] for name, refused in refusals.items()},
        "layers": layers,
        "tensors": tensors,
    }


def _constant_bytes(graph: Graph) -> int:
    inner = sum(_constant_bytes(block) for op in graph.ops for block in op.blocks)
    return inner + sum(t.bytes for t in graph.tensors if t.data is not None)


def _layers(
    graph: Graph, refusals: Mapping[str, Sequence[Refusal]], path: tuple[int, ...] = ()
) -> Iterator[dict[str, Any]]:
    """The layers of a graph, and of its blocks."""
    for op in graph.ops:
        layer = _layer(graph, op, {} if path else refusals)
        if path:
            layer |= {"index": ".".join(map(str, (*path, op.index))), "inputs": [], "outputs": []}
        yield layer
        for number, block in enumerate(op.blocks):
            yield from _layers(block, refusals, (*path, op.index, number))


def _has_weights(op: Op) -> bool:
    known = ops.lookup(op.kind)
    return known is not None and bool(known.roles)


def _layer(graph: Graph, op: Op, refusals: Mapping[str, Sequence[Refusal]]) -> dict[str, Any]:
    constants = [graph.tensors[i] for i in op.inputs if i is not None and graph.tensors[i].data is not None]
    output = graph.output(op) if op.outputs else None
    return {
        "index": op.index,
        "op": op.kind,
        "name": op.name,
        "inputs": [i for i in op.inputs if i is not None],
        "outputs": list(op.outputs),
        "output_shape": list(output.shape) if output else None,
        "output_dtype": output.dtype.value if output else None,
        # Elsewhere integers are shapes, axes and paddings.
        "parameters": sum(t.elements for t in constants if _has_weights(op) or t.dtype.value in _WEIGHTS),
        "constant_bytes": sum(t.bytes for t in constants),
        "macs": macs(graph, op),
        "unsupported": {
            name: each.reason for name, refused in refusals.items() for each in refused if each.position == op.position
        },
    }


def _tensor(tensor: Tensor, plan: Plan | None, original: Array | None) -> dict[str, Any]:
    planned = plan.tensors.get(tensor.index) if plan else None
    quantization = tensor.quantization
    return {
        "index": tensor.index,
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype.value,
        "bytes": tensor.bytes,
        "scales": list(quantization.scales) if quantization else None,
        "zero_points": list(quantization.zero_points) if quantization else None,
        "constant": tensor.data is not None,
        "histogram": _histogram(tensor),
        "reals": _reals(tensor, original),
        "arena": {"offset": planned.offset, "first_op": planned.first, "last_op": planned.last} if planned else None,
    }


def _floats(graph: Graph, original: Graph) -> dict[int, Array]:
    """Each constant of ``graph`` → the float constant that is the same input of the same layer in ``original``."""
    found = {}
    for op, twin in zip(graph.ops, pairs(graph, original), strict=True):
        for mine, theirs in zip(op.inputs, () if twin is None else twin.inputs, strict=False):
            if mine is None or theirs is None:
                continue
            tensor, real = graph.tensors[mine], original.tensors[theirs]
            if tensor.data is not None and real.data is not None and tensor.shape == real.shape:
                found[mine] = real.data
    return found


def _reals(tensor: Tensor, original: Array | None) -> dict[str, Any] | None:
    """A quantized constant's histogram as real numbers, and where these come from; None for other tensors."""
    quantization = tensor.quantization
    if tensor.data is None or quantization is None or _histogram(tensor) is None:
        return None
    if original is not None:
        found = _counted(original)
        return found and {"source": "original", "histogram": found}
    shape = [1] * len(tensor.shape)
    if quantization.per_channel:
        shape[quantization.axis] = -1
    scales, zeros = (np.array(values).reshape(shape) for values in (quantization.scales, quantization.zero_points))
    found = _counted((tensor.data.astype(np.float64) - zeros) * scales)
    return found and {"source": "dequantized", "histogram": found}


def _histogram(tensor: Tensor) -> dict[str, Any] | None:
    """Counts over equal bins from the smallest to the largest value, a single bin if these are equal; None unless the
    tensor holds weights."""
    if tensor.data is None or tensor.elements == 0 or tensor.dtype.value not in _WEIGHTS:
        return None
    return _counted(tensor.data)


def _counted(array: Array) -> dict[str, Any] | None:
    if not np.isfinite(array).all():  # before the cast, which warns about signalling NaNs
        return None
    values = array.astype(np.float64).ravel()
    low, high = float(values.min()), float(values.max())
    if low == high:
        return {"min": low, "max": high, "counts": [values.size]}
    counts, edges = np.histogram(values, bins=HISTOGRAM_BINS, range=(low, high))
    return {"min": float(edges[0]), "max": float(edges[-1]), "counts": [int(n) for n in counts]}
