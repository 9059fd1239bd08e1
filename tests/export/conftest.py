"""Each export is made once per model, target and format, in a separate build folder."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools import pipeline
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / "emulator"), str(TESTS / "host")]  # port_project.py, single_op.py
MODELS = {name: TESTS / "unit" / f"{name}.tflite" for name in ("flatten", "stream")}

Export = Callable[..., Path]


@pytest.fixture(scope="module")
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A build folder that replaces this checkout's build/."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("build")
        cache = places.cache()
        patch.setattr(places, "BUILD", folder)
        patch.setattr(places, "cache", lambda: cache)
        yield folder


@pytest.fixture(scope="module")
def export(build_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """A function: export("flatten", "cmake", target="host") returns an export's folder, which tests must not change."""
    made: dict[tuple[str, ...], Path] = {}

    def folder(model: str, format: str, target: str = "host") -> Path:
        key = (model, format, target)
        if key not in made:
            out = tmp_path_factory.mktemp(format) / model
            pipeline.export(Request(model=str(MODELS[model]), target=target), Progress(), format, out)
            made[key] = out
        return made[key]

    return folder
