"""Reading the inputs and outputs of a .tflite, and real numbers ↔ quantized ones."""

import numpy as np
import pytest
import tflite
from raw_tflite import RawModel, RawOp, RawTensor

from tools.errors import ModelError, UnsupportedModel
from tools.oracle import signature

INT8, INT16, FLOAT32, FLOAT16 = (getattr(tflite.TensorType, n) for n in ("INT8", "INT16", "FLOAT32", "FLOAT16"))


def model_of(kinds: list[int], constant: int | None = None) -> bytes:
    """One RELU that reads all tensors but the last; ``constant`` is the position of one that has data."""
    tensors = [RawTensor(f"t{i}", type=kind, buffer=int(i == constant)) for i, kind in enumerate(kinds)]
    op = RawOp(tuple(range(len(kinds) - 1)), (len(kinds) - 1,))
    return RawModel(tensors, [op], inputs=(0,), outputs=(len(kinds) - 1,), buffers=(b"", b"\x01" * 16)).data()


@pytest.mark.parametrize(
    ("data", "mode", "is_integer"),
    [
        (model_of([INT8, INT8]), "int8", True),
        (model_of([INT16, INT8, INT16], constant=1), "int16x8", True),
        (model_of([FLOAT32, INT8, FLOAT32], constant=1), "dynamic", False),
        (model_of([FLOAT32, FLOAT16, FLOAT32], constant=1), "float16", False),
        (model_of([FLOAT32, FLOAT32]), "float32", False),
    ],
    ids=["int8", "int16x8", "dynamic", "float16", "float32"],
)
def test_mode_is_read_from_the_types(data: bytes, mode: str, is_integer: bool) -> None:
    found = signature.read(data, "m")
    assert (found.mode, found.is_integer) == (mode, is_integer)


def test_float_at_the_boundary_only_is_still_integer() -> None:
    tensors = [RawTensor("x", type=FLOAT32), RawTensor("q"), RawTensor("r"), RawTensor("y", type=FLOAT32)]
    ops = [RawOp((0,), (1,), "QUANTIZE"), RawOp((1,), (2,)), RawOp((2,), (3,), "DEQUANTIZE")]
    found = signature.read(RawModel(tensors, ops, outputs=(3,)).data(), "m")
    assert (found.mode, found.is_integer) == ("int8", True)


def test_ports() -> None:
    found = signature.read(RawModel().data(), "m")
    assert found.inputs == (signature.TensorSpec("in", (1, 4), "int8", 0.5, 0),)
    assert found.inputs[0].sample_shape == (4,)
    assert found.tensor_bytes == 8


def test_quantize_rounds_halves_away_from_zero_and_saturates() -> None:
    spec = signature.TensorSpec("x", (1, 8), "int8", 0.5, 1)
    real = np.array([0.25, -0.25, 0.24, -0.24, 0.75, -0.75, 1e9, -1e9], np.float32)
    np.testing.assert_array_equal(spec.quantize(real), np.array([2, 0, 1, 1, 3, -1, 127, -128], np.int8))
    np.testing.assert_array_equal(spec.dequantize(np.array([2, 0], np.int8)), [0.5, -0.5])


@pytest.mark.parametrize("data", [b"", b"TFL3", b"hello, I am a text", b"\0\0\0\0TFL2" + bytes(64)])
def test_other_files(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"photo\.tflite is not a \.tflite file"):
        signature.read(data, "photo.tflite")


def test_no_cut_and_no_flipped_byte_escapes_as_anything_but_a_model_error() -> None:
    data = RawModel().data()
    refused = 0
    damaged = [data[:size] for size in range(len(data))]
    damaged += [data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :] for i in range(len(data))]
    for variant in damaged:
        try:
            signature.read(variant, "m")
        except ModelError:
            refused += 1
    assert refused > len(data) / 2


@pytest.mark.parametrize(("kind", "named"), [(tflite.TensorType.STRING, "STRING"), (99, "99"), (17, "INT4")])
def test_an_input_that_no_array_holds_is_refused(kind: int, named: str) -> None:
    data = RawModel([RawTensor("words", type=kind, scales=()), RawTensor("y")]).data()
    with pytest.raises(UnsupportedModel, match=f"'words' of m has type .*{named}"):
        signature.read(data, "m")


@pytest.mark.parametrize("shape", [(1, 1 << 30), (2**31 - 1,) * 2, (2**31 - 1,) * 8])
def test_a_tensor_of_absurd_size_is_refused_before_anything_is_allocated(shape: tuple[int, ...]) -> None:
    data = RawModel([RawTensor("x", shape), RawTensor("y", shape)]).data()
    with pytest.raises(ModelError, match="too large for any microcontroller"):
        signature.read(data, "m")


@pytest.mark.parametrize("kind", ["LOGISTIC", "SOFTMAX", "FULLY_CONNECTED"])
def test_last_operator_that_computes(kind: str) -> None:
    tensors = [RawTensor(name) for name in "abcd"]
    ops = [RawOp((0,), (1,), kind), RawOp((1,), (2,), "RESHAPE"), RawOp((2,), (3,), "DEQUANTIZE")]
    assert signature.last_operator(RawModel(tensors, ops, outputs=(3,)).data(), "m") == kind


def test_last_operator_of_odd_models() -> None:
    circle = [RawOp((1,), (2,), "RESHAPE"), RawOp((2,), (1,), "RESHAPE")]
    tensors = [RawTensor(name) for name in "abc"]
    assert signature.last_operator(RawModel(tensors, circle, outputs=(2,)).data(), "m") == "RESHAPE"
    assert signature.last_operator(RawModel(outputs=(0,)).data(), "m") == ""
