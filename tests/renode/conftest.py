"""The demo firmware, built once in a build/ of its own; skips with the reason without Renode or a compiler."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import pipeline
from tools.progress import Progress
from tools.transports import renode
from tools.values import Request


@pytest.fixture(scope="session")
def program() -> Path:
    """Renode's executable."""
    found = renode.find()
    if found is None:
        pytest.skip(renode.MISSING)
    return found


@pytest.fixture(scope="session")
def built(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pipeline.Built]:
    """digits, int8, aot, for stm32f4."""
    if shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("arm-none-eabi-g++ is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "BUILD", tmp_path_factory.mktemp("build"))
        yield pipeline.build(Request(target="stm32f4"), Progress())
