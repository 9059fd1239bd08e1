"""A package's files → a folder on disk, which keeps what its user has changed there."""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from . import files
from .errors import BuildError
from .packages import MANIFEST
from .values import Project

BUILT = ("src", "include", "lib")  # folders of which PlatformIO takes all files


@dataclass(frozen=True)
class Written:
    """What `write` did. ``changed`` counts the files written or removed; 0 when the folder held the project already.

    ``edited`` are files that are not as kerf wrote them: left alone, or with ``force`` written over. ``foreign`` are
    files that kerf did not write where a build takes everything.
    """

    changed: int
    edited: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def write(project: Project, directory: Path, *, force: bool = False) -> Written:
    """Makes ``directory`` hold the project, but for files that somebody has changed since kerf wrote them.

    These stay as they are unless ``force`` is given. Files that an earlier project left behind are removed, if they are
    as kerf wrote them; whatever kerf did not write (.pio, the user's notes) stays. The manifest on disk holds the
    SHA-256 of each file as kerf wrote it. Raises BuildError if the folder has contents and no manifest of kerf's, or
    cannot be written.
    """
    try:
        return _write(project, directory, force)
    except OSError as error:
        raise BuildError(
            f"cannot write the project to {directory}: {error.strerror or error}; free it or choose another --out"
        ) from error


def _write(project: Project, directory: Path, force: bool) -> Written:
    manifest = directory / MANIFEST
    known = _known(files.read_json(manifest))
    if known is None:
        if directory.exists() and any(not _partial(path) for path in directory.iterdir()):
            raise BuildError(f"{directory} is not empty and not a kerf project; choose an empty folder for --out")
        known = {}
    wanted = {name: files.sha256(data) for name, data in project.files.items() if name != MANIFEST}
    found = {name: _digest(directory / name) for name in sorted({*wanted, *known})}
    different = [name for name, digest in found.items() if digest != wanted.get(name)]
    edited = tuple(name for name in different if found[name] and found[name] not in known.get(name, ()))
    work = [name for name in different if force or name not in edited]
    # The manifest goes first: from then on an interrupted folder is known to be kerf's. As long as files are replaced
    # it knows the old ones too, so that nobody's hand is suspected in what an interruption has left.
    before = {name: sorted({found[name], *known.get(name, ())}) for name in work if found[name]}
    final = _manifest(project, {"files": wanted})
    changed = len(work) + (_digest(manifest) != files.sha256(final))
    if changed:
        files.write(manifest, _manifest(project, {"files": wanted, "before": before}) if before else final)
    for name in work:
        if name in wanted:
            files.write(directory / name, project.files[name])
        else:
            (directory / name).unlink()
    if before:
        files.write(manifest, final)
    return Written(changed, edited, _foreign(directory, wanted))


def _manifest(project: Project, more: Mapping[str, Any]) -> bytes:
    """The project's manifest with what is known of its files."""
    return (json.dumps({**json.loads(project.files[MANIFEST]), **more}, indent=2) + "\n").encode()


def _known(manifest: Mapping[str, Any]) -> dict[str, set[str]] | None:
    """The digests of each file that kerf has written to a folder; None if the manifest is not kerf's.

    Anyone may have edited it: names that lead out of the folder are none.
    """
    written, before = manifest.get("files"), manifest.get("before", {})
    if not (isinstance(manifest.get("kerf"), str) and isinstance(written, dict) and isinstance(before, dict)):
        return None
    known: dict[str, set[str]] = {}
    for listed in ({name: [digest] for name, digest in written.items()}, before):
        for name, digests in listed.items():
            path = PurePosixPath(name)
            if path.parts and not path.is_absolute() and ".." not in path.parts and isinstance(digests, list):
                known.setdefault(str(path), set()).update(digest for digest in digests if isinstance(digest, str))
    return known


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    return files.sha256(path.read_bytes()) if path.is_file() else None


def _foreign(directory: Path, wanted: Container[str]) -> tuple[str, ...]:
    """Files that a build would compile or include, and that are not kerf's."""
    found = [path for folder in BUILT for path in (directory / folder).rglob("*") if path.is_file()]
    names = sorted(path.relative_to(directory).as_posix() for path in found if not path.name.startswith("."))
    return tuple(name for name in names if name not in wanted)


def _partial(path: Path) -> bool:
    """Whether this is what an interrupted files.write leaves."""
    return path.name.startswith(".") and ".partial" in path.name
