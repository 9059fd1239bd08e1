"""SignalFilterBankSpectralSubtraction of TFLM: energies without the noise, which it estimates over time."""

from ..ir import DType, Graph, Op
from ._signal import Fields, Signal, same_size

FACTORS = (
    "smoothing",
    "one_minus_smoothing",
    "alternate_smoothing",
    "alternate_one_minus_smoothing",
    "min_signal_remaining",
)


def fields(op: Op, graph: Graph) -> Fields:
    options = op.attributes
    size = graph.input(op, 0).elements
    return {
        "count": options.number(op, "num_channels", low=size, high=size),
        **{name: options.number(op, name) for name in FACTORS},
        "smoothing_bits": options.number(op, "smoothing_bits", high=31),
        "bits": options.number(op, "spectral_subtraction_bits", high=31),
        "clamps": bool(options.number(op, "clamping", high=1)),
    }


def own_state(op: Op, graph: Graph) -> tuple[tuple[int, ...], DType]:
    """The estimate of the noise."""
    return graph.output(op).shape, DType.UINT32


OPERATOR = Signal(
    "energies without the noise, estimated over time",
    (DType.UINT32,),
    (DType.UINT32, DType.UINT32),
    fields,
    same_size,
    own_state=own_state,
).operator()
