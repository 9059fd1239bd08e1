"""Checks for equal quantization, and the parts of TFLite's specification that TFLM's kernels omit.

real = scale * (quantized - zero point), https://ai.google.dev/edge/litert/models/quantization_spec
"""

from collections.abc import Mapping, Sequence

from ..ir import DType, Graph, Op, Tensor
from ..operator import Objection

QUANTIZED = (DType.INT8, DType.UINT8, DType.INT16)
SCALE_TOLERANCE = 1e-6  # relative: 0.03 steps at the limits of int16, for scales that were rounded to float32 twice


def same_quantization(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors have the same quantization; True if either is not quantized."""
    a, b = first.quantization, second.quantization
    if first.dtype not in QUANTIZED or a is None or b is None:
        return True
    return (
        a.zero_points == b.zero_points
        and len(a.scales) == len(b.scales)
        and all(abs(x - y) <= SCALE_TOLERANCE * y for x, y in zip(a.scales, b.scales, strict=True))
    )


def describe_quantized(tensor: Tensor) -> str:
    """A tensor with its quantization, as errors name it."""
    if tensor.quantization is None:
        return f"{tensor.name!r} (not quantized)"
    scales = tensor.quantization.scales
    scale = f"scale {scales[0]:.6g}" if len(scales) == 1 else f"{len(scales)} scales"
    return f"{tensor.name!r} ({tensor.dtype.value}, {scale}, zero point {tensor.quantization.zero_points[0]})"


def does_not_convert(op: Op, graph: Graph) -> str | None:
    """An Objection: the kernel copies integers, but input and output differ in quantization."""
    source, output = graph.optional_input(op, 0), graph.output(op)
    if source is None or same_quantization(source, output):
        return None
    return f"does not convert from {describe_quantized(source)} to {describe_quantized(output)}"


def ignores_zero_points(op: Op, graph: Graph) -> str | None:
    """An Objection: the kernel assumes zero points of 0, but one differs."""
    tensors = [graph.optional_input(op, i) for i in range(len(op.inputs))] + [graph.output(op)]
    quantized: Sequence[Tensor] = [t for t in tensors if t is not None and t.dtype in QUANTIZED and t.quantization]
    return next((f"does not apply the zero point of {describe_quantized(t)}" for t in quantized if t.zero_point), None)


def takes_no_uint8(op: Op, graph: Graph) -> str | None:
    """An Objection: TFLM has dropped the kernels for uint8, the type of TensorFlow 1.x."""
    return "does not take uint8" if graph.output(op).dtype is DType.UINT8 else None


def gives(steps: Mapping[DType, float]) -> Objection:
    """Makes an Objection: the kernel writes a fixed quantization (scale 1 / steps), but the output's differs."""

    def rule(op: Op, graph: Graph) -> str | None:
        output = graph.output(op)
        count, own = steps.get(output.dtype), output.quantization
        if count is None or own is None or (own.scales, own.zero_points) == ((1 / count,), (0,)):
            return None
        return f"uses the scale 1/{count:g} and zero point 0, but its output is {describe_quantized(output)}"

    return rule
