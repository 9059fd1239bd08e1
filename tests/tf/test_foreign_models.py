"""Models from elsewhere: a file of Keras 2, and files that try to run code."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tools import files, model_files, quantize
from tools.errors import QuantizeError
from tools.oracle import signature
from tools.quiet import quiet, without_warnings
from tools.values import Trained

pytestmark = pytest.mark.tf
# Written by Keras 2 (tf_keras 2.21): Conv2D, BatchNormalization, DepthwiseConv2D, ReLU(6), Flatten, Dropout, Dense.
KERAS_2 = Path(__file__).parent / "keras2.h5"
KERAS_2_SAYS = [
    [0.5754431, 0.28185067, 0.14270626],
    [0.6084099, 0.2483567, 0.14323348],
    [0.65210915, 0.1935488, 0.15434207],
    [0.50836647, 0.3108066, 0.18082696],
]


@pytest.fixture(scope="session")
def tf(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log")


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file that only code in a model could create."""
    return tmp_path / "trap"


def refused(path: Path) -> str:
    with pytest.raises(QuantizeError) as caught:
        model_files.load(path, path.with_suffix(".log"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_h5_of_keras_2_computes_what_it_did(tf: Any, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((4, 6, 6, 2)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x)
    made = quantize.quantize(Trained("old", KERAS_2, None), "float32", tmp_path / "d.npz", tmp_path / "out")
    # other sums, of other interpreters: equal to the seventh digit or so
    np.testing.assert_allclose(made.vectors.expected[0], KERAS_2_SAYS, rtol=1e-5)
    made = quantize.quantize(Trained("old", KERAS_2, None), "int8", tmp_path / "d.npz", tmp_path / "int8")
    port = signature.read(made.tflite, "m").outputs[0]
    np.testing.assert_allclose(port.dequantize(made.vectors.expected[0]), KERAS_2_SAYS, atol=0.03)


def tiny(tf: Any) -> Any:
    return tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2, name="dense")])


def with_config(tf: Any, path: Path, spoil: Any) -> Path:
    """A saved model whose architecture, as JSON, is changed by ``spoil`` (its layers, in place)."""
    with without_warnings():
        tiny(tf).save(path)
    if path.suffix == ".keras":
        entries = files.unpack(path.read_bytes())
        config = json.loads(entries["config.json"])
        spoil(config["config"]["layers"])
        entries["config.json"] = json.dumps(config).encode()
        path.write_bytes(files.pack(entries))
    else:
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            spoil(config["config"]["layers"])
            file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.parametrize(
    ("module", "kind"), [("os", "system"), ("builtins", "exec"), ("keras_of_mine", "Dense"), ("subprocess", "Popen")]
)
def test_config_that_names_code(tf: Any, tmp_path: Path, trap: Path, name: str, module: str, kind: str) -> None:
    def spoil(layers: list[dict[str, Any]]) -> None:
        config = {"name": "evil", "command": f"touch {trap}", "args": [f"touch {trap}"], "shell": True}
        layers[1] = {"module": module, "class_name": kind, "config": config, "registered_name": None}

    message = refused(with_config(tf, tmp_path / name, spoil))
    assert f"has the layer 'evil' of the custom class {kind}: use Keras' own layers" in message
    assert not trap.exists()


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_activation_that_is_code(tf: Any, tmp_path: Path, name: str) -> None:
    """Not a layer, but a function inside one's configuration."""

    def spoil(layers: list[dict[str, Any]]) -> None:
        layers[1]["config"]["activation"] = {
            "module": "builtins",
            "class_name": "function",
            "config": "evil",
            "registered_name": "function",
        }

    message = refused(with_config(tf, tmp_path / name, spoil))
    assert "has the function 'evil' in the layer 'dense', which is Python code" in message


def test_lambda_as_an_activation(tf: Any, tmp_path: Path) -> None:
    def spoil(layers: list[dict[str, Any]]) -> None:
        layers[1]["config"]["activation"] = {"class_name": "__lambda__", "config": {"value": "4wAA"}}

    message = refused(with_config(tf, tmp_path / "m.keras", spoil))
    assert "has the function 'lambda' in the layer 'dense', which is Python code" in message


def test_losses_and_metrics_are_not_looked_at(tf: Any, tmp_path: Path) -> None:
    def mine(y: Any, x: Any) -> Any:
        return y - x

    model = tiny(tf)
    model.compile(loss=mine, metrics=[mine])
    with without_warnings():
        model.save(tmp_path / "m.keras")
    assert model_files.load(tmp_path / "m.keras", tmp_path / "log").shapes == ((4,),)


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.parametrize("depth", [200, 3000, 100_000])
def test_layers_without_end(tf: Any, tmp_path: Path, name: str, depth: int) -> None:
    path = with_config(tf, tmp_path / name, lambda layers: layers[1]["config"].update(zz="@"))
    deep = '{"a":' * depth + "1" + "}" * depth
    if path.suffix == ".keras":
        entries = files.unpack(path.read_bytes())
        entries["config.json"] = entries["config.json"].replace(b'"@"', deep.encode())
        path.write_bytes(files.pack(entries))
    else:
        with h5py.File(path, "r+", libver="latest") as file:
            file.attrs["model_config"] = file.attrs["model_config"].replace('"@"', deep)
    message = refused(path)
    assert "is nested over 100 levels deep, which no network is" in message


@pytest.mark.parametrize("kind", ["TorchModuleWrapper", "TFSMLayer"])
def test_layers_that_hold_foreign_programs(tf: Any, tmp_path: Path, kind: str) -> None:
    def spoil(layers: list[dict[str, Any]]) -> None:
        config = {"name": "evil", "filepath": "/somewhere", "module": "cGlja2xl"}
        layers[1] = {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}

    message = refused(with_config(tf, tmp_path / "m.keras", spoil))
    assert f"has the layer 'evil' ({kind}), which wraps another program" in message


def test_saved_model_that_writes_a_file_when_it_is_loaded(tf: Any, tmp_path: Path, trap: Path) -> None:
    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])  # type: ignore[misc]
        def __call__(self, x: Any) -> Any:
            tf.io.write_file(str(trap), "ran")
            return x * 2

    with quiet(tmp_path / "log"):
        module = Module()
        tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.__call__.get_concrete_function())
    trap.unlink(missing_ok=True)
    assert "has the operator WriteFile" in refused(tmp_path / "m")
    assert not trap.exists()


def test_saved_model_that_is_none(tf: Any, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"\xff\xff\xff no protocol buffer")
    with pytest.raises(QuantizeError, match="TensorFlow cannot read the SavedModel"):
        quantize.quantize(Trained("mine", tmp_path / "m", None), "float32", None, tmp_path / "out")


def test_archive_with_a_foreign_path(tf: Any, tmp_path: Path, trap: Path) -> None:
    """A .keras is a zip archive; an entry with a path out of it is not written anywhere."""
    path = tmp_path / "in" / "m.keras"
    path.parent.mkdir()
    with without_warnings():
        tiny(tf).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../trap", "ran")
    made = quantize.quantize(Trained("mine", path, None), "float32", None, tmp_path / "out")
    assert made.mode == "float32" and not trap.exists()
