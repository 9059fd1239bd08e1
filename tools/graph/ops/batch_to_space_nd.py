"""BATCH_TO_SPACE_ND: the images of a batch interleaved into fewer, larger ones, which are then cropped."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import Op
from ._pick import Distances, picks, strides
from ._space import as_image, axis_pairs


def places(op: Op, shape: Sequence[int], blocks: npt.NDArray[Any], crops: npt.NDArray[Any]) -> Sequence[Distances]:
    """Image ``r * blocks[1] + c`` has the pixels in row r and column c of every block of the first output image."""
    image = as_image(shape)
    (height, top, bottom), (width, left, right) = axis_pairs(shape, blocks, crops)
    batches, odd = divmod(image[0], height * width)
    if odd or image[1] * height <= top + bottom or image[2] * width <= left + right:
        raise ValueError(f"shape {tuple(shape)} in blocks of {height}x{width}, cropped by {crops.ravel().tolist()}")
    batch, row, column, _ = strides(image)
    rows = np.arange(top, image[1] * height - bottom)
    columns = np.arange(left, image[2] * width - right)
    found = [
        np.arange(batches) * batch,
        rows % height * width * batches * batch + rows // height * row,
        columns % width * batches * batch + columns // width * column,
        np.arange(image[3]),
    ]
    return found if len(shape) == 4 else [found[0], found[1], found[3]]


OPERATOR = picks("images of a batch interleaved into larger ones, cropped", places, {1: "block shape", 2: "crops"})
