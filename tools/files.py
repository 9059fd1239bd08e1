"""Atomic and reproducible files: an interrupt leaves no partial file, and equal contents give equal bytes."""

import hashlib
import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import UsageError

_PAGE = b"<!doctype html"  # how the pages that kerf writes begin
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip entry can have


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name next to ``path``, with the same suffix; the file is renamed to ``path`` on success.

    The rename is atomic (POSIX rename, Windows ReplaceFile): a reader sees the old file or the new one.
    """
    with temporary(path) as name:
        yield name
        os.replace(name, path)


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """A name next to ``path``, for a file or folder that is removed when the context ends.

    The name contains the process id, so that two kerfs never share it. Leftovers of killed processes are removed first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    remove(name)
    for left_over in _left_over(path):
        remove(left_over)
    try:
        yield name
    finally:
        remove(name)


def _left_over(path: Path) -> Iterator[Path]:
    """Temporary versions of this file left by processes that have ended."""
    name = re.compile(rf"\.{re.escape(path.stem)}\.([0-9]+)\.partial{re.escape(path.suffix)}")
    for other in list(path.parent.iterdir()):
        found = name.fullmatch(other.name)
        if found and not is_running(int(found[1])):
            yield other


def is_running(process: int) -> bool:
    """Whether a process with this id exists; True where that cannot be checked."""
    if os.name != "posix":
        return True  # on Windows, os.kill would terminate it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def remove(path: Path) -> None:
    """Removes a file or folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def real(path: Path) -> Path:
    """The absolute path without symbolic links; unlike Path.resolve, also for a link that leads to itself."""
    return Path(os.path.realpath(path))


def check_page(path: Path) -> None:
    """Raises UsageError for a path at which `write` would replace something other than an HTML page."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(_PAGE)).lower() not in (b"", _PAGE):
                raise UsageError(f"{path} exists and is not an HTML page; choose another name, or remove it first")


def write(path: Path, data: bytes) -> None:
    """Writes a file atomically. A device or a pipe (/dev/stdout) is written to, not replaced."""
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as device:
            device.write(data)
        return
    try:
        with replacing(path) as name:
            name.write_bytes(data)
    except OSError as error:
        if error.filename is None:  # as when the disk is full
            error.filename = str(path)
        raise


def sha256(data: bytes) -> str:
    """SHA-256 of the bytes, as sha256sum prints it."""
    return hashlib.sha256(data).hexdigest()


def digest(*parts: bytes | str) -> str:
    """SHA-256 over the parts, each preceded by its length, so that ("ab", "c") and ("a", "bc") differ."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def tree_digest(path: Path) -> str:
    """SHA-256 of a file's contents, or of all files of a folder with their relative names."""
    if path.is_file():
        return digest(path.read_bytes())
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    return digest(*(part for name in names for part in (name, (path / name).read_bytes())))


def own_digest(*parts: str) -> str:
    """A digest of kerf's own source files, or of all in a folder, named relative to tools/.

    It marks cached results as stale when the code changes, which in a checkout happens without a new version.
    """
    root = Path(__file__).parent
    found = [[root / part] if part.endswith(".py") else sorted((root / part).rglob("*.py")) for part in parts]
    return digest(*(path.read_bytes() for part in found for path in part))


def pack(entries: Mapping[str, bytes]) -> bytes:
    """A zip file (uncompressed, fixed dates, all files readable) with these entries in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """The entries of a zip file, in their order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """An .npz that numpy.load reads; numpy's own writer would put the current time into it."""
    entries = {}
    for name, array in arrays.items():
        entry = io.BytesIO()
        np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
        entries[f"{name}.npy"] = entry.getvalue()
    return pack(entries)


def unpack_arrays(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz, in their order."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file written by kerf; {} when there is none or it is unreadable."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # the last: brackets nested a thousand deep
        return {}
    return value if isinstance(value, dict) else {}


def write_sealed(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a JSON object together with its own digest, for `read_sealed`."""
    body = json.dumps(record, indent=1)
    write(path, json.dumps({"digest": digest(body), **record}, indent=1).encode())


def read_sealed(path: Path) -> dict[str, Any]:
    """The object written by `write_sealed`; {} when there is none, or anything in it has changed since."""
    record = read_json(path)
    seal = record.pop("digest", None)
    return record if seal == digest(json.dumps(record, indent=1)) else {}
