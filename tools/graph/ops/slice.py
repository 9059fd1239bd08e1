"""SLICE: a part of a tensor, given by its begin and size in each dimension."""

from typing import Any

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, begin: Array, size: Array) -> Array:
    """A size of -1 extends to the end."""
    if not len(begin.ravel()) == len(size.ravel()) == array.ndim:
        raise ValueError("begin and size do not have one number per dimension")
    index: list[Any] = []
    for first, count, length in zip(begin.ravel(), size.ravel(), array.shape, strict=True):
        last = length if count == -1 else first + count
        if not 0 <= first < last <= length:
            raise ValueError(f"{count} elements from position {first} exceed the dimension's {length}")
        index.append(slice(first, last))
    moved: Array = array[tuple(index)]
    return moved


OPERATOR = moves("part of a tensor, given by begin and size", view, {1: "begin", 2: "size"})
