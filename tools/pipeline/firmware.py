"""The .tflite → firmware: compiled by its runtime, rendered as a project, linked, flashed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .. import __version__, boards, cache, files, oracle, scons, sizing, targets, write
from .. import build as platformio
from ..arena import STEP_BYTES, Arena
from ..boards import flash as flasher
from ..boards import monitor as terminal
from ..errors import (
    BuildError,
    KerfError,
    MissingTool,
    TransportError,
    UnsupportedModel,
    UsageError,
)
from ..graph.ir import Graph, Plan
from ..oracle import interpreter
from ..packages import Model, bench
from ..progress import Progress
from ..runtimes import OWN_SYMBOLS, Program, Symbols
from ..values import Image, Project, Quantized, Request, Target, environment
from . import places
from .choices import Choice, Line, choose
from .origin import quantize

ARENAS = "arenas"
ARENA_SOURCES = ("sizing.py", "arena.py", "runtimes")  # kerf's sources that affect the arena size found


@dataclass(frozen=True, eq=False)
class Compiled:
    """A quantized model and the program that its runtime compiled from it."""

    choice: Choice
    quantized: Quantized
    program: Program

    @property
    def graph(self) -> Graph:
        return self.program.graph

    @property
    def plan(self) -> Plan | None:
        return self.program.plan


@dataclass(frozen=True, eq=False)
class Rendered:
    """A compiled model as a PlatformIO project; ``directory`` is None until the project is written to disk."""

    compiled: Compiled
    project: Project
    directory: Path | None = None

    @property
    def target(self) -> Target:
        return self.compiled.choice.target


@dataclass(frozen=True, eq=False)
class Built:
    """A rendered project and the firmware linked from it."""

    rendered: Rendered
    image: Image


def compile(ask: Request, progress: Progress) -> Compiled:
    """Compiles the model: its graph, kernel calls and memory plan. Every operator is checked before rendering."""
    return compile_choice(choose(ask), progress)


def compile_choice(choice: Choice, progress: Progress) -> Compiled:
    """`compile` for a Choice."""
    ask, target = choice.ask, choice.target
    try:
        return _compile(choice, progress)
    except UnsupportedModel as error:
        others = [name for name in target.runtimes if name != ask.runtime and _takes(choice.instead(runtime=name))]
        if not others:
            raise
        raise UnsupportedModel(
            f"{error}, or use --runtime {' or '.join(others)}, which supports this model on {target.name}"
        ) from error


def _compile(choice: Choice, progress: Progress) -> Compiled:
    quantized = choice.quantized or quantize(choice.conversion, progress)
    return Compiled(choice, quantized, program_of(choice, quantized.tflite, quantized.model))


def program_of(choice: Choice, tflite: bytes, name: str) -> Program:
    """Compiles for the first goal with which the model fits the target, or for the first goal if it never fits."""
    tried = []
    guarded = {"guarded": True} if choice.ask.check_arena else {}
    for goal in choice.goals:
        program = choice.runtime.compile(tflite, name, choice.target, goal, **guarded)
        if program.plan is None or platformio.fits(program.plan.arena_bytes, program.constants_bytes, choice.target):
            return program
        tried.append(program)
    return tried[0]


def _takes(choice: Choice) -> bool:
    """Whether a runtime supports the model. Converts and compiles it for that runtime; for a runtime that interprets
    the file, also runs one sample on the host."""
    try:
        compiled = _compile(choice, Progress())
        quantized = compiled.quantized
        if compiled.plan is None:
            oracle.run(oracle.TFLM, quantized.tflite, [a[:1] for a in quantized.vectors.inputs], quantized.model)
    except KerfError:
        return False
    return True


def require_firmware(choice: Choice) -> None:
    """Raises UsageError if the runtime has no firmware for the target, only an interpreter."""
    if choice.interprets:
        raise UsageError(
            f"--runtime {choice.ask.runtime} has no firmware for {choice.target.name}: use `inv run`, which runs the "
            ".tflite itself"
        )


def render(compiled: Compiled, progress: Progress, arena: Arena | None = None) -> Rendered:
    """Renders the PlatformIO project in memory. Raises DoesNotFit if the model cannot fit the target.

    ``arena`` overrides the arena known for the model.
    """
    return Rendered(compiled, bench.project(model_of(compiled, progress, arena)))


def model_of(
    compiled: Compiled, progress: Progress, arena: Arena | None = None, symbols: Symbols = OWN_SYMBOLS
) -> Model:
    """The sources that every package is made of; raises and warns as `render` does."""
    ask, target, runtime = compiled.choice.ask, compiled.choice.target, compiled.choice.runtime
    program, mode = compiled.program, compiled.quantized.mode
    arena = arena or _known_arena(compiled)
    if arena is None:
        arena = interpreter.estimate(compiled.quantized, program.graph, target.core)
        progress.warn(
            "the arena is an upper bound until `inv build` or `inv run` finds the smallest one in an emulator"
        )
    platformio.check_fits(arena.bytes, program.constants_bytes, target)
    sources = runtime.sources(program, target, arena, mode=mode, symbols=symbols)
    shows = bool(ask.power and target.power_pin)  # the target on which an arena is sized may have no pin
    return Model(program, sources, target, ask.runtime, mode, arena.bytes, shows)


def render_to_disk(
    ask: Request, progress: Progress, out: Path | None = None, arena: Arena | None = None, force: bool = False
) -> Rendered:
    """Writes the project to the folder ``out``, or under build/; ``force`` overwrites files edited there."""
    choice = choose(ask)
    require_firmware(choice)
    rendered, directory = _placed(compile_choice(choice, progress), progress, out, arena)
    with places.locked(directory, progress, f"rendering {title(rendered)}"):
        return _write(rendered, directory, progress, force=force, is_own=out is None)


def _placed(
    compiled: Compiled, progress: Progress, out: Path | None = None, arena: Arena | None = None
) -> tuple[Rendered, Path]:
    """The rendered project and the folder to write it to."""
    rendered = render(compiled, progress, arena)
    goal, default = compiled.program.goal, next(iter(compiled.choice.runtime.goals()), None)
    guarded = "check-arena" if compiled.program.is_guarded else None
    parts = (rendered.project.runtime, environment(rendered.target.name), goal if goal != default else None, guarded)
    name = "-".join(filter(None, parts))
    return rendered, out or rendered.compiled.quantized.path.parent / name


def title(rendered: Rendered) -> str:
    """What a project is called in messages."""
    project = rendered.project
    return f"{project.model} {project.mode} for {project.target}"


def _write(
    rendered: Rendered, directory: Path, progress: Progress, *, force: bool = True, is_own: bool = True
) -> Rendered:
    """Writes the project. The caller must hold the folder's lock, as for all functions that take a written project."""
    written = write.write(rendered.project, directory, force=force, is_own=is_own)
    warn_of_changes(written, directory, progress, force=force, is_own=is_own)
    scons.bootstrap(progress)  # so that a plain `pio run` in the folder also works
    what = f"{rendered.project.runtime} for {rendered.target.name}"
    progress.say(f"rendered {what}: {directory} ({written.changed or 'no'} files changed)")
    return replace(rendered, directory=directory)


def warn_of_changes(written: write.Written, directory: Path, progress: Progress, *, force: bool, is_own: bool) -> None:
    """Warns about edited files, and about files in the build that kerf did not write."""
    if written.edited and force:
        own = "; to keep edits, render your own copy with `inv render --out DIR`" if is_own else ""
        progress.warn(f"overwrote edited files in {directory}: {_listed(written.edited)}{own}")
    elif written.edited:
        progress.warn(f"kept edited files in {directory}: {_listed(written.edited)}; --force overwrites them")
    if written.foreign and force and is_own:
        progress.warn(
            f"the build includes files in {directory} that kerf did not write: {_listed(written.foreign)}; "
            "move them elsewhere to measure the model alone"
        )


def _listed(names: Sequence[str], most: int = 5) -> str:
    """The first ``most`` names, and the number of those left out."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _sizing_target(choice: Choice) -> Target:
    """The target to size the arena on: the board table's sized_on, else the target itself."""
    target = choice.target
    sized_on = target.tflm.get("sized_on")
    return targets.find(sized_on, choice.known) if sized_on else target


def _arena_key(compiled: Compiled, target: Target) -> str:
    choice = compiled.choice
    library = choice.runtime.library(target)
    title = library.title if library else ""
    inputs = (compiled.quantized.sha256, choice.ask.runtime, target.name, title, __version__)
    return cache.key(*inputs, files.tree_digest(places.FIRMWARE), sources=ARENA_SOURCES)


def _known_arena(compiled: Compiled) -> Arena | None:
    """The planned arena, or the cached result of a search; None if neither exists yet."""
    if compiled.plan is not None:
        return Arena(compiled.plan.arena_bytes, "planned")
    choice = compiled.choice
    tried_on = _sizing_target(choice)
    key = _arena_key(compiled, tried_on)
    return sizing.recall(places.cache() / ARENAS, key, tried_on.name, choice.target.name)


def _size_arena(compiled: Compiled, progress: Progress) -> None:
    """Searches for the smallest arena in an emulator, unless it is planned or cached, and caches the result.

    A board without an emulator is sized on another target. If that fails, a warning is given and the estimate is used.
    """
    choice = compiled.choice
    target, tried_on = choice.target, _sizing_target(choice)
    if not tried_on.emulators or _known_arena(compiled) is not None:
        return
    is_itself = tried_on.name == target.name
    stand_in = choice.instead(target=tried_on.name, port=None, emulator=choice.ask.emulator if is_itself else None)
    try:
        line = stand_in.line
        assert isinstance(line, Line), "what is interpreted has a plan or no emulator"
        tried = replace(compiled, choice=stand_in) if is_itself else compile_choice(stand_in, progress)
        with _linked(tried, progress, Arena(STEP_BYTES, "For trials alone.")) as trial:
            progress.say(f"looking for the smallest arena in {line.emulator}")
            found = sizing.find(trial.image.elf, line.open)
    except (BuildError, MissingTool, TransportError) as error:
        if tried_on.name == target.name:
            raise
        progress.warn(f"could not determine the arena size for {target.name} on {tried_on.name}: {error}")
        return
    sizing.remember(places.cache() / ARENAS, _arena_key(compiled, tried_on), found)


def build(ask: Request, progress: Progress) -> Built:
    """Builds the firmware; compiles only what changed.

    If the arena size is not known yet, it is first determined in an emulator.
    """
    with building(choose(ask), progress) as built:
        return built


@contextmanager
def building(choice: Choice, progress: Progress) -> Iterator[Built]:
    """`build` for a Choice; the project's folder is locked for the duration of the context."""
    require_firmware(choice)
    compiled = compile_choice(choice, progress)
    _size_arena(compiled, progress)
    with _linked(compiled, progress) as built:
        yield built


@contextmanager
def _linked(compiled: Compiled, progress: Progress, arena: Arena | None = None) -> Iterator[Built]:
    rendered, directory = _placed(compiled, progress, arena=arena)
    with places.locked(directory, progress, f"building {title(rendered)}"):
        rendered = _write(rendered, directory, progress)
        project, target, settings = rendered.project, rendered.target, platformio_settings(rendered)
        if not platformio.is_fetched(project, settings):
            with places.locked(Path(settings[platformio.LIBRARIES]), progress, f"fetching {project.library}"):
                if not platformio.is_fetched(project, settings):
                    platformio.fetch_library(directory, project, target, progress, settings)
        yield Built(rendered, platformio.build(directory, project, target, progress, settings))


def platformio_settings(rendered: Rendered) -> Mapping[str, str]:
    """PlatformIO's settings for building and uploading: shared objects are compiled once for all projects."""
    return platformio.shared(places.cache(), rendered.project, rendered.target)


def flash(ask: Request, progress: Progress) -> tuple[Built, str | None]:
    """Builds if needed and flashes the board; also returns the board's serial port after flashing."""
    choice = choose(ask)
    flasher.find(choice.target, ask.port)  # report a missing board before building
    with building(choice, progress) as built:
        return built, upload(built, progress)


def upload(built: Built, progress: Progress) -> str | None:
    """Flashes the board; returns its serial port after that, if it is known."""
    assert built.rendered.directory is not None
    flashes = partial(platformio.upload, settings=platformio_settings(built.rendered))
    port = built.rendered.compiled.choice.ask.port
    return flasher.flash(built.rendered.directory, built.rendered.target, port, progress, flashes)


def monitor(ask: Request) -> None:
    """Shows the board's serial output until Ctrl-C."""
    terminal.monitor(ask.port or boards.AUTO, targets.find(ask.target))
