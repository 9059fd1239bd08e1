"""The multiply-accumulate operators without a compiler: numbers of the lowering, and one sentence per refusal."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.cores import HOST
from tools.errors import ModelError, UnsupportedModel
from tools.graph import ops
from tools.graph.ir import Constant, DType, Graph, KernelCall, Op, Quantization, Read, Scratch, Tensor
from tools.graph.ops import _pool_2d, _window, conv_2d, depthwise_conv_2d, fully_connected
from tools.graph.ops import _quantized as q

KERNELS = Path(__file__).parents[2] / "firmware" / "kernels"
Q = Quantization


def graph_of(kind: str, attributes: Any, tensors: list[Tensor]) -> tuple[Op, Graph]:
    """One operator that reads all tensors but the last, which it writes."""
    op = Op(0, kind, "block/conv", tuple(range(len(tensors) - 1)), (len(tensors) - 1,), attributes)
    graph = Graph("m", "", 0, tuple(replace(t, index=i) for i, t in enumerate(tensors)), (op,), (0,), op.outputs)
    return op, graph


def int8(name: str, *shape: int, scales: tuple[float, ...] = (0.5,), zeros: tuple[int, ...] = (0,)) -> Tensor:
    return Tensor(0, name, shape, DType.INT8, Q(scales, zeros))


def int32(name: str, *shape: int) -> Tensor:
    return Tensor(0, name, shape, DType.INT32, Q((0.25,), (0,)))


def conv() -> tuple[Op, Graph]:
    attributes = conv_2d.Attributes("SAME", (1, 1), (1, 1), "RELU")
    tensors = [int8("x", 1, 4, 4, 6), int8("w", 8, 3, 3, 6), int32("b", 8), int8("y", 1, 4, 4, 8)]
    return graph_of("CONV_2D", attributes, tensors)


def depthwise() -> tuple[Op, Graph]:
    attributes = depthwise_conv_2d.Attributes("SAME", (1, 1), (1, 1), 2, "NONE")
    tensors = [int8("x", 1, 4, 4, 3), int8("w", 1, 3, 3, 6), int32("b", 6), int8("y", 1, 4, 4, 6)]
    return graph_of("DEPTHWISE_CONV_2D", attributes, tensors)


def dense() -> tuple[Op, Graph]:
    attributes = fully_connected.Attributes("NONE", "DEFAULT", False)
    tensors = [int8("x", 2, 6), int8("w", 8, 6), int32("b", 8), int8("y", 2, 8)]
    return graph_of("FULLY_CONNECTED", attributes, tensors)


def max_pool() -> tuple[Op, Graph]:
    attributes = _pool_2d.Attributes("VALID", (2, 2), (2, 2), "NONE")
    return graph_of("MAX_POOL_2D", attributes, [int8("x", 1, 4, 4, 6), int8("y", 1, 2, 2, 6)])


def average_pool() -> tuple[Op, Graph]:
    attributes = _pool_2d.Attributes("VALID", (2, 2), (2, 2), "NONE")
    return graph_of("AVERAGE_POOL_2D", attributes, [int8("x", 1, 4, 4, 6), int8("y", 1, 2, 2, 6)])


Change = Callable[[Op, Graph], tuple[Op, Graph]]


def with_tensor(position: int, **fields: Any) -> Change:
    """Another tensor at a position of the graph."""

    def change(op: Op, graph: Graph) -> tuple[Op, Graph]:
        tensors = list(graph.tensors)
        tensors[position] = replace(tensors[position], **fields)
        return op, replace(graph, tensors=tuple(tensors))

    return change


def with_op(**fields: Any) -> Change:
    return lambda op, graph: (replace(op, **fields), graph)


def with_option(**fields: Any) -> Change:
    return lambda op, graph: (replace(op, attributes=replace(op.attributes, **fields)), graph)


def both(first: Change, second: Change) -> Change:
    return lambda op, graph: second(*first(op, graph))


def int16() -> Change:
    """Input and output of 16 bits, the bias of 64."""

    def change(op: Op, graph: Graph) -> tuple[Op, Graph]:
        types = {0: DType.INT16, 2: DType.INT64, len(graph.tensors) - 1: DType.INT16}
        tensors = [replace(t, dtype=types.get(i, t.dtype)) for i, t in enumerate(graph.tensors)]
        tensors[2] = replace(tensors[2], data=np.arange(tensors[2].elements))
        return op, replace(graph, tensors=tuple(tensors))

    return change


def dynamic() -> Change:
    """Floats around int8 weights."""

    def change(op: Op, graph: Graph) -> tuple[Op, Graph]:
        tensors = [t if i == 1 else replace(t, dtype=DType.FLOAT32) for i, t in enumerate(graph.tensors)]
        return op, replace(graph, tensors=tuple(tensors))

    return change


@pytest.mark.parametrize("make", [conv, depthwise, dense, max_pool, average_pool])
def test_accepts(make: Callable[[], tuple[Op, Graph]]) -> None:
    op, graph = make()
    ops.find(op.kind).check(op, graph)


REFUSALS: list[tuple[Callable[[], tuple[Op, Graph]], Change, type[Exception], str]] = [
    (conv, with_op(inputs=(0,)), ModelError, "has 1 inputs, but needs 2 or 3"),
    (conv, with_op(inputs=(0, None, 2)), ModelError, "input 1 is absent"),
    (conv, with_op(outputs=(3, 3)), ModelError, "has 2 outputs, but needs 1"),
    (conv, with_tensor(0, dtype=DType.UINT16), UnsupportedModel, "'x' (uint16, 1x4x4x6) has a type without a kernel"),
    (
        conv,
        both(int16(), with_tensor(1, dtype=DType.FLOAT16)),
        UnsupportedModel,
        "no kernel combines the input 'x' (int16",
    ),
    (conv, both(int16(), with_tensor(0, quantization=Q((0.5,), (1,)))), UnsupportedModel, "requires 0 for int16"),
    (
        conv,
        both(int16(), with_tensor(0, quantization=Q((300.0,), (0,)))),
        UnsupportedModel,
        "128 times the output scale",
    ),
    (conv, both(int16(), with_tensor(2, data=np.full(8, -(2**46)))), UnsupportedModel, "must be a constant below 2^46"),
    (conv, both(int16(), with_tensor(2, data=None)), UnsupportedModel, "must be a constant below 2^46"),
    (
        depthwise,
        both(int16(), with_tensor(2, dtype=DType.INT32)),
        UnsupportedModel,
        "'b' (int32, 6) has a type without",
    ),
    (depthwise, dynamic(), UnsupportedModel, "have one scale, but LiteRT's hybrid kernel reads 6"),
    (conv, with_tensor(0, dtype=DType.FLOAT32), UnsupportedModel, "mixes 'x' (float32, 1x4x4x6) with 'y' (int8"),
    (conv, with_tensor(2, dtype=DType.INT64), UnsupportedModel, "'b' (int64, 8) has a type without a kernel"),
    (conv, with_tensor(2, shape=(7,)), ModelError, "does not have one value per output channel (8)"),
    (conv, with_option(activation="TANH"), UnsupportedModel, "the fused activation TANH has no kernel"),
    (conv, with_option(padding="unknown (7)"), ModelError, "padding unknown (7) is neither SAME nor VALID"),
    (conv, with_option(stride=(0, 1)), ModelError, "stride 0x1 must be at least 1x1"),
    (conv, with_option(dilation=(1, -2)), ModelError, "dilation 1x-2 must be at least 1x1"),
    (conv, with_option(padding="VALID", dilation=(2, 2)), ModelError, "does not fit into 'x'"),
    (conv, with_option(dilation=(32767, 32767)), UnsupportedModel, "too large for 32-bit offsets"),
    (conv, with_tensor(0, shape=(4, 4, 6)), UnsupportedModel, "has 3 dimensions, but the kernel takes 4"),
    (conv, with_tensor(0, shape=(1, 0, 4, 6)), ModelError, "has no elements"),
    (conv, with_tensor(1, shape=(8, 3, 3, 0)), ModelError, "has no elements"),
    (conv, with_tensor(1, shape=(8, 3, 3, 4)), ModelError, "do not divide 6 input channels"),
    (conv, with_tensor(1, shape=(8, 3, 3, 2)), ModelError, "and 8 output channels into equal groups"),
    (conv, with_tensor(3, shape=(1, 4, 5, 8)), ModelError, "'y' (int8, 1x4x5x8) should be 1x4x4x8"),
    (conv, with_tensor(0, quantization=None), ModelError, "has no quantization parameters"),
    (conv, with_tensor(1, quantization=None), ModelError, "have no quantization parameters"),
    (conv, with_tensor(0, quantization=Q((0.5,) * 6, (0,) * 6, 3)), UnsupportedModel, "is quantized per channel"),
    (conv, with_tensor(0, quantization=Q((0.0,), (0,))), ModelError, "has the quantization scale 0.0"),
    (conv, with_tensor(1, quantization=Q((float("nan"),), (0,))), ModelError, "has the quantization scale nan"),
    (conv, with_tensor(3, quantization=Q((0.5,), (128,))), ModelError, "has the zero point 128, outside -128 … 127"),
    (conv, with_tensor(1, quantization=Q((0.5,), (3,))), UnsupportedModel, "have a zero point other than 0"),
    (conv, with_tensor(1, quantization=Q((0.5,) * 3, (0,) * 3)), ModelError, "have 3 scales along axis 0"),
    (conv, with_tensor(1, quantization=Q((0.5,) * 6, (0,) * 6, 3)), ModelError, "have 6 scales along axis 3"),
    (conv, with_tensor(3, quantization=Q((1e-12,), (0,))), UnsupportedModel, "multiplication by 2.5e+11, beyond 2^30"),
    (conv, with_option(activation="unknown (9)"), UnsupportedModel, "the fused activation unknown (9) has no kernel"),
    (depthwise, with_option(depth_multiplier=1), ModelError, "do not fit 3 input channels with depth multiplier 1"),
    (depthwise, with_tensor(1, shape=(2, 3, 3, 6)), ModelError, "do not fit 3 input channels"),
    (depthwise, with_tensor(1, quantization=Q((0.5,) * 3, (0,) * 3, 1)), ModelError, "have 3 scales along axis 1"),
    (depthwise, with_tensor(1, quantization=Q((0.5,), (-1,))), UnsupportedModel, "have a zero point other than 0"),
    (depthwise, with_tensor(3, shape=(1, 4, 4, 3)), ModelError, "should be 1x4x4x6"),
    (dense, with_option(weights_format="SHUFFLED4x16INT8"), UnsupportedModel, "format SHUFFLED4x16INT8 has no kernel"),
    (dense, with_tensor(1, shape=(8, 6, 1)), UnsupportedModel, "has 3 dimensions, but the kernel takes 2"),
    (dense, with_tensor(1, shape=(8, 5)), ModelError, "does not split into rows of 5"),
    (dense, with_tensor(3, shape=(2, 7)), ModelError, "should be 2x8"),
    (dense, with_tensor(3, shape=()), ModelError, "(int8, scalar) should be 2x8"),
    (dense, with_tensor(3, shape=(16,)), ModelError, "should be 2x8"),
    (dense, both(with_option(keep_num_dims=True), with_tensor(0, shape=(2, 1, 6))), ModelError, "should be 2x1x8"),
    (dense, with_tensor(1, quantization=Q((0.5,), (200,))), ModelError, "have a zero point outside -128 … 127"),
    (dense, with_tensor(1, quantization=Q((0.5,) * 8, (1,) * 8)), UnsupportedModel, "have a zero point other than 0"),
    (
        dense,
        with_tensor(2, quantization=Q((0.5,), (0,))),
        ModelError,
        "scale 0.5, but input scale times weight scale is 0.25",
    ),
    (max_pool, with_op(inputs=(0, 0)), ModelError, "has 2 inputs, but needs 1"),
    (max_pool, with_option(filter=(0, 2)), ModelError, "filter size 0x2 must be at least 1x1"),
    (average_pool, with_tensor(1, shape=(1, 2, 2, 5)), ModelError, "should be 1x2x2x6"),
    (average_pool, with_option(filter=(5, 2)), ModelError, "a filter of 5x2 with dilation 1x1 does not fit into 'x'"),
]


@pytest.mark.parametrize(
    ("make", "change", "error", "words"), REFUSALS, ids=[f"{r[0].__name__}: {r[3]}" for r in REFUSALS]
)
def test_refuses_in_one_sentence(
    make: Callable[[], tuple[Op, Graph]], change: Change, error: type[Exception], words: str
) -> None:
    op, graph = make()
    op, graph = change(op, graph)
    with pytest.raises(ModelError) as refusal:
        ops.find(op.kind).check(op, graph)
    sentence = str(refusal.value)
    assert type(refusal.value) is error
    assert sentence.startswith(f"operator 0 {op.kind} 'block/conv': ")
    assert words in sentence
    assert "\n" not in sentence


def test_refuses_an_activation_beyond_32_bits() -> None:
    op, graph = conv()
    for position, scale in ((0, 1e-9), (3, 1e-9)):
        op, graph = with_tensor(position, quantization=Q((scale,), (0,)))(op, graph)
    op, graph = with_option(activation="RELU6")(op, graph)
    with pytest.raises(ModelError, match="the scale 1e-09, too small for the activation RELU6"):
        ops.find(op.kind).check(op, graph)


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (1 << 30, 1)),
        (0.5, (1 << 30, 0)),
        (0.75, (3 << 29, 0)),
        (1.0 - 2.0**-53, (1 << 30, 1)),  # rounds up to 2^31, which is 2^30 with one shift more
        (1.0 - 2.0**-31, ((1 << 31) - 1, 0)),
        (1.0 - 2.0**-32, (1 << 30, 1)),  # a tie, away from zero
        (2.0**-32, (1 << 30, -31)),
        (2.0**-33, (0, 0)),
        (2.0**29, (1 << 30, 30)),
    ],
)
def test_quantize_multiplier_at_the_edges(real: float, expected: tuple[int, int]) -> None:
    assert q.quantize_multiplier(real) == expected


@given(st.floats(2.0**-32, 2.0**30, exclude_max=True))
def test_quantize_multiplier_is_as_near_as_31_bits_go(real: float) -> None:
    multiplier, shift = q.quantize_multiplier(real)
    assert 1 << 30 <= multiplier < 1 << 31 and -31 <= shift <= 31
    assert abs(multiplier * 2.0 ** (shift - 31) - real) <= 2.0 ** (shift - 32)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, 1), (-0.5, -1), (1.5, 2), (2.5, 3), (-2.5, -3), (0.49, 0), (-7.0, -7)]
)
def test_round_half_away(value: float, expected: int) -> None:
    assert q.round_half_away(value) == expected


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        ("NONE", 0.1, 5, (-128, 127)),
        ("RELU", 0.1, 5, (5, 127)),
        ("RELU", 0.1, -128, (-128, 127)),
        ("RELU6", 0.1, 5, (5, 65)),
        ("RELU6", 0.01, 5, (5, 127)),
        ("RELU6", 4.0, -10, (-10, -8)),  # 6 / 4 = 1.5, away from zero
        ("RELU_N1_TO_1", 0.1, 5, (-5, 15)),
        ("RELU_N1_TO_1", 2.0, 0, (-1, 1)),  # 1 / 2, away from zero
        ("RELU_N1_TO_1", 0.001, -120, (-128, 127)),
    ],
)
def test_integer_activation_range(activation: str, scale: float, zero_point: int, expected: tuple[int, int]) -> None:
    op, _ = conv()
    output = int8("y", 1, scales=(float(np.float32(scale)),), zeros=(zero_point,))
    assert q.integer_activation_range(op, output, activation) == expected


@pytest.mark.parametrize(
    ("padding", "size", "filter_size", "stride", "dilation", "output", "before"),
    [
        ("SAME", 5, 3, 1, 1, 5, 1),
        ("SAME", 5, 2, 1, 1, 5, 0),  # one of padding, all behind
        ("SAME", 5, 3, 2, 1, 3, 1),
        ("SAME", 6, 3, 2, 1, 3, 0),
        ("SAME", 2, 7, 1, 1, 2, 3),
        ("SAME", 5, 3, 1, 2, 5, 2),
        ("SAME", 9, 1, 4, 1, 3, 0),
        ("VALID", 5, 3, 1, 1, 3, 0),
        ("VALID", 5, 2, 2, 1, 2, 0),
        ("VALID", 5, 3, 1, 2, 1, 0),
        ("VALID", 5, 6, 1, 1, 0, 0),
    ],
)
def test_window_axis(
    padding: str, size: int, filter_size: int, stride: int, dilation: int, output: int, before: int
) -> None:
    axis = _window.window_axis(padding, size, filter_size, stride, dilation)
    assert (axis.output, axis.padding) == (output, before)


# --- lowering ---------------------------------------------------------------------------------------------------------


def floats(op: Op, graph: Graph) -> tuple[Op, Graph]:
    return op, replace(graph, tensors=tuple(replace(t, dtype=DType.FLOAT32, quantization=None) for t in graph.tensors))


def chosen(op: Op, graph: Graph) -> KernelCall:
    return ops.find(op.kind).variant(op, graph, HOST).call(op, graph)


def fields(header: str, struct: str) -> list[str]:
    """Names of a C++ struct's fields, in order."""
    found = re.search(rf"struct {struct} \{{(.*?)\n\}};", (KERNELS / header).read_text(encoding="utf-8"), re.S)
    assert found, f"no struct {struct} in {header}"
    return [name.strip() for line in re.findall(r"(?:int32_t|float) ([^;]+);", found[1]) for name in line.split(",")]


@pytest.mark.parametrize("variant", ["int8", "float32"])
@pytest.mark.parametrize("make", [conv, depthwise, dense, max_pool, average_pool])
def test_params_are_the_fields_of_the_struct(make: Callable[[], tuple[Op, Graph]], variant: str) -> None:
    op, graph = make() if variant == "int8" else floats(*make())
    ops.find(op.kind).check(op, graph)
    call = chosen(op, graph)
    header = "pool_2d.h" if "POOL" in op.kind else call.header
    assert list(call.fields) == fields(header, call.params[0].type)
    assert call.function == f"{op.kind.lower()}_{variant}"
    assert f" {call.function}(" in (KERNELS / call.header).read_text(encoding="utf-8")


@pytest.mark.parametrize("make", [conv, depthwise, dense])
def test_int16_params_are_the_fields_of_the_struct(make: Callable[[], tuple[Op, Graph]]) -> None:
    op, graph = int16()(*make())
    ops.find(op.kind).check(op, graph)
    call = chosen(op, graph)
    assert list(call.fields) == fields(call.header, call.params[0].type)
    assert (call.function, call.template) == (f"{op.kind.lower()}_int16", ("uint32_t", "int64_t"))


@pytest.mark.parametrize(
    ("make", "asymmetric", "function"), [(conv, False, "hybrid_symmetric"), (dense, True, "hybrid")]
)
def test_hybrid_layers_quantize_one_row_at_a_time(
    make: Callable[[], tuple[Op, Graph]], asymmetric: bool, function: str
) -> None:
    op, graph = dynamic()(*make())
    if asymmetric:
        op, graph = with_option(asymmetric_inputs=True)(op, graph)
    ops.find(op.kind).check(op, graph)
    call = chosen(op, graph)
    assert call.function == f"{op.kind.lower()}_{function}"
    row = graph.tensors[0].elements // graph.tensors[0].shape[0]
    assert [a.bytes for a in call.arguments if isinstance(a, Scratch)] == [row]
    assert list(call.fields) == fields(call.header, call.params[0].type)


def test_lowers_channels_to_multipliers() -> None:
    op, graph = conv()
    scales = tuple(2.0**-i for i in range(8))
    op, graph = with_tensor(1, quantization=Q(scales, (0,) * 8))(op, graph)
    ops.find(op.kind).check(op, graph)
    call = chosen(op, graph)
    constants = {a.suffix: a.data for a in call.arguments if isinstance(a, Constant)}
    assert constants["multipliers"].dtype == constants["shifts"].dtype == np.int32
    assert constants["multipliers"].tolist() == [1 << 30] * 8
    assert constants["shifts"].tolist() == [1 - i for i in range(8)]
    assert [*call.reads, *(write.tensor for write in call.writes)] == [0, 1, 2, 3]


def test_an_absent_bias_is_a_null_pointer() -> None:
    for inputs in ((0, 1), (0, 1, None)):
        op, graph = dense()
        op = replace(op, inputs=inputs)
        ops.find(op.kind).check(op, graph)
        assert chosen(op, graph).arguments[2] == Read(None)


@pytest.mark.parametrize(
    ("padding", "filter_size", "stride", "expected"),
    [
        ("VALID", (2, 2), (2, 2), 0),
        ("VALID", (3, 3), (1, 1), 0),
        ("SAME", (2, 2), (2, 2), 0),
        ("SAME", (3, 3), (1, 1), 30),  # a window reaches back by a row and a pixel
    ],
)
def test_a_pool_trails_its_input_by_as_much_as_it_reaches_back(
    padding: str, filter_size: tuple[int, int], stride: tuple[int, int], expected: int
) -> None:
    op, graph = with_option(padding=padding, filter=filter_size, stride=stride)(*max_pool())
    (write,) = chosen(op, graph).writes
    assert write.trails == {0: expected}
