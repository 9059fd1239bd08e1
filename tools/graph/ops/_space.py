"""Shared by SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: images [batches][height][width][channels]; width is optional."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

Axis = tuple[int, int, int]  # size of a block, and how much is added or cropped before and after


def as_image(shape: Sequence[int]) -> tuple[int, int, int, int]:
    """The four sizes of an image; width is 1 for three dimensions. ValueError unless there are three or four."""
    if len(shape) not in (3, 4):
        raise ValueError(f"{len(shape)} dimensions, not 3 or 4")
    batches, height, *width, depth = shape
    return batches, height, *(width or [1]), depth  # type: ignore[return-value]


def axis_pairs(shape: Sequence[int], blocks: npt.NDArray[Any], edges: npt.NDArray[Any]) -> tuple[Axis, Axis]:
    """(vertical, horizontal) blocks and edges. ValueError unless each spatial dimension has a positive block size and
    two nonnegative edges."""
    spatial = len(shape) - 2
    if blocks.size != spatial or edges.size != 2 * spatial or blocks.min() < 1 or edges.min() < 0:
        raise ValueError(f"blocks {blocks.ravel().tolist()} with edges {edges.ravel().tolist()} for {tuple(shape)}")
    axes = [(int(b), int(e[0]), int(e[1])) for b, e in zip(blocks.ravel(), edges.reshape(-1, 2), strict=True)]
    vertical, horizontal = (*axes, (1, 0, 0))[:2]
    return vertical, horizontal
