"""What is read from a .keras without Keras."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

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
