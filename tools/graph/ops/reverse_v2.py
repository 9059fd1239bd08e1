"""REVERSE_V2: some dimensions from their end to their beginning."""

import numpy as np

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, axes: Array) -> Array:
    """The dimensions ``axes`` are reversed."""
    return np.flip(array, tuple(int(axis) for axis in axes.ravel()))


OPERATOR = moves("some dimensions reversed", view, {1: "axes"})
