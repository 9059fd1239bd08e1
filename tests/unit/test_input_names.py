"""What is read from a .keras without Keras."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tools.errors import QuantizeError
from tools.model_files import architecture


def named(*layers: str) -> list[Any]:
    return [[layer, 0, 0] for layer in layers]


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"input_layers": named("image", "meta")}, ("image", "meta")),
        ({"input_layers": named("image")[0]}, ("image",)),
        ({"input_layers": {"b": named("meta")[0], "a": named("image")}}, ("image", "meta")),
        ({"layers": [{"config": {"name": "input_layer"}}, {"config": {"name": "dense"}}]}, ("input_layer",)),
        ({"layers": []}, ()),
        ({"layers": [3], "input_layers": [[], {}, 7]}, ()),
        ({}, ()),
        (None, ()),
    ],
    ids=["functional", "one", "dictionary", "sequential", "empty", "damaged", "nothing", "none"],
)
def test_the_names_of_the_inputs(config: Any, names: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.12.0"}))
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": config}))
    assert architecture.input_names(path) == names


def test_an_archive_that_is_quoted_is_quoted_in_part(tmp_path: Path) -> None:
    """zipfile quotes as much of a damaged archive as its header claims a name to be long."""
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}" * 4000)
    data = bytearray(path.read_bytes())
    data[26:28] = (6000).to_bytes(2, "little")  # the length of the name in the local header
    path.write_bytes(data)
    with pytest.raises(
        QuantizeError, match=r"net\.keras is damaged or truncated \(File name in directory .*…\)"
    ) as caught:
        architecture.read(path)
    assert len(str(caught.value)) < len(str(path)) + 300
