"""BROADCAST_TO: a tensor repeated along dimensions in which it has one position, or which it does not have."""

import numpy as np

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, shape: Array) -> Array:
    """NumPy's rules are TensorFlow's."""
    return np.broadcast_to(array, [int(size) for size in shape.ravel()])


OPERATOR = moves("a tensor repeated until it has a shape", view, {1: "shape"})
