"""Values → text, and a whole PlatformIO project that needs nothing outside its folder: the only user of Jinja."""

import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2

from . import __version__, cpp_text, files
from .errors import BuildError
from .graph.ir import Graph
from .values import Project, Target
from .visible import visible

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
FIRMWARE = ROOT / "firmware"
MANIFEST = "manifest.json"
BUILT = ("src", "include", "lib")  # folders of which PlatformIO takes all files
IDENTITY = "src/bench/identity.cpp"
PLATFORM = "symlink://firmware/platform"  # how a target names the platform of this repository …
PLATFORM_COPY = "symlink://platform"  # … and a rendered project its copy of it

_INCLUDE = re.compile(rb'^\s*#\s*include\s+"((?:kernels|tflm)/[^"]+)"', re.MULTILINE)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # HTML is escaped here; source text is not HTML: cpp_text.py does its escaping
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
    )


def render(template: str, **values: Any) -> str:
    """The text of a template (path below templates/); a value that is missing or misspelt raises UndefinedError."""
    text = _environment().get_template(template).render(values)
    return visible(text, keep="\n") if template.endswith(".html.j2") else text


def project(
    graph: Graph,
    labels: Sequence[tuple[str, str]],
    target: Target,
    sources: Mapping[str, bytes],
    *,
    arena_bytes: int,
    runtime: str,
    mode: str,
    kernels: str,
    kernel_symbols: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    library: str = "",
) -> Project:
    """A complete PlatformIO project: the runtime's ``sources`` (src/model.cpp …) with everything they are built with.

    src/ mirrors firmware/, so that an #include reads the same in both. Of firmware/kernels and
    firmware/tflm only what the sources reach is copied, of the ports only the target's. ``labels`` are (name, kind) of
    what the firmware reports the times of, ``kernels`` names the kernels for people, ``kernel_symbols`` and ``library``
    are the Project's, ``options`` are added to those of the target in platformio.ini. The firmware's identity covers
    all of it except the file that states it and the manifest.
    """
    contents = dict(sources)
    for folder in ("model", "port", "bench", f"ports/{target.port}"):
        contents.update(_copies(FIRMWARE / folder, f"src/{folder}"))
    contents.update(_reached(sources.values()))
    if target.options.get("platform") == PLATFORM:
        contents.update(_copies(FIRMWARE / "platform", "platform"))
    if target.framework == "espidf":
        contents.update(_espidf([*contents, IDENTITY]))
    contents["platformio.ini"] = _platformio_ini(target, options or {}).encode()
    build = _build_id(contents, target)
    contents[IDENTITY] = _identity(target, build).encode()
    manifest = {
        "kerf": __version__,
        "model": graph.name,
        "mode": mode,
        "model_sha256": graph.sha256,
        "model_bytes": graph.model_bytes,
        "runtime": runtime,
        "target": target.name,
        "kernels": kernels,
        "build": build,
        "arena_bytes": arena_bytes,
        "ops": [{"name": name, "op": kind} for name, kind in labels],
    }
    contents[MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    return Project(
        files=dict(sorted(contents.items())),
        model=graph.name,
        mode=mode,
        model_sha256=graph.sha256,
        model_bytes=graph.model_bytes,
        runtime=runtime,
        target=target.name,
        kernels=kernels,
        arena_bytes=arena_bytes,
        op_labels=tuple(labels),
        kernel_symbols=kernel_symbols or {},
        library=library,
        core=target.core.name,
        build=build,
    )


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


def _build_id(contents: Mapping[str, bytes], target: Target) -> str:
    """16 hexadecimal digits that tell projects apart."""
    named = [part for name in sorted(contents) for part in (name, contents[name])]
    return files.digest(target.name, target.core.name, *named)[:16]


def _identity(target: Target, build: str) -> str:
    """Who the firmware says it is."""
    words = {"target": target.name, "core": target.core.name, "build": build}
    return render(
        "common/identity.cpp.j2",
        version=__version__,
        **{name: cpp_text.string_literal(word) for name, word in words.items()},
    )


def _copies(folder: Path, destination: str) -> dict[str, bytes]:
    """All files below a folder, without what tools leave there."""
    return {
        f"{destination}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith((".", "__pycache__")) for p in path.relative_to(folder).parts)
    }


def _reached(sources: Iterable[bytes]) -> dict[str, bytes]:
    """The files of firmware/kernels and firmware/tflm that these sources include, directly or through one another:
    headers, and what is compiled beside them."""
    reached: dict[str, bytes] = {}
    waiting = list(sources)
    while waiting:
        for header in (match.decode() for match in _INCLUDE.findall(waiting.pop())):
            if f"src/{header}" in reached:
                continue
            source = str(PurePosixPath(header).with_suffix(".cpp"))
            for name in (header, source) if (FIRMWARE / source).exists() else (header,):
                reached[f"src/{name}"] = (FIRMWARE / name).read_bytes()
                waiting.append(reached[f"src/{name}"])
    return reached


def _espidf(contents: Iterable[str]) -> dict[str, bytes]:
    """What ESP-IDF needs besides: CMake's two files, which list the sources, and its configuration."""
    sources = sorted(name.removeprefix("src/") for name in contents if name.endswith((".c", ".cpp")))
    templates = {
        "CMakeLists.txt": "common/espidf/CMakeLists.txt.j2",
        "src/CMakeLists.txt": "common/espidf/component.txt.j2",
        "sdkconfig.defaults": "common/espidf/sdkconfig.defaults.j2",
    }
    return {name: render(text, version=__version__, sources=sources).encode() for name, text in templates.items()}


def _platformio_ini(target: Target, more: Mapping[str, str] | None = None) -> str:
    """The target's own options, ``more`` after them, and no others; the platform is in the project where it is this
    repository's."""
    options = {"platform": "", "board": target.board}
    if target.framework:
        options["framework"] = target.framework
    options |= {k: v for k, v in target.options.items() if k != "extends" and not k.startswith("custom_")}
    if options["platform"] == PLATFORM:
        options["platform"] = PLATFORM_COPY
    for key, value in (more or {}).items():
        options[key] = f"{options[key]}\n{value}" if key in options else value
    flags = [*options.pop("build_flags", "").splitlines(), "-I src"]
    options["build_flags"] = "\n".join(flag.strip() for flag in flags if flag.strip())
    return render(
        "common/platformio.ini.j2",
        version=__version__,
        target=target.name,
        options=[
            (key, [line.strip() for line in value.splitlines() if line.strip()]) for key, value in options.items()
        ],
    )
