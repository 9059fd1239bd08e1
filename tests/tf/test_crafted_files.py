"""Crafted files of Keras 2: nothing is imported by an alias, and nothing is read from other files."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tools import model_files
from tools.errors import QuantizeError
from tools.quiet import quiet, without_warnings

pytestmark = pytest.mark.tf


@pytest.fixture(scope="session")
def keras_2(tmp_path_factory: pytest.TempPathFactory) -> Any:
    log = tmp_path_factory.mktemp("tf") / "log"
    model_files.import_tensorflow(log)
    with quiet(log):
        import tf_keras
    return tf_keras


def save(model: Any, path: Path) -> Path:
    with without_warnings():
        model.save(path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(QuantizeError) as caught:
        model_files.load(path, path.with_suffix(".log"))
    return str(caught.value).removeprefix(f"{path} ")


def replace(path: Path, entry: str, content: bytes) -> Path:
    """Writes a .keras again with another ``entry``."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()} | {entry: content}
    with zipfile.ZipFile(path, "w") as archive:
        for name, kept in entries.items():
            archive.writestr(name, kept)
    return path


def edit_last(path: Path, **options: Any) -> Path:
    """Changes the last layer's configuration in a .keras."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][-1]["config"].update(options)
    return replace(path, "config.json", json.dumps(config).encode())


def dense(keras: Any, path: Path, name: str = "dense") -> Path:
    return save(keras.Sequential([keras.layers.InputLayer((4,)), keras.layers.Dense(2, name=name)]), path)


def named(kind: str, module: str, config: Any, alias: str | None) -> dict[str, Any]:
    return {"class_name": kind, "module": module, "config": config, "registered_name": alias}


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (named("TFOpLambda", "kerf_test_evil", {"function": "math.add"}, "evil"), "custom class TFOpLambda"),
        (named("Dense", "tf_keras.src.layers.core.lambda_layer", {}, "Lambda"), "custom class Dense"),
        (named("function", "keras.src.activations", "tf.load_library", None), "function 'tf.load_library'"),
    ],
)
def test_code_under_an_alias_is_not_imported(
    keras_2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: dict[str, Any], what: str
) -> None:
    """Keras 2 imports the module of what it does not know, and takes what has the registered name there."""
    trap = tmp_path / "trap"  # that only the module's own code makes
    (tmp_path / "kerf_test_evil.py").write_text(f"def evil(x): return x\nopen({str(trap)!r}, 'w').close()")
    monkeypatch.syspath_prepend(tmp_path)
    path = edit_last(
        dense(keras_2, tmp_path / "m.keras", "evil"),
        bias_initializer=named("Constant", "keras.initializers", {"value": value}, None),
    )
    message = refused(path)
    assert what in message and "the layer 'evil'" in message
    assert not trap.exists()


def test_a_vocabulary_is_not_read_from_a_file(keras_2: Any, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("1\n2\n")
    lookup = keras_2.layers.IntegerLookup(vocabulary=[1, 2], name="words")
    path = save(keras_2.Sequential([keras_2.Input((1,), dtype="int64"), lookup]), tmp_path / "m.keras")
    message = refused(edit_last(path, vocabulary=str(tmp_path / "words")))
    assert message == f"names the file '{tmp_path / 'words'}' in the layer 'words': use no files"


def elsewhere(kind: str, file: h5py.File, name: str, other: Path) -> None:
    """Puts the weights ``name`` into ``other``: a number in HDF5, or as it is."""
    if kind == "link":
        file[name] = h5py.ExternalLink(str(other), "kernel")
    elif kind == "raw":
        file.create_dataset(name, (4, 2), np.float32, external=[(str(other), 0, 32)])
    else:
        layout = h5py.VirtualLayout((4, 2), np.float32)
        layout[:] = h5py.VirtualSource(str(other), "kernel", (4, 2))
        file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("kind", ["link", "raw", "virtual"])
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_weights_are_not_read_from_other_files(keras_2: Any, tmp_path: Path, kind: str, suffix: str) -> None:
    path = weights = dense(keras_2, tmp_path / f"m{suffix}")
    if suffix == ".keras":
        weights = tmp_path / "model.weights.h5"
        with zipfile.ZipFile(path) as archive:
            archive.extract("model.weights.h5", tmp_path)
    with h5py.File(weights, "r+") as file:
        name = file.visit(lambda found: found if found.endswith(("kernel:0", "vars/0")) else None)
        del file[name]
        elsewhere(kind, file, name, tmp_path / "other.h5")
    if suffix == ".keras":
        replace(path, weights.name, weights.read_bytes())
    assert refused(path) == f"takes {name} from another file: save the model again, as one file"
