"""What stages keep from one run to the next, and the one rule for what of it is stale.

Beside the files that it makes, a stage leaves a record: a sealed JSON object with the key, which is the digest of
everything that decides the result (inputs, options, kerf's own sources, versions of packages), and the SHA-256 of each
file. They are used again if the key is the same and neither the record nor a file has changed since; in any other case
(another input, other code, damage, an interrupt) they are made again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import files


@dataclass(frozen=True, eq=False)
class Kept:
    """A record's fields, and the files that it vouches for: name → contents."""

    fields: Mapping[str, Any]
    files: Mapping[str, bytes]


def key(*inputs: bytes | str, sources: Iterable[str] = (), packages: Iterable[str] = ()) -> str:
    """The digest of everything that decides a result.

    ``sources`` are kerf's own, as files.own_digest takes them; of ``packages`` the installed versions count.
    """
    return files.digest(*inputs, files.own_digest(*sources), *map(_described, packages))


def _described(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} absent"


def load(record: Path, key: str) -> Kept | None:
    """What was kept with this key; None where there is nothing, or it is stale or damaged."""
    kept = anyway(record)
    return kept if kept is not None and kept.fields.get("key") == key else None


def anyway(record: Path) -> Kept | None:
    """What was kept, whatever it was made from; None where there is nothing, or something has changed since."""
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
    """The record's fields, whatever has become of the files: to say why they are made again. {} without a record."""
    return files.read_sealed(record)


def keep(record: Path, key: str, outputs: Iterable[Path] = (), **fields: Any) -> Mapping[str, Any]:
    """Vouches for files beside the record, which have been written, and returns the record's fields: what `fields` are
    given, which JSON must be able to hold, and ``key`` and ``outputs``."""
    digests = {path.name: files.sha256(path.read_bytes()) for path in outputs}
    files.write_sealed(record, {"key": key, "outputs": digests, **fields})
    return fields_of(record)


def forget(record: Path) -> None:
    """From here until `keep` nobody trusts what lies beside the record."""
    files.remove(record)
