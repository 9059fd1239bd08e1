"""Results that stages keep from one run to the next, and the one rule for when they are stale.

Next to its files, a stage writes a record: a sealed JSON object with the key, a digest of everything that determines
the result (inputs, options, kerf's own sources, package versions), and the SHA-256 of each file. The files are reused
if the key is the same and neither the record nor a file has changed since. In any other case (another input, changed
code, damage, an interrupt) they are made again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import files


@dataclass(frozen=True, eq=False)
class Kept:
    """A record's fields, and the contents of the files it vouches for, by name."""

    fields: Mapping[str, Any]
    files: Mapping[str, bytes]


def key(*inputs: bytes | str, sources: Iterable[str] = (), packages: Iterable[str] = ()) -> str:
    """The digest of everything that determines a result.

    ``sources`` are kerf's own (see files.own_digest); ``packages`` count with their installed versions.
    """
    return files.digest(*inputs, files.own_digest(*sources), *map(_described, packages))


def _described(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} absent"


def load(record: Path, key: str) -> Kept | None:
    """What was kept with this key; None if there is nothing, or it is stale or damaged."""
    kept = anyway(record)
    return kept if kept is not None and kept.fields.get("key") == key else None


def anyway(record: Path) -> Kept | None:
    """What was kept, whatever it was made from; None if there is nothing, or something has changed since."""
    fields = fields_of(record)
    contents = {}
    for name, sha256 in fields.get("outputs", {}).items():
        path = record.parent / name
        if not path.is_file():
            return None
        contents[name] = path.read_bytes()
        if files.sha256(contents[name]) != sha256:
            return None
    return Kept(fields, contents) if "outputs" in fields else None


def fields_of(record: Path) -> Mapping[str, Any]:
    """The record's fields, even if its files have changed, to tell why they are made again; {} without a record."""
    return files.read_sealed(record)


def keep(record: Path, key: str, outputs: Iterable[Path] = (), **fields: Any) -> Mapping[str, Any]:
    """Writes the record of ``outputs``, files that have been written next to it.

    Returns the record as read back: ``key``, ``outputs`` and ``fields``, which must be JSON-serializable.
    """
    digests = {path.name: files.sha256(path.read_bytes()) for path in outputs}
    files.write_sealed(record, {"key": key, "outputs": digests, **fields})
    return fields_of(record)


def forget(record: Path) -> None:
    """Removes the record: until the next `keep`, the files next to it are not reused."""
    files.remove(record)
