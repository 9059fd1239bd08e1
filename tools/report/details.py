"""Computes what the page shows of a run beyond its record: sections, memory plan, confusion matrix, sample images.

It is JSON-ready, computed right after the run; kept.py stores it, page.py draws it.
"""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..graph.ir import Graph, Plan, Schedule, Tensor
from ..values import Quantized, Target
from .sections import Section

Array = npt.NDArray[Any]

MOST_PICTURES = 16  # with correct, and as many with wrong predictions
SMALLEST_PICTURE = 6  # pixels; anything smaller is not an image
MOST_CLASSES = 100  # a larger confusion matrix is not helpful


def of(
    quantized: Quantized,
    graph: Graph,
    schedule: Schedule | None,
    plan: Plan | None,
    outputs: Sequence[Array],
    target: Target | None,
    sections: Sequence[Section],
) -> dict[str, Any]:
    """JSON-ready details. ``outputs`` are the device's, one array per model output, first axis = sample; ``target`` is
    None if its memory is unknown."""
    vectors = quantized.vectors
    return {
        "oracle": vectors.oracle,
        "calibration": quantized.calibration,
        "data_sha256": quantized.data_sha256,
        "flash_limit_bytes": target.flash_bytes if target else None,
        "ram_limit_bytes": target.ram_bytes if target else None,
        "sections": [
            {"name": s.name, "address": s.address, "flash_bytes": s.flash_bytes, "ram_bytes": s.ram_bytes}
            for s in sections
        ],
        "plan": None if plan is None or schedule is None else _plan(schedule, plan),
        "classes": _classes(quantized, outputs),
        "pictures": _pictures(quantized, graph, outputs),
    }


def _plan(schedule: Schedule, plan: Plan) -> dict[str, Any]:
    """Steps are input, every kernel call, output; buffers are live from step ``first`` to ``last``, inclusive."""
    graph, steps = schedule.graph, schedule.steps
    makers = {write.tensor: step.name for step in steps for write in step.call.writes}
    placed = [(i, place) for i, place in sorted(plan.tensors.items()) if i not in schedule.views]
    named = [(makers.get(i, graph.tensors[i].name), place) for i, place in placed]
    named += [(f"scratch {n} of {steps[at].name}", place) for (at, n), place in sorted(plan.scratch.items())]
    return {
        "arena_bytes": plan.arena_bytes,
        "lower_bound_bytes": plan.lower_bound,
        "steps": ["input", *(step.name for step in steps), "output"],
        "buffers": [
            {"name": name, "offset": p.offset, "bytes": p.bytes, "first": p.first + 1, "last": p.last + 1}
            for name, p in named
        ],
    }


def _classes(quantized: Quantized, outputs: Sequence[Array]) -> dict[str, Any] | None:
    """Class labels and the confusion matrix of the device's predictions, rows = true labels; None without labels."""
    vectors = quantized.vectors
    scores = vectors.labelled(outputs[0].reshape(len(outputs[0]), -1)) if outputs else np.zeros((0, 0))
    if vectors.labels is None or scores.shape[1] < 2:
        return None
    count = scores.shape[1]
    if count > MOST_CLASSES or int(vectors.labels.max()) >= count or int(vectors.labels.min()) < 0:
        return None
    matrix = np.zeros((count, count), np.int64)
    np.add.at(matrix, (vectors.labels, scores.argmax(axis=1)), 1)
    return {"names": [_name(vectors.classes, i) for i in range(count)], "matrix": matrix.tolist()}


def _name(classes: Sequence[str], index: int) -> str:
    return classes[index] if index < len(classes) else str(index)


def _pictures(quantized: Quantized, graph: Graph, outputs: Sequence[Array]) -> list[dict[str, Any]]:
    """Samples as PNG with the device's predictions, wrong ones first; [] for inputs that are not images.

    An image has rank 3 (height, width, 1 or 3 channels). ``score`` is the probability of the predicted class if the
    outputs are probabilities, else None.
    """
    vectors = quantized.vectors
    images = vectors.inputs[0]
    is_picture = images.ndim == 4 and images.shape[3] in (1, 3) and min(images.shape[1:3]) >= SMALLEST_PICTURE
    classified = _classes(quantized, outputs)
    if len(vectors.inputs) != 1 or vectors.steps or not is_picture or classified is None or vectors.labels is None:
        return []
    scores = _real(graph.tensors[graph.outputs[0]], outputs[0].reshape(len(outputs[0]), -1))
    chosen = scores.argmax(axis=1)
    right = chosen == vectors.labels
    picked = [i for group in (~right, right) for i in _spread(np.flatnonzero(group), vectors.labels)]
    probable = bool((scores >= -0.01).all() and (np.abs(scores.sum(axis=1) - 1.0) < 0.1).all())
    low, high = images.min(), images.max()
    return [
        {
            "sample": int(i),
            "png": png(images[i], low, high),
            "label": classified["names"][int(vectors.labels[i])],
            "predicted": classified["names"][int(chosen[i])],
            "score": float(scores[i, chosen[i]]) if probable else None,
            "right": bool(right[i]),
        }
        for i in picked
    ]


def _spread(samples: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> list[int]:
    """Up to MOST_PICTURES samples, taken from each class in turn."""
    seen: Counter[int] = Counter()
    turns = []
    for sample in map(int, samples):
        label = int(labels[sample])
        turns.append((seen[label], sample))
        seen[label] += 1
    return [sample for _, sample in sorted(turns)[:MOST_PICTURES]]


def _real(tensor: Tensor, values: Array) -> npt.NDArray[np.float64]:
    real = values.astype(np.float64)
    return (real - tensor.zero_point) * tensor.scale if tensor.quantization else real


def png(image: Array, low: Any, high: Any) -> str:
    """An image of shape (height, width, 1 or 3) as base64 PNG; ``low`` becomes black and ``high`` white."""
    from PIL import Image

    span = max(float(high) - float(low), 1e-12)
    pixels = np.clip((image.astype(np.float64) - float(low)) / span * 255.0 + 0.5, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
