"""A second opinion on the oracle: LiteRT runs each operator of a model on the inputs that the oracle computed for it.

Device and oracle may agree bit for bit and both be wrong: if the interpreter that defines the numbers has a bug,
equality with it proves nothing. So another implementation also runs every integer model.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from .. import oracle
from ..errors import MissingTool, ModelError
from ..graph import read
from ..values import SecondOpinion
from . import parts
from .signature import TensorSpec

SAMPLES = 8  # a bug in a kernel shows in a few samples of the test set
FLOOR_STEPS = 8.0  # smaller differences from the float model are ignored, since an output may hardly vary at all


def of_litert(tflite: bytes, inputs: Sequence[oracle.Array], name: str) -> SecondOpinion | None:
    """The operator of an integer model on which LiteRT differs most from the oracle, and by how much.

    Every operator gets the oracle's inputs, so rounding errors do not accumulate over layers and only a faulty operator
    stands out. LiteRT has two kernels for most operators, and neither set is free of bugs (its int8 reference SUM is
    wrong), so the closer result counts.

    Operators with state are left out, because their state accumulates the rounding errors of all earlier steps.

    None if there is no second opinion: LiteRT defines the whole model itself, cannot run it, or is not installed; or
    kerf does not support the model.
    """
    samples = [array[chosen(len(array))] for array in inputs]
    try:
        graph = read.read(tflite, name)
        tensors = [tensor for op in graph.ops for tensor in op.outputs]
        computed = oracle.defined(tflite, samples, name, tensors)
        values = dict(zip(graph.inputs, samples, strict=True)) | dict(zip(tensors, computed, strict=True))
        states = {tensor.index for tensor in graph.states}
        graph = replace(graph, ops=tuple(op for op in graph.ops if not states.intersection(op.inputs)))
        found = [values[tensor] for op in graph.ops for tensor in op.outputs]
        piece = parts.apart(tflite, graph, name)
    except (ModelError, MissingTool):
        return None
    reference = f"{oracle.LITERT} {version(oracle.LITERT)}" if oracle.is_installed(oracle.LITERT) else ""
    steps: list[float] = []
    for package in (oracle.LITERT, oracle.OPTIMIZED):
        try:
            theirs = oracle.outputs(package, piece.tflite, [values[i] for i in piece.reads], name)
        except (ModelError, MissingTool):
            continue
        differences = [_largest_difference(ours, other) for ours, other in zip(found, theirs, strict=True)]
        steps = [min(pair) for pair in zip(steps, differences, strict=True)] if steps else differences
        if not SecondOpinion(reference, max(steps, default=0.0), "").is_beyond_rounding:
            break
    if not steps:
        return None
    makers = [op for op in graph.ops for _ in op.outputs]
    farthest = int(np.argmax(steps))
    return SecondOpinion(reference, steps[farthest], makers[farthest].name)


def of_floats(found: oracle.Array, floats: oracle.Array, spec: TensorSpec) -> SecondOpinion | None:
    """The difference between the float model's outputs and the oracle's, which are quantized as ``spec``; None if
    rounding may explain it.

    Rounding is noise that is independent of the signal. If the noise is stronger than the signal (the variation of the
    float outputs over samples and elements), the mean float output would be a better prediction than the oracle's.
    Rounding alone never causes that, but an operator that is computed or converted incorrectly does, and so do
    quantization ranges that do not match the values.
    """
    real = spec.dequantize(found)
    apart = np.abs(real - floats.reshape(real.shape))
    noise, signal = float(np.sqrt(np.mean(apart**2))), float(np.std(floats))
    steps = float(apart.max(initial=0.0)) / (spec.scale or 1.0)
    if not np.isfinite(steps) or noise <= signal or steps <= FLOOR_STEPS:
        return None
    return SecondOpinion(SecondOpinion.FLOAT, round(steps, 1), spec.name)


def warning(opinion: SecondOpinion, name: str) -> str:
    """The warning about a difference that rounding does not explain."""
    steps = f"{opinion.max_steps:,.0f} steps"
    if opinion.reference == SecondOpinion.FLOAT:
        return (
            f"THE RESULTS MAY BE WRONG: output {opinion.layer!r} of {name} differs from the float model's by up to "
            f"{steps}, more than rounding explains; `inv compare` shows in which layer the difference starts"
        )
    return (
        f"THE RESULTS MAY BE WRONG: in layer {opinion.layer!r} of {name}, the oracle differs from {opinion.reference} "
        f"by up to {steps} on the same inputs, where rounding explains {SecondOpinion.ROUNDING_STEPS:.0f}, so a device "
        "that matches the oracle may be wrong too; report this as a bug and attach the .tflite"
    )


def chosen(count: int) -> npt.NDArray[np.int64]:
    """The indices of at most SAMPLES samples, evenly spaced over the whole set."""
    some = min(SAMPLES, count)
    positions: npt.NDArray[np.int64] = np.arange(some) * count // max(some, 1)
    return positions


def _largest_difference(ours: oracle.Array, theirs: oracle.Array) -> float:
    return float(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max(initial=0.0))
