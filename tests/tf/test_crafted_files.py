"""Crafted files of Keras: nothing is imported by an alias, and nothing is read from other files."""

import errno
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tools import model_files
from tools.errors import QuantizeError
from tools.model_files import containers
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
    """Keras 2 imports the module of an unknown class, and takes whatever has the registered name there."""
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
    assert message == f"refers to the file '{tmp_path / 'words'}' in the layer 'words': remove the reference"


def elsewhere(kind: str, file: h5py.File, name: str, other: Path) -> None:
    """Makes the weights ``name`` refer to the file ``other``, in one of HDF5's three ways."""
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
    assert refused(path) == f"reads {name} from another file: save the model again as a single file"


@pytest.fixture(scope="session")
def keras_3(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log").keras


def small(keras: Any, path: Path) -> Path:
    return save(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")]), path)


@pytest.mark.parametrize(
    ("kind", "module", "what"),
    [
        ("TextVectorization", "keras.layers", "(TextVectorization), which no microcontroller needs: remove it"),
        ("StringLookup", "keras.layers", "(StringLookup), which no microcontroller needs: remove it"),
        ("JaxLayer", "keras.layers", "(JaxLayer), which wraps another program: use Keras' own layers"),
        ("FlaxLayer", "keras.src.utils.jax_layer", "(FlaxLayer), which wraps another program: use Keras' own layers"),
        ("CSVLogger", "keras.callbacks", "of the custom class CSVLogger: use Keras' own layers"),
        ("FeatureSpace", "keras.utils", "of the custom class FeatureSpace: use Keras' own layers"),
        ("ExportArchive", "keras.export", "of the custom class ExportArchive: use Keras' own layers"),
        ("DiskIOStore", "keras.src.saving.saving_lib", "of the custom class DiskIOStore: use Keras' own layers"),
        ("GPTQConfig", "keras.quantizers", "of the custom class GPTQConfig: use Keras' own layers"),
        ("KerasTensor", "keras.src.ops.numpy", "of the custom class KerasTensor: use Keras' own layers"),
        ("Dense", "keras.src.utils.python_utils", "of the custom class Dense: use Keras' own layers"),
        ("Path", "keras.src.saving.saving_lib", "of the custom class Path: use Keras' own layers"),
        ("get_file", "keras.utils", "of the custom class get_file: use Keras' own layers"),
    ],
)
def test_classes_of_keras_that_are_no_layers(keras_3: Any, tmp_path: Path, kind: str, module: str, what: str) -> None:
    """Keras instantiates any of its own classes that a configuration names."""
    value = named(kind, module, {"name": "evil", "filename": str(tmp_path / "trap")}, None)
    message = refused(edit_last(small(keras_3, tmp_path / "m.keras"), kernel_regularizer=value))
    assert message == f"has the layer 'evil' {what}"
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize(
    ("function", "module"),
    [
        ("deserialize", "keras.activations"),
        ("get", "keras.src.activations"),
        ("func_load", "keras.src.utils.python_utils"),
        ("relu", "keras.activations_of_mine"),
        ("relu", "builtins"),
        ("vectorized_map", "keras.ops"),
        ("load_model", "keras.models"),
    ],
)
def test_functions_that_are_no_activations(keras_3: Any, tmp_path: Path, function: str, module: str) -> None:
    value = named("function", module, function, None)
    message = refused(edit_last(small(keras_3, tmp_path / "m.keras"), activation=value))
    assert message.startswith(f"has the function '{function}' in the layer 'dense', which is Python code")


@pytest.mark.parametrize("name", ["get", "deserialize", "tf", "keras_export", "os.system", "/etc/passwd"])
def test_strings_that_are_no_activations(keras_2: Any, tmp_path: Path, name: str) -> None:
    message = refused(edit_last(dense(keras_2, tmp_path / "m.keras"), activation=name))
    assert message.startswith(f"has the function '{name}' in the layer 'dense', which is Python code")


def test_arithmetic_between_layers_is_read(keras_3: Any, tmp_path: Path) -> None:
    x = keras_3.Input((4,))
    y = keras_3.ops.clip(keras_3.ops.sqrt(x * x + 1.0) / 2.0, 0.0, 6.0)[:, 1:]
    path = save(keras_3.Model(x, keras_3.layers.Dense(2, activation="hard_swish")(y)), tmp_path / "m.keras")
    assert model_files.load(path, tmp_path / "log").shapes == ((4,),)


def test_parts_of_an_archive_that_no_network_needs(keras_3: Any, tmp_path: Path) -> None:
    path = small(keras_3, tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../trap", "ran")
        archive.writestr("/trap", "ran")
        archive.writestr("model.weights.json", "{}")
        for i in range(2000):
            archive.writestr(f"extra/{i}", "")
    (tmp_path / "copy").mkdir()
    copy, _ = model_files.containers.unpack(path, tmp_path / "copy")
    with zipfile.ZipFile(copy) as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/layers/lookup/vocabulary.txt", "word")
    assert refused(path) == (
        "contains the file 'assets/layers/lookup/vocabulary.txt', which no network needs: remove its layer"
    )


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_with_damaged_contents(keras_3: Any, tmp_path: Path, packing: int) -> None:
    path = small(keras_3, tmp_path / "m.keras")
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        begin = archive.getinfo("config.json").header_offset
    data = bytearray(path.read_bytes())
    data[begin + 60 : begin + 90] = bytes(range(200, 230))
    path.write_bytes(data)
    assert refused(path).startswith("is damaged or truncated (")


def test_a_full_disk_is_no_damage(keras_3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras gets a copy of the file's parts, for which there may be no room."""
    path = small(keras_3, tmp_path / "m.keras")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(containers.shutil, "copyfileobj", full)
    assert refused(path).startswith("No space left on device; free some space on that disk")


def test_weights_that_unpack_without_end(keras_3: Any, tmp_path: Path) -> None:
    """HDF5 packs a terabyte of zeros into a few bytes; nothing is written for what is never set."""
    path = save(keras_3.Sequential([keras_3.Input((4,)), keras_3.layers.Dense(2)]), tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        file.create_dataset("evil", (1 << 40,), np.float32, chunks=(1 << 20,), compression="gzip")
    assert refused(path) == ("unpacks to 4,398,046,511,144 bytes of weights: too large for any microcontroller")


def test_weights_packed_by_a_plug_in(keras_3: Any, tmp_path: Path) -> None:
    """HDF5 would look for a library of that number."""
    path = save(keras_3.Sequential([keras_3.Input((4,)), keras_3.layers.Dense(2)]), tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((4,))
        settings.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        h5py.h5d.create(file.id, b"evil", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((4,)), settings)
    assert "evil uses the HDF5 filter 32001" in refused(path)
