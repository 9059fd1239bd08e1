"""The sources that are measured, as a library for the user's own program."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import compress, cpp_text, packages, write
from ..errors import UsageError
from ..options import FIRMWARE
from ..packages import Library, Model, bench
from ..progress import Progress
from ..report import records
from ..values import Project, Request, environment
from . import places
from .choices import choose
from .firmware import compile_choice, model_of, warn_of_changes
from .origin import is_path


@dataclass(frozen=True, eq=False)
class Exported:
    """A library on disk."""

    library: Library
    project: Project
    directory: Path


def export(
    ask: Request,
    progress: Progress,
    format: str,
    out: Path | None = None,
    name: str = "",
    *,
    live: bool = False,
    force: bool = False,
) -> Exported:
    """The model as a library in the folder ``out``, or under build/.

    ``format`` is one of packages.formats(). Every symbol begins with ``name``, by default the model's. ``force``
    overwrites files in the folder that have been edited. ``live``: the library exports itself again when the model, its
    data or kerf has changed.
    """
    packages.find_format(format)
    if live:
        packages.check_live(format)
    choice = choose(ask)
    name = name or default_name(ask.model)
    packages.check_name(name)
    if choice.interprets:
        raise UsageError(
            f"--runtime {ask.runtime} has no firmware for {choice.target.name}: export for the --target of your "
            f"microcontroller; what --format cmake makes can be built here as well"
        )
    packages.check_dependency(format, choice.runtime.library(choice.target))
    if out is not None:
        write.check(out, format)  # fail before anything is trained
    compiled = compile_choice(choice, progress)
    measured = _record(model_of(compiled, progress), progress)
    model = model_of(compiled, progress, symbols=packages.symbols(name))
    library = Library(
        model,
        name,
        packages.reference(compiled.quantized.vectors.first_sequence()),
        measured,
        _options(ask, name, live),
    )
    project = packages.export(format, library)
    directory = out or compiled.quantized.path.parent / "-".join((format, ask.runtime, environment(ask.target)))
    with places.locked(directory, progress, f"exporting {name}"):
        written = write.write(project, directory, force=force, is_own=out is None)
    warn_of_changes(written, directory, progress, force=force, is_own=out is None)
    progress.say(f"exported {name}: {directory} ({written.changed or 'no'} files changed)")
    return Exported(library, project, directory)


def _options(ask: Request, name: str, live: bool) -> tuple[str, ...]:
    """The options that give the same export again, without the model and its data, which are the user's to name; none
    if it is not to be live."""
    if not live:
        return ()
    given = [f"--name={name}", f"--target={ask.target}"]
    for option in sorted({*FIRMWARE.split()} - {"model", "data", "target", "json"}):
        value = getattr(ask, option)
        if value != getattr(Request(), option):
            flag = f"--{option.replace('_', '-')}"
            given.append(flag if value is True else f"{flag}={value}")
    return tuple(given)


def default_name(model: str) -> str:
    """The name of a model or of its file as a C identifier: digits+sparse0.8 becomes digits_sparse0_8."""
    base = compress.parse(model)[0]
    stem = Path(base).stem if is_path(base) else base
    return cpp_text.identifier(stem + model[len(base) :])


def _record(model: Model, progress: Progress) -> dict[str, Any] | None:
    """The newest measurement of these sources, on a real board if there is one; None if they were not measured.

    Measurements are matched by the build ID that the firmware reports.
    """
    build = bench.project(model).build
    found = [m for m in records.load(places.records(), progress.warn) if m.device and m.device["build"] == build]
    if not found:
        return None
    return records.to_json(next((m for m in reversed(found) if m.emulator is None), found[-1]))
