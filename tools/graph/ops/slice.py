"""SLICE: so many elements from a position on, in each dimension."""

from typing import Any

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, begin: Array, size: Array) -> Array:
    """A size of -1 takes all to the end."""
    if not len(begin.ravel()) == len(size.ravel()) == array.ndim:
        raise ValueError("begin and size are not one number per dimension")
    index: list[Any] = []
    for first, count, length in zip(begin.ravel(), size.ravel(), array.shape, strict=True):
        last = length if count == -1 else first + count
        if not 0 <= first < last <= length:
            raise ValueError(f"{count} elements from {first} on are not within {length}")
        index.append(slice(first, last))
    moved: Array = array[tuple(index)]
    return moved


OPERATOR = moves("part of a tensor: so many elements from a position on", view, {1: "begin", 2: "size"})
