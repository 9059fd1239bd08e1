"""The import gate: valid files become graphs, everything else becomes one sentence."""

import hashlib
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import tflite
from raw_tflite import RawModel, RawOp, RawTensor

from tools.errors import KerfError, ModelError, UnsupportedModel
from tools.graph import passes
from tools.graph.ir import DType, Quantization
from tools.graph.layer_names import layer_names
from tools.graph.read import read

FLATTEN = Path(__file__).parent / "flatten.tflite"  # written by flatten_tflite.py


def test_a_model_becomes_a_graph() -> None:
    data = RawModel().data()
    graph = read(data, "tiny")
    assert (graph.name, graph.model_bytes, graph.sha256) == ("tiny", len(data), hashlib.sha256(data).hexdigest())
    assert [(t.name, t.shape, t.dtype, t.data) for t in graph.tensors] == [
        ("in", (1, 4), DType.INT8, None),
        ("out", (1, 4), DType.INT8, None),
    ]
    assert graph.tensors[0].quantization == Quantization((0.5,), (0,), 0)
    assert [(op.index, op.kind, op.name, op.inputs, op.outputs) for op in graph.ops] == [(0, "RELU", "out", (0,), (1,))]
    assert (graph.inputs, graph.outputs) == ((0,), (1,))


def test_constants_have_their_shape_and_type() -> None:
    values = np.arange(6, dtype="<i4").reshape(2, 3)
    constant = RawTensor("c", (2, 3), tflite.TensorType.INT32, 1, scales=())
    model = RawModel(
        tensors=(RawTensor("in"), RawTensor("out"), constant), ops=(RawOp((0, 2)),), buffers=(b"", values.tobytes())
    )
    tensor = read(model.data(), "m").tensors[2]
    assert tensor.data is not None
    np.testing.assert_array_equal(tensor.data, values)
    assert tensor.data.dtype == np.int32


@pytest.mark.parametrize("batch", [-1, 1])
def test_an_open_batch_dimension_is_one(batch: int) -> None:
    tensors = tuple(RawTensor(name, (1, 4), signature=(batch, 4)) for name in ("in", "out"))
    assert [t.shape for t in read(RawModel(tensors).data(), "m").tensors] == [(1, 4), (1, 4)]
    tensors = tuple(RawTensor(name, (batch, 4)) for name in ("in", "out"))
    assert [t.shape for t in read(RawModel(tensors).data(), "m").tensors] == [(1, 4), (1, 4)]


IN, OUT = RawTensor("in"), RawTensor("out")
BAD = {
    "no file": (b"", "is not a .tflite file"),
    "text": (b"hello, this is not a model", "is not a .tflite file"),
    "identifier": (RawModel(identifier=b"TFL2").data(), "is not a .tflite file"),
    "only the identifier": (b"\x08\0\0\0TFL3", "truncated or damaged"),
    "root outside": (b"\xff\xff\xff\x7fTFL3" + bytes(100), "truncated or damaged"),
    "version": (RawModel(version=2).data(), "schema version 2"),
    "no subgraph": (RawModel(subgraphs=0).data(), "has no subgraph"),
    "no inputs": (RawModel(inputs=()).data(), "has 0 inputs"),
    "no outputs": (RawModel(outputs=()).data(), "has 0 outputs"),
    "input index": (RawModel(inputs=(7,)).data(), "lists tensor 7 of 2 among its inputs"),
    "output index": (RawModel(outputs=(-1,)).data(), "lists tensor -1 of 2 among its outputs"),
    "input twice": (RawModel(inputs=(0, 0)).data(), "a tensor twice"),
    "op input index": (RawModel(ops=(RawOp((2,)),)).data(), "operator 0 RELU has tensor 2 as an input"),
    "op output index": (RawModel(ops=(RawOp((0,), (-1,)),)).data(), "operator 0 RELU has tensor -1 as an output"),
    "op without output": (RawModel(ops=(RawOp((0,), ()),)).data(), "has no output"),
    "never computed": (RawModel(ops=()).data(), "no operator computes output 'out'"),
    "a state as output": (
        RawModel((IN, RawTensor("out", variable=True), RawTensor("x")), (RawOp((0,), (2,)),)).data(),
        "output 'out' is a state, which no operator has as its output; remove it from the outputs",
    ),
    "use before": (
        RawModel((IN, OUT, RawTensor("x")), (RawOp((2,), (1,)), RawOp((0,), (2,)))).data(),
        "operator 0 RELU 'out' reads tensor 'x' before any operator has computed it",
    ),
    "cycle": (RawModel(ops=(RawOp((1,), (1,)),)).data(), "before any operator has computed it"),
    "written twice": (RawModel(ops=(RawOp(), RawOp())).data(), "operator 1 RELU 'out_2' writes tensor 'out'"),
    "input written": (RawModel(ops=(RawOp((0,), (0,)),)).data(), "writes tensor 'in', which already has a value"),
    "constant input": (
        RawModel((RawTensor("in", buffer=1), OUT), buffers=(b"", bytes(4))).data(),
        "input 'in' is a constant",
    ),
    "constant output": (
        RawModel((IN, RawTensor("out", buffer=1)), ops=(), buffers=(b"", bytes(4))).data(),
        "output 'out' is a constant",
    ),
    "buffer number": (RawModel((IN, RawTensor("out", buffer=9))).data(), "tensor 1 'out' refers to buffer 9 of 1"),
    "buffer size": (
        RawModel((IN, RawTensor("out", buffer=1)), buffers=(b"", bytes(3))).data(),
        "needs 4 bytes, but its buffer has 3",
    ),
    "external": (
        RawModel((IN, RawTensor("out", buffer=1)), buffers=(b"", b""), external=(4096, 4)).data(),
        "stored outside the flatbuffer",
    ),
    "variable": (RawModel((IN, RawTensor("out", variable=True))).data(), "'out', which already has a value"),
    "constant state": (
        RawModel((IN, OUT, RawTensor("h", buffer=1, variable=True)), buffers=(b"", bytes(4))).data(),
        "tensor 2 'h' is both a constant and a state",
    ),
    "huge state": (
        RawModel((IN, OUT, RawTensor("h", (1 << 29,), variable=True))).data(),
        "tensor 2 'h' of shape .* takes 536870912 bytes, more than any microcontroller has",
    ),
    "sparse": (RawModel((IN, RawTensor("out", sparse=True))).data(), "tensor 1 'out' is stored sparse"),
    "string": (RawModel((IN, RawTensor("out", type=tflite.TensorType.STRING))).data(), "is of type STRING"),
    "type": (RawModel((IN, RawTensor("out", type=99))).data(), "is of type number 99"),
    "rank": (RawModel((IN, RawTensor("out", (1,) * 9))).data(), "has 9 dimensions"),
    "negative": (RawModel((IN, RawTensor("out", (1, -7)))).data(), "dynamic shape"),
    "huge": (RawModel((IN, RawTensor("out", (2**31 - 1,) * 8))).data(), "takes"),
    "scale zero": (RawModel((RawTensor("in", scales=(0.0,)), OUT)).data(), "quantization scale 0.0"),
    "scale nan": (RawModel((RawTensor("in", scales=(float("nan"),)), OUT)).data(), "quantization scale nan"),
    "scale negative": (RawModel((RawTensor("in", scales=(-1.0,)), OUT)).data(), "quantization scale -1.0"),
    "scales": (RawModel((RawTensor("in", scales=(1, 1, 1), zero_points=(0, 0, 0)), OUT)).data(), "has 3 quantization"),
    "axis": (RawModel((RawTensor("in", scales=(1,) * 4, zero_points=(0,) * 4, axis=2), OUT)).data(), "dimension 2"),
    "zero points": (RawModel((RawTensor("in", zero_points=(0, 0)), OUT)).data(), "1 quantization scales and 2 zero"),
    "zero point": (RawModel((RawTensor("in", zero_points=(128,)), OUT)).data(), "zero point 128, outside int8"),
    "no kernel": (RawModel(ops=(RawOp(kind="SEGMENT_SUM"),)).data(), "SEGMENT_SUM 'out'.*replace the layer"),
    "custom": (RawModel(ops=(RawOp(kind="CUSTOM", custom="Mine"),)).data(), "CUSTOM:Mine 'out'.*replace the layer"),
    "unknown kind": (RawModel(ops=(RawOp(kind=9999),)).data(), "unknown kind 9999"),
    "no options": (RawModel(ops=(RawOp(kind="SOFTMAX"),)).data(), "operator 0 SOFTMAX 'out': .*missing"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_one_sentence(name: str) -> None:
    data, sentence = BAD[name]
    with pytest.raises(ModelError, match=sentence) as caught:
        passes.run(read(data, "m"))
    assert "\n" not in str(caught.value)


def test_a_handle_that_is_computed_is_one_sentence() -> None:
    """PACK turns numbers into a handle, and another PACK stacks that with a number."""
    number = RawTensor("n", (), tflite.TensorType.INT32, 1, scales=())
    handle, stacked = (RawTensor(name, shape, tflite.TensorType.RESOURCE) for name, shape in (("h", (1,)), ("s", (2,))))
    ops = [RawOp(inputs, outputs, "PACK", options="PackOptions") for inputs, outputs in (((2,), (3,)), ((3, 2), (4,)))]
    model = RawModel((IN, OUT, number, handle, stacked), (*ops, RawOp((4,), (1,))), buffers=(b"", bytes(4)))
    with pytest.raises(ModelError, match="operator 0 PACK"):
        passes.run(read(model.data(), "m"))


def test_a_long_name_is_cut() -> None:
    graph = read(RawModel((RawTensor("x" * 10_000), OUT), (RawOp(kind="CUSTOM", custom="y" * 10_000),)).data(), "m")
    assert graph.tensors[0].name == "x" * 199 + "…"
    assert graph.ops[0].kind == "CUSTOM:" + "y" * 199 + "…"


@pytest.mark.parametrize(
    ("shape", "signature"), [((1, 1, 3), (-1, -1, 3)), ((1, 1, 3), (1, 1, -1)), ((1, -1, 3), None), ((), None)]
)
def test_a_dynamic_input_says_which_and_how_to_fix_it(shape: tuple[int, ...], signature: tuple[int, ...]) -> None:
    model = RawModel((RawTensor("speech", shape, signature=signature), OUT))
    with pytest.raises(UnsupportedModel, match=r"input 'speech' has the dynamic shape .*give the Keras Input a fixed"):
        read(model.data(), "m")


def test_reading_asks_for_no_kernel() -> None:
    graph = read(RawModel(ops=(RawOp(kind="SEGMENT_SUM"),)).data(), "m")
    assert [(op.kind, op.attributes) for op in graph.ops] == [("SEGMENT_SUM", None)]


def test_names_that_are_no_utf8_are_replaced() -> None:
    assert read(RawModel((IN, RawTensor(b"\xff\xfe"))).data(), "m").tensors[1].name == "\ufffd\ufffd"


def test_a_list_that_cannot_fit_into_the_file_is_not_allocated() -> None:
    data = bytearray(RawModel().data())
    model = tflite.Model.GetRootAsModel(data, 0)
    position = model._tab.Vector(model._tab.Offset(8)) - 4  # where the number of subgraphs is
    assert struct.unpack_from("<I", data, position) == (1,)
    subgraph = model.Subgraphs(0)
    position = subgraph._tab.Vector(subgraph._tab.Offset(4)) - 4
    struct.pack_into("<I", data, position, 2**31 - 1)
    with pytest.raises(ModelError, match="a list of 2147483647 entries"):
        read(bytes(data), "m")


def test_flatten_on_an_open_batch_dimension_is_folded() -> None:
    data = FLATTEN.read_bytes()
    kinds = [tflite.opcode2name(code) for code in _codes(data)]
    assert {"SHAPE", "STRIDED_SLICE", "PACK"} <= set(kinds), "the file no longer has what is folded"
    graph = passes.run(read(data, "flatten"))
    assert [(op.index, op.kind) for op in graph.ops] == list(enumerate(("CONV_2D", "RESHAPE", "FULLY_CONNECTED")))
    shape = graph.input(graph.ops[1], 1)
    assert shape.data is not None and shape.data.tolist() == [1, 32]
    assert [t.index for t in graph.tensors] == list(range(len(graph.tensors)))


def _codes(data: bytes) -> list[int]:
    model = tflite.Model.GetRootAsModel(data, 0)
    return [model.OperatorCodes(i).BuiltinCode() for i in range(model.OperatorCodesLength())]


def test_damaged_files_give_errors_and_nothing_else() -> None:
    """Truncations, and random bytes in random places; a flip in a weight leaves a valid model."""
    data = FLATTEN.read_bytes()
    rng = random.Random(20)
    valid = 0
    for end in range(0, len(data), 16):
        with pytest.raises(ModelError):
            read(data[:end], "m")
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 4, 16))):
            damaged[rng.randrange(len(data))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        try:
            passes.run(read(bytes(damaged), "m"))
            valid += 1
        except KerfError:
            pass
    assert 0 < valid < 3000


NAMES = {
    "fused": (
        (
            "CONV_2D",
            "m/act/Relu;m/bn/FusedBatchNormV3;m/conv/BiasAdd/ReadVariableOp/resource;m/conv/BiasAdd;m/x/Conv2D1",
        ),
        "conv",
    ),
    "keras 3": (("CONV_2D", "m/act/Relu;m/stem/convolution"), "stem"),
    "add": (("ADD", "m/activation_2/Relu;m/add/add"), "add"),
    "batch normalization": (("MUL", "m/bn/batchnorm/mul_1"), "bn"),
    "nested": (("FULLY_CONNECTED", "m/block/head/BiasAdd"), "block/head"),
    "output": (("SOFTMAX", "StatefulPartitionedCall_1:0"), "softmax"),
    "identity": (("SOFTMAX", "Identity_int8"), "softmax"),
    "converter": (("STRIDED_SLICE", "tfl.strided_slice"), "strided_slice"),
    "weights": (("FULLY_CONNECTED", "StatefulPartitionedCall:0", "m/dense/MatMul1"), "dense"),
    "empty": (("RELU", ""), "relu"),
    "slashes": (("RELU", "//"), "relu"),
    "one word": (("RELU", 'we"ird'), 'we"ird'),
}


@pytest.mark.parametrize("name", NAMES)
def test_layer_names_are_those_of_the_keras_model(name: str) -> None:
    output, expected = NAMES[name]
    kind, *names = output
    assert layer_names([(kind, names), ("RELU", ["m/last/Relu"])])[0] == expected


def test_layer_names_are_unique() -> None:
    layers = [("RELU", [name]) for name in ("a_2", "a", "a", "a")]
    assert layer_names(layers) == ["a_2", "a", "a_3", "a_4"]


def test_the_suffix_that_exporting_adds_is_dropped() -> None:
    layers = [
        ("CONV_2D", ["net_1/conv_1/convolution"]),
        ("RELU", ["net_1/act_2_1/Relu"]),
        ("SOFTMAX", ["Identity"]),
    ]
    assert layer_names(layers) == ["conv", "act_2", "softmax"]
    layers[1] = ("MUL", ["net_1/bn_1/batchnorm/mul_1"])
    assert layer_names(layers) == ["conv", "bn", "softmax"]
    layers[1] = ("RELU", ["net_1/act_2/Relu"])
    assert layer_names(layers) == ["conv_1", "act_2", "softmax"]


def test_an_input_that_the_file_calls_a_variable_is_fed_and_no_state() -> None:
    graph = read(RawModel((RawTensor("in", variable=True), OUT)).data(), "net")
    assert graph.states == ()


def test_a_custom_operator_whose_name_has_several_lines() -> None:
    graph = read(RawModel(ops=(RawOp(kind="CUSTOM", custom="a\n\x1b[2Jb"),)).data(), "net")
    assert graph.ops[0].kind == r"CUSTOM:a\n\x1b[2Jb"


def test_a_tensor_without_zero_points_is_not_quantized() -> None:
    """As in TFLM, which then computes with a scale of 0; LiteRT refuses the file."""
    graph = read(RawModel((RawTensor("in", zero_points=()), OUT)).data(), "net")
    assert graph.tensors[0].quantization is None


@pytest.mark.parametrize(
    ("scales", "zero_point", "first"), [((0.5,), 7, 7), ((), 7, 7), ((), 300, 44), ((), -129, 127)]
)
def test_a_state_begins_at_its_zero_point_with_or_without_a_scale(
    scales: tuple[float, ...], zero_point: int, first: int
) -> None:
    state = RawTensor("out", scales=scales, zero_points=(zero_point,), variable=True)
    graph = read(RawModel((IN, OUT, state)).data(), "net")
    (found,) = (tensor.initial for tensor in graph.tensors if tensor.initial is not None)
    assert found is not None and found.tolist() == [[first] * 4]
