"""The demo firmware, built once per target; skips with the reason where Renode or a compiler is missing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import pipeline, targets
from tools.errors import MissingTool
from tools.pipeline import places
from tools.progress import Progress
from tools.transports import renode
from tools.values import Request


@pytest.fixture(scope="session")
def program() -> Path:
    """Renode's executable."""
    try:
        return renode.TOOL.require()
    except MissingTool as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A separate build/ for all targets: the model is trained and converted once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "BUILD", tmp_path_factory.mktemp("build"))
        yield


@pytest.fixture(scope="session", params=[t.name for t in targets.load().values() if "renode" in t.emulators])
def built(request: pytest.FixtureRequest, program: Path, build_folder: None) -> pipeline.Built:
    """digits, int8, aot, for each target that Renode runs."""
    if shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("arm-none-eabi-g++ is not installed")
    return pipeline.build(Request(target=request.param), Progress())
