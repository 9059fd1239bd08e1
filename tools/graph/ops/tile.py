"""TILE: a tensor repeated along each dimension."""

from itertools import chain

import numpy as np

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, multiples: Array) -> Array:
    """Each dimension becomes two: the repetitions and the original."""
    if multiples.size != array.ndim:
        raise ValueError(f"{multiples.size} multiples for {array.ndim} dimensions")
    pairs = [(int(times), size) for times, size in zip(multiples.ravel(), array.shape, strict=True)]
    single = array.reshape(list(chain.from_iterable((1, size) for _, size in pairs)))
    return np.broadcast_to(single, list(chain.from_iterable(pairs)))


OPERATOR = moves("tensor repeated along each dimension", view, {1: "multiples"}, litert_alone=True)
