"""The table of contents: from a model's name or file to a measurement.

    train → quantize → read → lower → plan → render → build → run → record

Each function does its stage and, before it, whatever earlier stage is not up to date. This is the only module that
imports every stage, and the only one that knows where under build/ things lie:

    build/<model>/                              trained model
    build/<model>-<mode>/                       .tflite, vectors
    build/<model>-<mode>/<runtime>-<target>/    PlatformIO project
    build/measurements.jsonl, build/report.html
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy.typing as npt

from . import __version__, bench, boards, files, models, page, records, render, targets
from . import build as platformio
from . import flash as flasher
from . import monitor as terminal
from . import quantize as converter
from . import train as trainer
from .errors import Mismatch, UnknownName, UsageError
from .graph import plan, read
from .graph.ir import Graph, KernelCall, Plan
from .progress import Progress
from .runtimes import aot
from .transports import Transport, host, qemu, renode
from .values import MODES, Image, Measurement, Project, Quantized, Request, Target, Trained

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
RECORDS = BUILD / "measurements.jsonl"
REPORT = BUILD / "report.html"
RUNTIMES = {"aot": aot}
EMULATORS = {"qemu": qemu.open, "renode": renode.open}


@dataclass(frozen=True, eq=False)
class Compiled:
    """A model on its way to one runtime: what it computes, with which kernels, and where its tensors lie."""

    quantized: Quantized
    graph: Graph
    calls: tuple[KernelCall, ...]
    plan: Plan


@dataclass(frozen=True, eq=False)
class Rendered:
    """A compiled model as a PlatformIO project, and the folder it was written to, if it was."""

    compiled: Compiled
    target: Target
    project: Project
    directory: Path | None = None


@dataclass(frozen=True, eq=False)
class Built:
    """A rendered project and the firmware linked from it."""

    rendered: Rendered
    image: Image


@dataclass(frozen=True, eq=False)
class Outcome:
    """A measurement and what it was made of, for reports."""

    measurement: Measurement
    built: Built
    outputs: tuple[npt.NDArray[Any], ...]
    retries: int


# --- stages -----------------------------------------------------------------------------------------------------------


def train(ask: Request, progress: Progress, epochs: int | None = None, seed: int | None = None) -> Trained:
    """Trains a model that comes with kerf; a path is a model that is trained already."""
    if is_path(ask.model):
        raise UsageError(f"{ask.model} is a file and trained already; go on with `inv quantize --model {ask.model}`")
    options = {} if seed is None else {"seed": seed}
    return trainer.train(ask.model, BUILD / ask.model, progress, epochs=epochs, **options)


def quantize(ask: Request, progress: Progress) -> Quantized:
    """The .tflite in the mode asked for, and the vectors that prove it."""
    if ask.mode is not None and ask.mode not in MODES:
        raise UnknownName("mode", ask.mode, MODES)
    if is_path(ask.model):
        path = Path(ask.model)
        source = Trained(path.stem, path, None)
        # A .tflite has a mode already: whatever is asked for must be that.
        mode = ask.mode if path.suffix == ".tflite" else ask.mode or "int8"
        data = Path(ask.data) if ask.data else None
        directory = BUILD / f"{folder_name(path.stem)}-{mode or 'tflite'}"
        return converter.quantize(source, mode, data, directory, progress)
    module = models.find(ask.model)
    if ask.data:
        raise UsageError(f"--data is for a model of your own; {ask.model} brings its data")
    trained = train(ask, progress)
    mode = ask.mode or "int8"
    directory = BUILD / f"{ask.model}-{mode}"
    return converter.quantize(trained, mode, module.data(), directory, progress, classes=module.CLASSES)


def compile(ask: Request, progress: Progress) -> Compiled:
    """The graph, the kernels it calls, its memory plan; each operator is checked before anything is rendered."""
    quantized = quantize(ask, progress)
    graph = read.read(quantized.tflite, quantized.model)
    calls = aot.lower(graph)
    return Compiled(quantized, graph, calls, plan.plan(graph, calls))


def render_project(ask: Request, progress: Progress) -> Rendered:
    """The PlatformIO project, not yet on disk; DoesNotFit before any compiler runs."""
    target = choose_target(ask)
    compiled = compile(ask, progress)
    graph, calls, memory, mode = compiled.graph, compiled.calls, compiled.plan, compiled.quantized.mode
    constants = sum(tensor.bytes for tensor in graph.tensors if tensor.data is not None)
    platformio.check_fits(memory.arena_bytes, constants, target)
    sources = aot.files(graph, calls, memory, mode=mode)
    kernels = aot.kernels(calls)
    project = render.project(graph, memory, target, sources, runtime=ask.runtime, mode=mode, kernels=kernels)
    return Rendered(compiled, target, project)


def render_to_disk(ask: Request, progress: Progress, out: Path | None = None) -> Rendered:
    """The project in the folder ``out``, or under build/."""
    rendered = render_project(ask, progress)
    target, project = rendered.target, rendered.project
    directory = out or rendered.compiled.quantized.path.parent / f"{project.runtime}-{target.name}"
    changed = render.write(project, directory)
    progress.say(f"rendered {project.runtime} for {target.name}: {directory} ({changed or 'no'} files changed)")
    return replace(rendered, directory=directory)


def build(ask: Request, progress: Progress) -> Built:
    """The linked firmware; compiles only what changed."""
    rendered = render_to_disk(ask, progress)
    assert rendered.directory is not None
    return Built(rendered, platformio.build(rendered.directory, rendered.project, rendered.target, progress))


def flash(ask: Request, progress: Progress) -> tuple[Built, str | None]:
    """Builds if needed and writes the firmware to the board; also returns the port the board has afterwards."""
    flasher.find(choose_target(ask), ask.port)  # a board that is not there is known before anything is built
    built = build(ask, progress)
    assert built.rendered.directory is not None
    return built, flasher.flash(built.rendered.directory, built.rendered.target, ask.port, progress)


def monitor(ask: Request) -> None:
    """Shows what the board says until Ctrl-C."""
    terminal.monitor(ask.port or boards.AUTO, targets.find(ask.target))


def run(ask: Request, progress: Progress) -> Outcome:
    """Sends the whole test set through the firmware, compares every output with the oracle's, and keeps the record.

    A board behind a port of this machine is flashed first; behind a URL it is taken as it is.
    """
    line = choose_line(ask)
    if ask.port and not boards.is_url(ask.port):
        built, port = flash(ask, progress)
        line = choose_line(replace(ask, port=port))
    else:
        built = build(ask, progress)
    compiled, image, project = built.rendered.compiled, built.image, built.image.project
    vectors = compiled.quantized.vectors
    with line.open(image.elf) as transport:
        device = bench.run(transport, vectors, compiled.graph.sha256, len(project.op_labels), progress)
    on_device, on_host = (bench.accuracy(vectors, outputs) for outputs in (device.outputs, vectors.expected))
    per_op = None
    if device.per_op is not None:
        labelled = zip(project.op_labels, device.per_op, strict=True)
        per_op = tuple({"name": name, "op": op, "median": ticks} for (name, op), ticks in labelled)
    measurement = Measurement(
        model=project.model,
        mode=project.mode,
        model_sha256=project.model_sha256,
        model_bytes=project.model_bytes,
        runtime=project.runtime,
        target=project.target,
        emulator=line.emulator,
        kernels=project.kernels,
        flash_bytes=image.flash_bytes,
        ram_bytes={
            "total": image.static_bytes + image.arena_bytes + device.stack_bytes,
            "static": image.static_bytes,
            "arena": image.arena_bytes,
            "stack": device.stack_bytes,
        },
        clock=device.clock,
        invoke=device.invoke,
        setup=device.setup,
        per_op=per_op,
        samples=vectors.samples,
        mismatches=len(bench.compare(vectors, device.outputs)),
        tolerance=bench.tolerance(vectors),
        accuracy=None if on_device is None or on_host is None else {"device": on_device, "host": on_host},
        kerf=__version__,
        commit=commit(),
    )
    records.append(measurement, RECORDS)
    return Outcome(measurement, built, device.outputs, device.retries)


def bench_all(
    ask: Request, model: str, mode: str, runtime: str, target: str, progress: Progress
) -> tuple[Outcome, ...]:
    """A run for each combination of the comma-separated names; a wrong name ends it before the first run."""
    lists = [[name.strip() for name in names.split(",") if name.strip()] for names in (model, mode, runtime, target)]
    asks = [replace(ask, model=a, mode=b, runtime=c, target=d) for a, b, c, d in product(*lists)]
    for each in asks:
        choose_line(each)
    return tuple(run(each, progress) for each in asks)


def write_report(progress: Progress, outcome: Outcome | None = None, out: Path | None = None) -> Path:
    """The HTML page of all measurements, with the pictures of one run where there is one; returns its path."""
    measurements = records.load(RECORDS, progress.warn)
    if not measurements:
        raise UsageError("there is nothing to report yet; `inv run` makes a measurement")
    path = out or REPORT
    files.write(path, page.html(measurements, _details(outcome) if outcome else None).encode())
    return path


def _details(outcome: Outcome) -> page.Details:
    rendered = outcome.built.rendered
    compiled, target = rendered.compiled, rendered.target
    return page.Details(
        measurement=outcome.measurement,
        graph=compiled.graph,
        plan=compiled.plan,
        vectors=compiled.quantized.vectors,
        outputs=outcome.outputs,
        flash_limit_bytes=target.flash_bytes,
        ram_limit_bytes=target.ram_bytes,
    )


def require_match(outcomes: Sequence[Outcome]) -> None:
    """Raises Mismatch unless every output of every run was the oracle's."""
    for outcome in outcomes:
        m = outcome.measurement
        if m.mismatches:
            oracle = outcome.built.rendered.compiled.quantized.vectors.oracle
            raise Mismatch(
                f"{m.mismatches} of {m.samples} samples of {m.model} {m.mode} differ from {oracle} on {m.target}: "
                "kernels or board computed other numbers; the record is kept"
            )


def clean() -> None:
    """Removes build/."""
    shutil.rmtree(BUILD, ignore_errors=True)


# --- choices ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """How a firmware is reached; ``emulator`` is None on a real board and on this machine."""

    emulator: str | None
    open: Callable[[Path], AbstractContextManager[Transport]]


def choose_target(ask: Request) -> Target:
    """The target, if the runtime can be built for it."""
    if ask.runtime not in RUNTIMES:
        raise UnknownName("runtime", ask.runtime, RUNTIMES)
    target = targets.find(ask.target)
    if ask.runtime not in target.runtimes:
        raise UsageError(
            f"runtime {ask.runtime} cannot be built for {target.name}; it has: {', '.join(target.runtimes)}"
        )
    return target


def choose_line(ask: Request) -> Line:
    """The port the user named, else the emulator they named or the target's first, else this machine."""
    target = choose_target(ask)
    if ask.port and ask.emulator:
        raise UsageError("--port means a real board and --emulator none: give one of them")
    if ask.port:
        port = boards.resolve(ask.port, target)
        return Line(None, lambda elf: boards.open(port, target))
    if target.port == "host":
        return Line(None, host.open)
    if ask.emulator and ask.emulator not in target.emulators:
        raise UnknownName(f"emulator for {target.name}", ask.emulator, target.emulators)
    if not target.emulators:
        raise UsageError(f"{target.name} has no emulator: plug the board in and give --port auto, or its serial port")
    emulator = target.emulators[ask.emulator or next(iter(target.emulators))]
    start = EMULATORS[emulator.name]
    return Line(emulator.name, lambda elf: start(elf, emulator))


def is_path(model: str) -> bool:
    """Whether --model is a file or folder: it has a separator or a suffix, or is no known name but exists."""
    path = Path(model)
    return bool(path.suffix) or len(path.parts) > 1 or (model not in models.known() and path.exists())


def folder_name(stem: str) -> str:
    """A model's name as a folder below build/: letters, digits, dot, dash, underscore."""
    return re.sub(r"[^\w.-]+", "_", stem, flags=re.ASCII).strip(".") or "model"


def commit() -> str | None:
    """The checkout's commit, with a + when files differ from it; None outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
