"""Data augmentation: random shifts and mirror images, drawn again for every epoch; used by train."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..models import Augmentation, Data, Floats


def batches(data: Data, batch: int, augmentation: Augmentation, seed: int) -> Iterator[tuple[Floats, npt.NDArray[Any]]]:
    """Endless batches of the training set: every epoch has each image once, in a new order. Seeded."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(data.train_x))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            yield augmented(data.train_x[chosen], augmentation, random), data.train_y[chosen]


def augmented(x: Floats, augmentation: Augmentation, random: np.random.Generator) -> Floats:
    """Images (n, h, w, c), each mirrored and shifted at random: x[i, row + dy, column + dx], 0 outside."""
    count, height, width, _ = x.shape
    shift = augmentation.shift
    padded = np.pad(x, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
    rows = random.integers(0, 2 * shift + 1, (count, 1)) + np.arange(height)
    columns = random.integers(0, 2 * shift + 1, (count, 1)) + np.arange(width)
    if augmentation.mirror:
        mirrored = random.random(count) < 0.5
        columns[mirrored] = columns[mirrored, ::-1]
    moved: Floats = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved
