"""RESIZE_NEAREST_NEIGHBOR: an image resized by copying the nearest input pixel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ..ir import Op
from ._pick import Distances, picks, strides
from ._resize import Attributes, parser


def places(op: Op, shape: Sequence[int], sizes: npt.NDArray[Any]) -> Sequence[Distances]:
    """``sizes`` are the new height and width."""
    if len(shape) != 4 or sizes.size != 2 or sizes.min() < 1:
        raise ValueError(f"an input of shape {tuple(shape)} resized to {sizes.ravel().tolist()}")
    batches, height, width, depth = shape
    rows, columns = (int(size) for size in sizes.ravel())
    chosen = (
        np.arange(batches),
        nearest(op.attributes, height, rows),
        nearest(op.attributes, width, columns),
        np.arange(depth),
    )
    return [each * stride for each, stride in zip(chosen, strides(shape), strict=True)]


def nearest(a: Attributes, before: int, after: int) -> Distances:
    """The nearest input position for each output position along one axis. TFLM: GetNearestNeighbor in
    reference/resize_nearest_neighbor.h, in float32."""
    f32 = np.float32
    scale = f32(before - 1) / f32(after - 1) if a.align_corners and after > 1 else f32(before) / f32(after)
    at = (np.arange(after, dtype=f32) + f32(0.5 if a.half_pixel_centers else 0)) * scale
    # As std::round, which rounds ties away from zero: nothing is negative, and adding 0.5 in float64 is exact.
    chosen = np.floor(at.astype(np.float64) + 0.5) if a.align_corners else np.floor(at)
    found: Distances = np.minimum(chosen.astype(np.int64), before - 1)
    return found


OPERATOR = picks(
    "image resized by copying the nearest pixels", places, {1: "size"}, parser(tflite.ResizeNearestNeighborOptions)
)
