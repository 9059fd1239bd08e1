"""AVERAGE_POOL_2D: graph operator → call of kernels/average_pool_2d.h."""

from ..ir import Graph, KernelCall, Op
from ._pool_2d import Attributes, check, in_place, lower_pool, parse

__all__ = ["SUMMARY", "VARIANTS", "Attributes", "check", "in_place", "lower", "parse"]

SUMMARY = "average of a sliding window: fused activation"
VARIANTS = ("int8", "int16", "float32")


def lower(op: Op, graph: Graph) -> KernelCall:
    """The kernel call; after check()."""
    return lower_pool(op, graph, "average_pool_2d")
