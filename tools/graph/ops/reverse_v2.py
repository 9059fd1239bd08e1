"""REVERSE_V2: the elements in reverse order along some dimensions."""

import numpy as np

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, axes: Array) -> Array:
    """The array, reversed along the dimensions ``axes``."""
    return np.flip(array, tuple(int(axis) for axis in axes.ravel()))


OPERATOR = moves("elements in reverse order along some dimensions", view, {1: "axes"})
