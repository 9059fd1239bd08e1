"""SignalFilterBank of TFLM: energies summed by overlapping triangular filters."""

from collections.abc import Sequence

import numpy as np

from ...errors import ModelError
from ..ir import DType, Graph, Op
from ._signal import Fields, Signal


def fields(op: Op, graph: Graph) -> Fields:
    return {"channels": op.attributes.number(op, "num_channels", low=1, high=1 << 15)}


def sizes(op: Op, graph: Graph) -> Sequence[tuple[int, ...]]:
    return ((op.attributes.number(op, "num_channels", low=1, high=1 << 15),),)


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError unless every filter is inside the energies and the weights."""
    energies, weights, unweights, *starts_and_widths = (graph.input(op, i) for i in range(6))
    frequencies, firsts, widths = (np.array(tensor.data, np.int64).ravel() for tensor in starts_and_widths)
    channels = int(fields(op, graph)["channels"]) + 1
    inside = len(frequencies) == len(firsts) == len(widths) == channels and (
        min(frequencies.min(), firsts.min(), widths.min()) >= 0
        and (frequencies + widths).max() <= energies.elements
        and (firsts + widths).max() <= min(weights.elements, unweights.elements)
    )
    if not inside:
        raise ModelError(f"{op.where}: its filters exceed its input or its weights; convert the model again")


OPERATOR = Signal(
    "energies summed by overlapping filters",
    (DType.UINT32, *[DType.INT16] * 5),
    (DType.UINT64,),
    fields,
    sizes,
    constants=(1, 2, 3, 4, 5),
    check=check,
).operator()
