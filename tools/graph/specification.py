"""Where integer kernels leave out what TFLite's quantization specification asks for, operator by operator.

real = scale * (quantized - zero point), https://ai.google.dev/edge/litert/models/quantization_spec. Some operators take
input and output in one quantization only (`contradiction`): no interpreter converts there, so that other scales make
other numbers of it. For some, TFLM's kernel leaves the conversion out and LiteRT's reference kernel has it
(`left_out_by_tflm`), and some TFLM does not have at all: there LiteRT defines the result. Found by running every
operator of TFLM's in both interpreters and in float (tests/host/test_specification.py); docs/decisions/0008.
"""

from collections.abc import Callable, Mapping, Sequence

from ..errors import UnsupportedModel
from .ir import DType, Graph, Op, Tensor

QUANTIZED = (DType.INT8, DType.UINT8, DType.INT16)
SCALE_TOLERANCE = 1e-6  # relative: 0.03 steps at the far end of int16, where scales went through another float32
FUSED_ACTIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")  # that kernels apply

# Operators that move or compare elements and never look at scales → their inputs that hold elements, None for all.
ONE_QUANTIZATION: Mapping[str, tuple[int, ...] | None] = {
    "AVERAGE_POOL_2D": (0,),
    "BATCH_TO_SPACE_ND": (0,),
    "BROADCAST_TO": (0,),
    "CONCATENATION": None,
    "DEPTH_TO_SPACE": (0,),
    "DYNAMIC_UPDATE_SLICE": (0, 1),
    "EXPAND_DIMS": (0,),
    "GATHER": (0,),
    "GATHER_ND": (0,),
    "MAXIMUM": (0, 1),
    "MAX_POOL_2D": (0,),
    "MINIMUM": (0, 1),
    "MIRROR_PAD": (0,),
    "PACK": None,
    "PAD": (0,),
    "PADV2": (0, 2),
    "REDUCE_MAX": (0,),
    "REDUCE_MIN": (0,),
    "RESHAPE": (0,),
    "RESIZE_BILINEAR": (0,),
    "RESIZE_NEAREST_NEIGHBOR": (0,),
    "REVERSE_V2": (0,),
    "SELECT_V2": (1, 2),
    "SLICE": (0,),
    "SPACE_TO_BATCH_ND": (0,),
    "SPACE_TO_DEPTH": (0,),
    "SPLIT": (1,),
    "SPLIT_V": (0,),
    "SQUEEZE": (0,),
    "STRIDED_SLICE": (0,),
    "TILE": (0,),
    "TRANSPOSE": (0,),
    "UNPACK": (0,),
}
# Operators that TFLM does not have and LiteRT's reference does.
LITERT_ALONE = ("RELU_0_TO_1", "RELU_N1_TO_1", "TILE")


def check(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel where the file asks for what no interpreter computes."""
    activation = getattr(op.attributes, "activation", "NONE")
    if activation not in FUSED_ACTIONS:
        raise UnsupportedModel(
            f"{op.where}: the fused activation {activation} has no kernel (there are {', '.join(FUSED_ACTIONS)}), and "
            "interpreters leave it out; make it a layer of its own in the Keras model"
        )
    if op.kind not in ONE_QUANTIZATION:
        return
    output = graph.output(op)
    positions = ONE_QUANTIZATION[op.kind]
    inputs = [graph.optional_input(op, i) for i in (range(len(op.inputs)) if positions is None else positions)]
    for tensor in [*inputs, *(graph.tensors[i] for i in op.outputs[1:])]:
        if tensor is not None and not same_quantization(tensor, output):
            raise UnsupportedModel(
                f"{op.where}: {_quantized(tensor)} and {_quantized(output)} have different quantization, which no "
                f"{op.kind} kernel converts; convert the model again with TensorFlow 2.21, which gives them one"
            )


def same_quantization(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors mean the same numbers, as far as both are quantized at all."""
    if first.dtype not in QUANTIZED or first.quantization is None or second.quantization is None:
        return True
    pairs = [(t.quantization.scales, t.quantization.zero_points) for t in (first, second) if t.quantization]
    (scales, zero_points), (others, other_zero_points) = pairs
    return (
        zero_points == other_zero_points
        and len(scales) == len(others)
        and all(abs(a - b) <= SCALE_TOLERANCE * b for a, b in zip(scales, others, strict=True))
    )


def left_out_by_tflm(op: Op, graph: Graph) -> str | None:
    """What TFLM's kernel leaves out, as the end of a sentence that begins with the kernel; None for nothing.

    Its result is then not the one that the file asks for, by up to the whole range of the output.
    """
    rule = _LEFT_OUT.get(op.kind)
    return rule(op, graph) if rule and graph.output(op).dtype in QUANTIZED else None


def is_defined_by_litert(op: Op, graph: Graph) -> bool:
    """Whether LiteRT's reference kernel, and not TFLM's, says what an operator's integers must be."""
    return op.kind in LITERT_ALONE or left_out_by_tflm(op, graph) is not None


def _does_not_convert(op: Op, graph: Graph) -> str | None:
    source, output = graph.input(op, 0), graph.output(op)
    if same_quantization(source, output):
        return None
    return f"does not convert from {_quantized(source)} to {_quantized(output)}"


def _gives(steps: Mapping[DType, float]) -> Callable[[Op, Graph], str | None]:
    """The kernel writes one quantization, whatever the output's is."""

    def rule(op: Op, graph: Graph) -> str | None:
        output = graph.output(op)
        count = steps.get(output.dtype)
        if count is None or output.quantization is None or (output.scale, output.zero_point) == (1 / count, 0):
            return None
        return f"gives the scale 1/{count:g} and zero point 0 whatever its output {_quantized(output)} has"

    return rule


def _ignores_zero_points(op: Op, graph: Graph) -> str | None:
    tensors = [graph.optional_input(op, i) for i in range(len(op.inputs))] + [graph.output(op)]
    quantized: Sequence[Tensor] = [t for t in tensors if t is not None and t.dtype in QUANTIZED and t.quantization]
    return next((f"does not apply the zero point of {_quantized(t)}" for t in quantized if t.zero_point), None)


_LEFT_OUT: Mapping[str, Callable[[Op, Graph], str | None]] = {
    "ADD_N": _ignores_zero_points,
    "CUMSUM": _ignores_zero_points,
    "L2_NORMALIZATION": _gives({DType.INT8: 128}),
    "RELU6": _does_not_convert,
    "TANH": _gives({DType.INT8: 128}),
    "ZEROS_LIKE": _ignores_zero_points,
}


def _quantized(tensor: Tensor) -> str:
    """A tensor with its quantization, as errors name it."""
    if tensor.quantization is None:
        return f"{tensor.name!r} (not quantized)"
    scales = tensor.quantization.scales
    scale = f"scale {scales[0]:.6g}" if len(scales) == 1 else f"{len(scales)} scales"
    return f"{tensor.name!r} ({tensor.dtype.value}, {scale}, zero point {tensor.quantization.zero_points[0]})"
