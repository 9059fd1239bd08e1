"""Shared by operators that only compute shapes, at compile time, and have no kernel."""

from ...errors import UnsupportedModel
from ..ir import DType, Graph, Op, Tensor


def is_index(tensor: Tensor) -> bool:
    """Whether a tensor has the type of a shape or index."""
    return tensor.dtype in (DType.INT32, DType.INT64)


def check(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel, because an operator that reaches this check could not be folded."""
    raise UnsupportedModel(
        f"{op.where} depends on the input and has no kernel in runtime aot; give every Keras Input a fixed shape with "
        "batch size 1, or replace the layer"
    )
