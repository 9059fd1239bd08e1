"""Files are complete or absent, and equal contents give equal bytes."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tools import files
from tools.errors import UsageError, of_system

ROOT = Path(__file__).resolve().parents[2]
KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from tools import files
from tools.errors import UsageError, of_system
with files.replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""

WRITING = "import sys; from pathlib import Path; from tools import files; files.write(Path(sys.argv[1]), b'second')"


@pytest.mark.parametrize("before", [None, b"old"])
def test_kill_in_the_middle_leaves_what_was_there(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "model.keras"
    if before is not None:
        path.write_bytes(before)
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (path.read_bytes() if path.exists() else None) == before
    (left_over,) = tmp_path.glob(".*")
    assert re.fullmatch(r"\.model\.[0-9]+\.partial\.keras", left_over.name)
    files.write(path, b"whole")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("model.keras", b"whole")]


def test_exception_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / "a" / "b.bin") as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert list((tmp_path / "a").iterdir()) == []


def test_arrays_come_back_and_the_bytes_repeat() -> None:
    arrays = {"b": np.arange(6, dtype=np.int16).reshape(2, 3), "a": np.float32([[1.5]]), "scalar": np.array(7)}
    packed = files.pack_arrays(arrays)
    assert packed == files.pack_arrays(arrays)
    unpacked = files.unpack_arrays(packed)
    assert list(unpacked) == list(arrays)
    for name, array in arrays.items():
        assert unpacked[name].dtype == array.dtype
        np.testing.assert_array_equal(unpacked[name].reshape(array.shape), array)


def test_digest_keeps_parts_apart() -> None:
    assert files.digest("ab", "c") != files.digest("a", "bc")
    assert files.digest("ab") == files.digest(b"ab")


def test_tree_digest_sees_names_and_contents(tmp_path: Path) -> None:
    digests = []
    for name, content in (("a", b"1"), ("a", b"2"), ("b", b"2")):
        folder = tmp_path / f"{name}{content.decode()}"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / name).write_bytes(content)
        digests.append(files.tree_digest(folder))
    assert len(set(digests)) == 3


def test_two_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with files.replacing(path) as temporary:
        temporary.write_bytes(b"first")
        subprocess.run([sys.executable, "-c", WRITING, str(path)], cwd=ROOT, check=True)
        assert path.read_bytes() == b"second"
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("model.keras", b"first")]


def test_a_temporary_folder_goes_and_so_does_that_of_a_killed_process(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left_over = tmp_path / f".a.{killed.pid}.partial.work"
    left_over.mkdir()
    (left_over / "train_x.npy").write_bytes(b"much")
    with files.temporary(tmp_path / "a.work") as folder:
        assert not left_over.exists()
        folder.mkdir()
        (folder / "file").write_bytes(b"")
    assert list(tmp_path.iterdir()) == []


def test_what_kerf_makes_depends_on_its_own_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "__file__", str(tmp_path / "files.py"))
    for name in ("a.py", "stage/b.py", "stage/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    digests = [files.own_digest("a.py", "stage")]
    for name in ("a.py", "stage/b.py", "stage/c.txt"):
        (tmp_path / name).write_bytes(b"changed")
        digests.append(files.own_digest("a.py", "stage"))
    assert [digests[i] != digests[i + 1] for i in range(3)] == [True, True, False]
    with pytest.raises(FileNotFoundError):
        files.own_digest("gone.py")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_a_pipe_or_device_is_written_to_and_stays(tmp_path: Path) -> None:
    """As root, --html /dev/stdout would otherwise put a file where the device was."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write(pipe, b"page")
        assert os.read(reader, 10) == b"page"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff"])
def test_unreadable_json_is_empty(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "s.json").write_bytes(content)
    assert files.read_json(tmp_path / "s.json") == {}


@pytest.mark.parametrize("spoil", [b'{"a": 2}', b"[]", b"junk", b'{"digest": 5, "a": 1}', b"\xff"])
def test_a_sealed_record_is_whole_or_nothing(tmp_path: Path, spoil: bytes) -> None:
    path = tmp_path / "state.json"
    assert files.read_sealed(path) == {}
    files.write_sealed(path, {"a": 1, "b": [True, None, "é"]})
    assert files.read_sealed(path) == {"a": 1, "b": [True, None, "é"]}
    path.write_bytes(path.read_bytes().replace(b'"a": 1', b'"a": 3'))
    assert files.read_sealed(path) == {}
    path.write_bytes(spoil)
    assert files.read_sealed(path) == {}


@pytest.mark.parametrize("content", [b"TFL3", b"PK", b"text"])
def test_a_page_replaces_only_a_page(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "page.html"
    for old in (b"", b"<!doctype html>\n<title>", b"<!DOCTYPE html>"):
        path.write_bytes(old)
        files.check_page(path)
    path.write_bytes(content)
    with pytest.raises(UsageError, match="exists and is not an HTML page"):
        files.check_page(path)
    files.check_page(tmp_path / "new.html")


def test_a_full_disk_is_named_by_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError) as caught:
        files.write(tmp_path / "a.bin", b"data")
    assert str(of_system(caught.value)).startswith(f"{tmp_path / 'a.bin'}: No space left on device; free some space")


def test_a_link_to_itself_has_a_path(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    assert files.real(link).name == "link"
