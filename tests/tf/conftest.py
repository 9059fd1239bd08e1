"""Models are converted in the test's own process: it has already imported TensorFlow, which takes a child seconds. The
oracle's interpreters run in forks of a process that has loaded them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import interpreters
import pytest

from tools import child, convert, model_files


@pytest.fixture(scope="session")
def oracle_in_a_fork() -> Iterator[Callable[..., interpreters.Ended]]:
    with interpreters.forks() as run:
        yield run


@pytest.fixture(scope="module", autouse=True)
def converted_here(oracle_in_a_fork: Callable[..., interpreters.Ended]) -> Iterator[None]:
    """Calls the child's function instead of starting a child."""

    def run(
        module: str, path: str, mode: str, folder: str, log: str, dense: str, steps: str, **streams: Any
    ) -> CompletedProcess[str]:
        convert.serve(Path(path), mode, Path(folder), Path(log), dense == "1", int(steps))
        return CompletedProcess([], 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert, "run", run)
        patch.setattr(child, "run", oracle_in_a_fork)
        yield


@pytest.fixture
def converted_in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts a child process again, as kerf does."""
    monkeypatch.setattr(convert, "run", child.run)


@pytest.fixture(scope="module", params=["keras", pytest.param("tf_keras", marks=pytest.mark.soak)])
def keras(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Keras 3; with --every-case, Keras 2 as well."""
    model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log")
    return pytest.importorskip(request.param)
