"""The layer-by-layer comparison: where a quantized or compiled model diverges from its original, and the usual cause.

It takes every operator's outputs, as computed by the float model, LiteRT, TFLM (which defines integer results) and the
firmware, and returns one row per layer and one sentence. `examine` runs the interpreters; layers.py and causes.py are
pure.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .. import oracle
from ..errors import ModelError
from ..graph import passes, read
from ..graph.ir import Graph
from ..oracle import layers as interpreters
from ..oracle import signature
from ..runtimes import Program
from ..values import Identity, Quantized
from . import causes, layers
from .layers import Array, Layer

SAMPLES = 64  # of the test set; more hardly change an SQNR


@dataclass(frozen=True)
class Comparison:
    """``reference`` names the interpreter that all else is compared with, ``layer`` the first layer that diverges.

    ``layer`` is None if none does. ``finding`` is one sentence on it, with the usual cause and what to do.
    """

    model: str
    mode: str
    model_sha256: str
    runtime: str
    target: str
    emulator: str | None
    reference: str
    samples: int
    device_samples: int
    layers: tuple[Layer, ...]
    layer: str | None
    finding: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(
    quantized: Quantized,
    program: Program,
    original: Quantized | None,
    device: Sequence[Sequence[Array]] | None,
    firmware: Identity,
    emulator: str | None,
) -> Comparison:
    """Runs the interpreters on the first SAMPLES of the test set, or as many as the device ran if more, and compares.

    ``original`` is the same model in float32 with the same test set, None if there is none. ``device`` has the outputs
    that the program reported for each of the first samples, None if no ``firmware`` ran. Raises ModelError when no
    interpreter can run the model.
    """
    graph = program.graph
    count = max(SAMPLES, len(device or ()))
    inputs = [array[:count] for array in quantized.vectors.inputs]
    name = quantized.model
    parties = {}
    refusals = []
    for package in (oracle.TFLM, oracle.LITERT):
        if oracle.is_installed(package):
            try:
                parties[package] = interpreters.outputs(package, quantized.tflite, graph, inputs, name)
            except ModelError as error:
                refusals.append(str(error))
    if not parties:
        raise ModelError("; ".join(refusals) or f"no interpreter to compare {name} with: pip install {oracle.LITERT}")
    # Integer results are defined by TFLM, float and hybrid ones by LiteRT.
    defines = oracle.TFLM if oracle.is_defined_by_tflm(quantized.tflite, name) else oracle.LITERT
    is_exact = defines == oracle.LITERT or signature.read(quantized.tflite, name).is_integer
    chosen = defines if defines in parties else next(iter(parties))
    floats, weights = (None, None) if original is None else _originals(graph, quantized, original, count)
    on_device = None if device is None else _by_operator(program, device)
    litert = None if chosen == oracle.LITERT else parties.get(oracle.LITERT)
    # An operator that assigns to a variable has no output for interpreters to return.
    shown = [i for i, values in enumerate(parties[chosen]) if values is not None]
    graph = replace(graph, ops=tuple(graph.ops[i] for i in shown))
    real, kernels, others, measured = (
        None if party is None else [party[i] for i in shown] for party in (floats, weights, litert, on_device)
    )
    reference = [values for values in parties[chosen] if values is not None]
    rows = layers.compare(graph, reference, floats=real, litert=others, device=measured)
    layer, finding = causes.find(graph, rows, real, chosen, kernels, exact=chosen == defines and is_exact)
    return Comparison(
        model=quantized.model,
        mode=quantized.mode,
        model_sha256=quantized.sha256,
        runtime=firmware.runtime,
        target=firmware.target,
        emulator=emulator,
        reference=chosen,
        samples=len(inputs[0]),
        device_samples=0 if device is None else len(device),
        layers=rows,
        layer=layer,
        finding=finding,
    )


def _by_operator(program: Program, device: Sequence[Sequence[Array]]) -> list[Array | None]:
    """The device's output of each operator, first axis = sample; None for operators that it does not report."""
    stacked = [np.stack(column) for column in zip(*device, strict=True)]
    known = {each.tensor.index: array for each, array in zip(program.reported, stacked, strict=True) if each.tensor}
    views = program.schedule.views if program.schedule is not None else {}
    found: list[Array | None] = []
    for op in program.graph.ops:
        output = program.graph.output(op) if op.outputs else None
        array = None if output is None else known.get(views.get(output.index, output.index))
        found.append(None if array is None or output is None else array.reshape(len(array), *output.shape))
    return found


def _originals(
    graph: Graph, quantized: Quantized, original: Quantized, count: int
) -> tuple[list[Array | None], list[Array | None]]:
    """The float model's output of each operator for the first ``count`` samples, and its weights; None for layers that
    the float model does not have."""
    own = passes.simplify(read.read(original.tflite, original.model))
    inputs = real_inputs(quantized, original, count)
    found = interpreters.outputs(oracle.LITERT, original.tflite, own, inputs, original.model)
    twins = interpreters.pairs(graph, own)
    weights = [own.optional_input(twin, 1) if twin else None for twin in twins]
    return (
        [None if twin is None else found[twin.index] for twin in twins],
        [None if tensor is None else tensor.data for tensor in weights],
    )


def real_inputs(quantized: Quantized, original: Quantized, count: int) -> list[Array]:
    """The float model's test set if it is the same as the quantized one's. Without data, each model has random numbers
    of its own type: then the quantized model's inputs, dequantized."""
    tensors = signature.read(quantized.tflite, quantized.model).inputs
    stored, real = ([a[:count] for a in made.vectors.inputs] for made in (quantized, original))
    if all(np.array_equal(tensor.quantize(b), a) for tensor, a, b in zip(tensors, stored, real, strict=True)):
        return real
    return [tensor.dequantize(a).astype(b.dtype) for tensor, a, b in zip(tensors, stored, real, strict=True)]
