"""A package's files → a folder on disk, where the user's edits are kept."""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from . import files
from .errors import BuildError
from .packages import MANIFEST
from .values import Project

BUILT = ("src", "include", "lib")  # PlatformIO compiles or includes every file in these folders


@dataclass(frozen=True)
class Written:
    """What `write` did. ``changed`` counts the files written or removed, 0 if the folder was up to date.

    ``edited`` are files that someone has changed since kerf wrote them: kept, or overwritten with ``force``.
    ``foreign`` are files that kerf did not write, but a build would use.
    """

    changed: int
    edited: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def write(project: Project, directory: Path, *, force: bool = False, is_own: bool = False) -> Written:
    """Writes the project to ``directory``, except files that someone has edited since kerf wrote them.

    ``force`` overwrites those, too; ``is_own`` marks a folder of kerf's own under build/, which is written even if its
    manifest is lost or damaged. Unedited files of an earlier project are removed; whatever kerf did not write
    (.pio, the user's notes) stays. The manifest on disk has the SHA-256 of each file as kerf wrote it. Raises
    BuildError if the folder is not empty and has no manifest of kerf's, or cannot be written.
    """
    try:
        return _write(project, directory, force, is_own)
    except OSError as error:
        raise BuildError(
            f"cannot write the project to {directory}: {error.strerror or error}; choose another folder with --out"
        ) from error


def _write(project: Project, directory: Path, force: bool, is_own: bool) -> Written:
    manifest = directory / MANIFEST
    known = check(directory, json.loads(project.files[MANIFEST]).get("format"), is_own)
    wanted = {name: files.sha256(data) for name, data in project.files.items() if name != MANIFEST}
    found = {name: _digest(directory / name) for name in sorted({*wanted, *known})}
    different = [name for name, digest in found.items() if digest != wanted.get(name)]
    edited = tuple(name for name in different if found[name] and found[name] not in known.get(name, ()))
    work = [name for name in different if force or name not in edited]
    # The manifest goes first, so that an interrupted folder is recognized as kerf's. While files are being replaced, it
    # also lists their old digests, so that files not yet replaced are not mistaken for the user's edits.
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


def check(directory: Path, format: str | None, is_own: bool = False) -> Mapping[str, set[str]]:
    """The digests of each file that an earlier project of this format has left in a folder. ``format`` is None for a
    project of `inv render`.

    Raises BuildError for a folder with any other contents, unless it ``is_own``.
    """
    earlier = files.read_json(directory / MANIFEST)
    known = _known(earlier)
    if known is None:
        if not is_own and directory.exists() and any(not _partial(path) for path in directory.iterdir()):
            raise BuildError(f"{directory} is not empty and not a kerf project; choose an empty folder for --out")
        return {}
    if earlier.get("format") != format:
        what = f"an export for {earlier['format']}" if earlier.get("format") else "a project of `inv render`"
        raise BuildError(f"{directory} holds {what}; choose another folder for --out, or remove this one")
    return known


def _manifest(project: Project, more: Mapping[str, Any]) -> bytes:
    """The project's manifest with the digests of its files."""
    return (json.dumps({**json.loads(project.files[MANIFEST]), **more}, indent=2) + "\n").encode()


def _known(manifest: Mapping[str, Any]) -> dict[str, set[str]] | None:
    """The digests that kerf recorded for each file of a folder; None if the manifest is not kerf's.

    Anyone may have edited the manifest, so names that lead out of the folder are ignored.
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
    """SHA-256 of a file; None if it does not exist."""
    return files.sha256(path.read_bytes()) if path.is_file() else None


def _foreign(directory: Path, wanted: Container[str]) -> tuple[str, ...]:
    """Files in BUILT folders that kerf did not write."""
    found = [path for folder in BUILT for path in (directory / folder).rglob("*") if path.is_file()]
    names = sorted(path.relative_to(directory).as_posix() for path in found if not path.name.startswith("."))
    return tuple(name for name in names if name not in wanted)


def _partial(path: Path) -> bool:
    """Whether this is a leftover of an interrupted files.write."""
    return path.name.startswith(".") and ".partial" in path.name
