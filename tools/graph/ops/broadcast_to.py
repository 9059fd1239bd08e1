"""BROADCAST_TO: a tensor repeated along its dimensions of size 1, and along additional ones."""

import numpy as np

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, shape: Array) -> Array:
    """NumPy broadcasts by the same rules as TensorFlow."""
    return np.broadcast_to(array, [int(size) for size in shape.ravel()])


OPERATOR = moves("tensor broadcast to a given shape", view, {1: "shape"})
