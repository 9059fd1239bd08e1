"""Conversion: every mode, every kind of file that a user may give, and every way it can fail."""

import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import tflite

from tools import convert as converter
from tools import model_files, models, oracle, quantize, train
from tools.errors import ModelError, QuantizeError, UsageError
from tools.graph import passes, read
from tools.graph.ir import DType
from tools.oracle import signature
from tools.progress import Progress
from tools.quiet import quiet, without_warnings
from tools.values import MODES, Quantized, Trained

pytestmark = pytest.mark.tf


class Warnings(Progress):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def warn(self, text: str) -> None:
        self.heard.append(text)


@pytest.fixture(scope="session")
def tf(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log")


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train.train("digits", tmp_path_factory.mktemp("digits"), epochs=2)


def small(tf: Any, shape: tuple[int | None, ...] = (4, 4, 1), **options: Any) -> Any:
    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(0)
    return tf.keras.Sequential(
        [
            tf.keras.Input(shape, name="image", **options),
            layers.Conv2D(2, 3, activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(3, name="dense"),
        ]
    )


def save(model: Any, path: Path) -> Path:
    with without_warnings():
        model.save(path)
    return path


def convert(path: Path, directory: Path, mode: str | None = "int8", **options: Any) -> Quantized:
    return quantize.quantize(Trained("mine", path, None), mode, options.pop("data", None), directory, **options)


def kinds(data: bytes) -> list[str]:
    """Operator names of the main graph, in order."""
    names = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(i).OpcodeIndex() for i in range(graph.OperatorsLength())]
    return [names[model.OperatorCodes(i).BuiltinCode()] for i in operators]


@pytest.mark.parametrize("mode", MODES)
def test_digits_in_every_mode(digits: Trained, mode: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module = models.find("digits")
    heard = Warnings()
    made = quantize.quantize(digits, mode, module.data(), tmp_path, heard, module.CLASSES)
    assert capfd.readouterr() == ("", ""), "the converter's noise belongs into the log"
    assert heard.heard == []
    found = signature.read(made.tflite, "m")
    assert (made.mode, found.mode) == (mode, mode)
    dtype = {"int8": "int8", "int16x8": "int16"}.get(mode, "float32")
    assert [p.dtype for p in (*found.inputs, *found.outputs)] == [dtype, dtype]
    assert found.inputs[0].shape == (1, 8, 8, 1)
    assert not {"SHAPE", "STRIDED_SLICE", "PACK"} & set(kinds(made.tflite))
    assert made.vectors.samples == 360 and made.vectors.classes == module.CLASSES
    assert made.vectors.exact == (mode in ("int8", "int16x8") and oracle.is_installed(oracle.TFLM))
    assert made.vectors.labels is not None
    assert np.mean(made.vectors.expected[0].argmax(axis=1) == made.vectors.labels) > 0.9
    assert made.path.read_bytes() == made.tflite


def test_int4_leaves_depthwise_weights_at_8_bits(tf: Any, tmp_path: Path) -> None:
    """LiteRT has no other hybrid kernel for them."""
    layers = tf.keras.layers
    model = tf.keras.Sequential([tf.keras.Input((4, 4, 2)), layers.DepthwiseConv2D(3), layers.Conv2D(3, 1)])
    made = convert(save(model, tmp_path / "m.keras"), tmp_path / "out", mode="int4")
    graph = passes.run(read.read(made.tflite, "m"))
    assert [(op.kind, graph.input(op, 1).dtype) for op in graph.ops] == [
        ("DEPTHWISE_CONV_2D", DType.INT8),
        ("CONV_2D", DType.INT4),
    ]


def test_int4_keeps_8_bits_for_the_convolution_that_sees_the_pixels(tf: Any, tmp_path: Path) -> None:
    layers = tf.keras.layers
    image = [tf.keras.Input((4, 4, 2)), layers.Conv2D(3, 3), layers.Conv2D(3, 1), layers.Flatten(), layers.Dense(2)]
    made = convert(save(tf.keras.Sequential(image), tmp_path / "m.keras"), tmp_path / "out", mode="int4")
    graph = passes.run(read.read(made.tflite, "m"))
    weights = [graph.input(op, 1).dtype for op in graph.ops if op.kind in ("CONV_2D", "FULLY_CONNECTED")]
    assert weights == [DType.INT8, DType.INT4, DType.INT4]


def test_int8_graph_is_what_the_kernels_expect(digits: Trained, tmp_path: Path) -> None:
    made = quantize.quantize(digits, "int8", models.find("digits").data(), tmp_path)
    pooled = ["CONV_2D", "MAX_POOL_2D"]
    assert kinds(made.tflite) == [*pooled, *pooled, "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]


@pytest.mark.parametrize("per_tensor", [False, True])
def test_dense_weights_have_one_scale_on_request(digits: Trained, per_tensor: bool, tmp_path: Path) -> None:
    """For a TFLM that supports nothing else; convolutions keep one scale per channel."""
    data = models.find("digits").data()
    made = quantize.quantize(digits, "int8", data, tmp_path, per_tensor_dense=per_tensor)
    graph = passes.run(read.read(made.tflite, "digits"))
    for op in graph.ops:
        if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
            weights = graph.input(op, 1).quantization
            assert weights is not None
            assert weights.per_channel == (op.kind == "CONV_2D" or not per_tensor)


def test_same_inputs_same_bytes_and_no_second_conversion(digits: Trained, tmp_path: Path) -> None:
    data = models.find("digits").data()
    classes = ('quo"te\n', "*/", *"23456789")
    made = [quantize.quantize(digits, "int8", data, tmp_path / n, classes=classes) for n in ("a", "b", "b")]
    assert made[0].tflite == made[1].tflite == made[2].tflite
    names = ("model.tflite", "vectors.npz", "quantize.json")
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names)
    again = made[2].vectors
    np.testing.assert_array_equal(again.inputs[0], made[0].vectors.inputs[0])
    np.testing.assert_array_equal(again.expected[0], made[0].vectors.expected[0])
    np.testing.assert_array_equal(again.labels, made[0].vectors.labels)
    assert (again.classes, again.exact, again.oracle) == (classes, made[0].vectors.exact, made[0].vectors.oracle)


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("damage", ["model.tflite", "vectors.npz", "quantize.json"])
def test_damaged_result_is_made_again(tf: Any, tmp_path: Path, damage: str) -> None:
    path = save(small(tf), tmp_path / "m.keras")
    made = convert(path, tmp_path / "out")
    whole = (tmp_path / "out" / damage).read_bytes()
    (tmp_path / "out" / damage).write_bytes(whole[: len(whole) // 2])
    assert convert(path, tmp_path / "out").tflite == made.tflite
    assert (tmp_path / "out" / damage).read_bytes() == whole


@pytest.mark.parametrize("kind", ["m.keras", "m.h5", "saved_model"])
def test_files_of_a_user(tf: Any, tmp_path: Path, kind: str) -> None:
    model = small(tf)
    path = tmp_path / kind
    if "." in kind:
        save(model, path)
    else:
        with quiet(tmp_path / "log"):
            model.export(path)
    x = np.random.default_rng(0).random((20, 4, 4, 1), np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(20) % 3)
    heard = Warnings()
    made = convert(path, tmp_path / "out", data=tmp_path / "d.npz", progress=heard)
    assert heard.heard == []
    assert kinds(made.tflite) == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    port = signature.read(made.tflite, "m").outputs[0]
    with without_warnings():
        expected = model.predict(x, verbose=0)
    # not equal: Keras computes in float; weights and activations are rounded to about 1 % each
    np.testing.assert_allclose(port.dequantize(made.vectors.expected[0]), expected, atol=4 * port.scale)
    assert made.vectors.labels is not None and made.vectors.labels.tolist() == [i % 3 for i in range(20)]


def test_without_data_the_warnings_say_what_is_missing(tf: Any, tmp_path: Path) -> None:
    heard, again = Warnings(), Warnings()
    path = save(small(tf), tmp_path / "m.keras")
    made = convert(path, tmp_path / "out", progress=heard)
    convert(path, tmp_path / "out", progress=again)
    assert again.heard == heard.heard, "a result that is used again is no better than it was"
    assert ["100 random inputs" in heard.heard[0], "32 random inputs" in heard.heard[1]] == [True, True]
    assert made.vectors.samples == 32 and made.vectors.labels is None


def test_several_inputs_and_outputs(tf: Any, tmp_path: Path) -> None:
    keras = tf.keras
    a, b = keras.Input((3,), name="zebra"), keras.Input((2,), name="ape")
    out = [keras.layers.Dense(2, name="d")(a), keras.layers.Concatenate(name="c")([a, b])]
    model = keras.Model([a, b], out)
    random = np.random.default_rng(0)
    arrays = {"x0": random.random((8, 3), np.float32), "x1": random.random((8, 2), np.float32)}
    np.savez(tmp_path / "d.npz", **arrays)
    made = convert(save(model, tmp_path / "m.keras"), tmp_path / "out", "float32", data=tmp_path / "d.npz")
    assert [p.name for p in signature.read(made.tflite, "m").inputs] == ["zebra", "ape"]
    np.testing.assert_array_equal(made.vectors.inputs[0], arrays["x0"])
    np.testing.assert_array_equal(made.vectors.expected[1], np.concatenate([arrays["x0"], arrays["x1"]], axis=1))


def test_a_tflite_passes_through(tf: Any, tmp_path: Path) -> None:
    made = convert(save(small(tf), tmp_path / "m.keras"), tmp_path / "out")
    kept = convert(made.path, tmp_path / "kept", None)
    assert (kept.tflite, kept.mode, kept.vectors.samples) == (made.tflite, "int8", 32)
    assert convert(made.path, tmp_path / "kept", "int8").tflite == made.tflite
    with pytest.raises(UsageError, match=r"model\.tflite is already int8 and cannot be converted to float32"):
        convert(made.path, tmp_path / "other", "float32")


def test_dynamic_shape(tf: Any, tmp_path: Path) -> None:
    layers = tf.keras.layers
    model = tf.keras.Sequential([tf.keras.Input((None, None, 1), name="image"), layers.Conv2D(2, 3)])
    path = save(model, tmp_path / "m.keras")
    with pytest.raises(QuantizeError, match=r"input 'image' of .* has the shape \(None, None, None, 1\)"):
        convert(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_code_in_a_model_is_not_run(tf: Any, tmp_path: Path, name: str) -> None:
    layers = tf.keras.layers
    trap = tmp_path / "ran"
    body = eval("lambda x, path=path: (open(path, 'w').close(), x)[1]", {"path": str(trap)})
    model = tf.keras.Sequential([tf.keras.Input((4,)), layers.Lambda(body, output_shape=(4,), name="evil")])
    path = save(model, tmp_path / name)
    trap.unlink(missing_ok=True)
    with pytest.raises(QuantizeError, match="Lambda layer 'evil', which is Python code"):
        convert(path, tmp_path / "out")
    assert not trap.exists()


def test_custom_layer(tf: Any, tmp_path: Path) -> None:
    class Mine(tf.keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 2

    path = save(tf.keras.Sequential([tf.keras.Input((4,)), Mine(name="mine")]), tmp_path / "m.keras")
    with pytest.raises(QuantizeError, match="the layer 'mine' of the custom class Mine: use Keras' own layers"):
        convert(path, tmp_path / "out")


def test_crash_of_the_converter_is_a_sentence(tf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(
        *arguments: str, stdout: IO[str], stderr: IO[str], temporary: Path
    ) -> "subprocess.CompletedProcess[bytes]":
        code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        return subprocess.run([sys.executable, "-c", code], stdout=stdout, stderr=stderr, check=False)

    path = save(small(tf), tmp_path / "m.keras")
    monkeypatch.setattr(converter, "run", crash)
    with pytest.raises(QuantizeError, match=r"converter crashed on .*m\.keras in mode int8 \(exit code -11\)"):
        convert(path, tmp_path / "out")


def test_child_converts_quietly_and_equally(
    request: pytest.FixtureRequest, digits: Trained, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = models.find("digits").data()
    made = quantize.quantize(digits, "int8", data, tmp_path / "out")
    request.getfixturevalue("converted_in_a_child")
    again = quantize.quantize(digits, "int8", data, tmp_path / "again")
    assert capfd.readouterr() == ("", ""), "the converter's noise belongs into the log"
    assert again.tflite == made.tflite


@pytest.mark.usefixtures("converted_in_a_child")
def test_refusal_of_the_child_is_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"PK\x03\x04")
    with pytest.raises(QuantizeError, match=r"m\.keras is damaged or truncated"):
        convert(tmp_path / "m.keras", tmp_path / "out")


def test_operator_that_tflite_lacks(tf: Any, tmp_path: Path) -> None:
    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])  # type: ignore[misc]
        def __call__(self, x: Any) -> Any:
            return tf.math.digamma(x)

    with quiet(tmp_path / "log"):
        module = Module()
        tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.__call__.get_concrete_function())
    with pytest.raises(QuantizeError, match=r"TensorFlow cannot convert m to float32: .*Digamma"):
        convert(tmp_path / "m", tmp_path / "out", "float32")
    assert not (tmp_path / "out" / "quantize.json").exists()


def test_weights_without_a_model(tf: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.weights.h5"
    with without_warnings():
        small(tf).save_weights(path)
    with pytest.raises(QuantizeError, match="has weights but no model"):
        convert(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_cut_file(tf: Any, tmp_path: Path, name: str) -> None:
    path = save(small(tf), tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(QuantizeError, match=r"(damaged or truncated|Keras cannot load)"):
        convert(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("m.keras", b"hello", QuantizeError, "is not a .keras file (not a zip archive)"),
        ("m.h5", b"hello", QuantizeError, "is not an HDF5 file"),
        ("m.onnx", b"hello", QuantizeError, "is neither .keras, .h5"),
        ("m.tflite", b"hello", ModelError, "is not a .tflite file"),
        ("m.tflite", b"", ModelError, "is not a .tflite file"),
        ("folder", None, QuantizeError, "is not a SavedModel: it has no saved_model.pb"),
    ],
)
def test_files_that_are_no_model(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception], message: str
) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(error) as caught:
        convert(path, tmp_path / "out", None)
    assert message in str(caught.value)


def test_missing_files_and_unknown_mode(tf: Any, tmp_path: Path) -> None:
    with pytest.raises(QuantizeError, match="there is no model at"):
        convert(tmp_path / "m.keras", tmp_path / "out")
    path = save(small(tf), tmp_path / "m.keras")
    with pytest.raises(QuantizeError, match="there is no data file"):
        convert(path, tmp_path / "out", data=tmp_path / "d.npz")
    with pytest.raises(UsageError, match="unknown mode 'int2'; known: float32"):
        convert(path, tmp_path / "out", "int2")
