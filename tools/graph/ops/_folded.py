"""What operators share that only compute shapes, before the model runs, and have no kernel."""

from ...errors import UnsupportedModel
from ..ir import DType, Graph, Op, Tensor


def is_index(tensor: Tensor) -> bool:
    """Whether a tensor holds the kind of integers that shapes are made of."""
    return tensor.dtype in (DType.INT32, DType.INT64)


def check(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel: what reaches this check could not be computed before the model runs."""
    raise UnsupportedModel(
        f"{op.where} depends on the input and has no kernel in runtime aot; give every Keras Input a fixed shape with "
        "batch size 1, or replace the layer"
    )
