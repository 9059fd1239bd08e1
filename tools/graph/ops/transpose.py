"""TRANSPOSE: a tensor with its dimensions permuted."""

from ..ir import Op
from ._move import Array, moves


def view(op: Op, array: Array, permutation: Array) -> Array:
    """Dimension i of the result is dimension permutation[i] of the array."""
    moved: Array = array.transpose([int(dimension) for dimension in permutation.ravel()])
    return moved


OPERATOR = moves("tensor with its dimensions permuted", view, {1: "permutation"})
