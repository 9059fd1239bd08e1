"""kerf's temporary files are in a folder of their own, which is removed at the end, or by the next kerf."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tools import temporary

ROOT = Path(__file__).parents[2]
HOLDS = """
import sys, tempfile, time
from tools import temporary
with temporary.own_folder() as folder:
    tempfile.NamedTemporaryFile(prefix="__autograph", delete=False).close()
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_everything_lands_in_one_folder_that_is_removed(system: Path) -> None:
    with temporary.own_folder() as folder:
        assert folder.parent == system
        handle, name = tempfile.mkstemp()
        os.close(handle)
        child = [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp())"]
        said = subprocess.run(child, capture_output=True, text=True, check=True).stdout
        assert Path(name).parent == Path(said.strip()).parent == folder
    assert list(system.iterdir()) == []
    assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(system)


def test_an_error_removes_it_too(system: Path) -> None:
    with pytest.raises(KeyboardInterrupt), temporary.own_folder():
        raise KeyboardInterrupt
    assert list(system.iterdir()) == []


def test_what_a_killed_kerf_left_is_removed_by_the_next_and_that_of_a_running_one_is_not(system: Path) -> None:
    (system / "kerf-of-somebody").mkdir()  # without a lock: not a kerf's
    killed, running = (
        subprocess.Popen([sys.executable, "-c", HOLDS], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    )
    folders = {}
    for process in (killed, running):
        assert process.stdout is not None
        folders[process] = Path(process.stdout.readline().strip())
    try:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert len(list(folders[killed].iterdir())) == 2
        with temporary.own_folder():
            assert not folders[killed].exists()
            assert folders[running].exists()
    finally:
        running.kill()
        for process in (killed, running):
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    assert (system / "kerf-of-somebody").exists()
