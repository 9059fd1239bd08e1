"""The layers described in a .keras or .h5, read without Keras: nothing from the file is executed."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import Any

from ..errors import QuantizeError, is_full, of_system, reason

UNREADABLE = (
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
)
CONFIG, METADATA = "config.json", "metadata.json"  # in a .keras
MAX_JSON_BYTES = 1 << 26
_MAX_DEPTH = 100  # of JSON; a layer in a doubly nested model is 13 deep


@dataclass(frozen=True)
class Architecture:
    """The layers in a .keras or .h5, as Keras wrote them, and whether that was Keras 2 (1 counts as 2)."""

    config: dict[str, Any]
    is_keras_2: bool


def damaged(path: Path, error: Exception) -> QuantizeError:
    """What to raise for one of UNREADABLE: a full disk, where parts of the file are copied to, is no damage."""
    if isinstance(error, OSError) and is_full(error):
        return QuantizeError(str(of_system(error)))
    return QuantizeError(f"{path} is damaged or truncated ({reason(error)}): save it again")


def read(path: Path) -> Architecture:
    """The layers described in a .keras or .h5; nothing is loaded. Raises QuantizeError."""
    try:
        config, version = _in_archive(path) if path.suffix == ".keras" else _in_hdf5(path)
        depth = _depth(config)
    except KeyError:
        raise QuantizeError(f"{path} has weights but no model: save both with model.save('name.keras')") from None
    except RecursionError:  # json's
        depth = _MAX_DEPTH + 1
    except UNREADABLE as error:
        raise damaged(path, error) from None
    if depth > _MAX_DEPTH:
        raise QuantizeError(f"{path} is nested over {_MAX_DEPTH} levels deep, which no network is: save it again")
    if not isinstance(config, dict):
        raise QuantizeError(f"{path} is damaged (it does not describe a model): save it again")
    config.pop("compile_config", None)  # losses and metrics, which are not loaded
    return Architecture(config, not version.startswith("3"))


def input_names(path: Path) -> tuple[str, ...]:
    """The names of a model's inputs, in the order in which it takes them. Raises QuantizeError."""
    found = read(path).config.get("config")
    if not isinstance(found, dict):
        return ()
    inputs = found.get("input_layers") or [each for each in found.get("layers") or [] if isinstance(each, dict)][:1]
    return tuple(dict.fromkeys(_names(inputs)))


def _names(inputs: Any) -> Iterator[str]:
    """The layers' names in a structure of [name, node, tensor], dictionaries and lists, or of Sequential's layers."""
    if isinstance(inputs, list) and inputs and isinstance(inputs[0], str):
        yield inputs[0]
    elif isinstance(inputs, list):
        for each in inputs:
            yield from _names(each)
    elif isinstance(inputs, dict) and isinstance(inputs.get("config"), dict):
        yield str(inputs["config"].get("name", ""))
    elif isinstance(inputs, dict):  # Keras takes the inputs of a dictionary in the order of their keys
        for key in sorted(inputs, key=str):
            yield from _names(inputs[key])


def _in_archive(path: Path) -> tuple[Any, str]:
    with zipfile.ZipFile(path) as archive:
        config = _json(archive, CONFIG)
        metadata = _json(archive, METADATA) if METADATA in archive.namelist() else {}
    return config, str(metadata.get("keras_version", 3)) if isinstance(metadata, dict) else "3"


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    size = archive.getinfo(name).file_size
    if size > MAX_JSON_BYTES:
        raise ValueError(f"{name} has {size:,} bytes")
    return json.loads(archive.read(name).decode())


def _in_hdf5(path: Path) -> tuple[Any, str]:
    import h5py

    def text(value: Any) -> str:
        return value.decode() if isinstance(value, bytes) else str(value)

    with h5py.File(path, "r") as file:
        return json.loads(text(file.attrs["model_config"])), text(file.attrs.get("keras_version", "1"))


def _depth(value: Any) -> int:
    """How deep lists and objects are nested."""
    depth, level = 0, [value]
    while level and depth <= _MAX_DEPTH:
        depth += 1
        level = [inner for outer in level for inner in within(outer)]
    return depth


def within(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
