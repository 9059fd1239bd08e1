"""The table of contents: from a model's name or file to a measurement.

    train → compress → quantize → read → lower → plan → render → build → run → record

Each function does its stage and, before it, whatever earlier stage is not up to date. This is the only module that
imports every stage, and the only one that knows where under build/ things lie:

    build/<model>/                              trained model; compressed it is <model>+<how>, here and below
    build/<model>-<mode>/                       .tflite, vectors; …-per-tensor-dense/ for a TFLM that knows no better
    build/<model>-<mode>/<runtime>-<target>/    PlatformIO project
    build/.cache/                               compiled objects, libraries and arena sizes, for all of them
    build/measurements.jsonl, build/report.html
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import (
    __version__,
    bench,
    boards,
    details,
    files,
    images,
    kept,
    models,
    oracle,
    page,
    records,
    render,
    samples,
    sections,
    sizing,
    targets,
    viewer,
)
from . import build as platformio
from . import classify as classifier
from . import compare as comparison
from . import compress as compressor
from . import flash as flasher
from . import inspect as inspector
from . import interpreter as tflm_interpreter
from . import monitor as terminal
from . import quantize as converter
from . import train as trainer
from .compare import Comparison
from .compress import Compressed
from .compress.data import read_npz
from .errors import BuildError, Mismatch, MissingTool, TransportError, UnknownName, UsageError
from .graph import read
from .graph.ir import Graph, Plan
from .models import Data
from .progress import Progress
from .runtimes import Arena, Program, Runtime, aot, tflm
from .transports import Transport, host, qemu, renode
from .values import MODES, DeviceRun, Image, Measurement, Project, Quantized, Request, Target, Trained

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
RECORDS = BUILD / "measurements.jsonl"
REPORT = BUILD / "report.html"
CACHE = BUILD / ".cache"
KEPT = BUILD / "details"
ARENAS = "arenas.json"
INTERPRETER = "interpreter"  # where classify runs when no target is asked for
RUNTIMES: dict[str, Runtime] = {"aot": aot, "tflm": tflm}
EMULATORS = {"qemu": qemu.open, "renode": renode.open}


@dataclass(frozen=True, eq=False)
class Compiled:
    """A model on its way to one runtime: what it computes, and what that runtime makes of it."""

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


def dataset(ask: Request, progress: Progress) -> Data | None:
    """The folder of images behind --data; None where --data is something else or absent."""
    if not ask.data or not Path(ask.data).is_dir():
        return None
    return images.load(Path(ask.data), BUILD / "data", progress, ask.skip_bad)


def train(ask: Request, progress: Progress, epochs: int | None = None, seed: int = trainer.SEED) -> Trained:
    """Trains a model that comes with kerf; a path is a model that is trained already."""
    if compressor.parse(ask.model)[1]:
        raise UsageError(f"{ask.model} is made by `inv compress --model {ask.model}`, which trains what it needs")
    if is_path(ask.model):
        raise UsageError(f"{ask.model} is a file and trained already; go on with `inv quantize --model {ask.model}`")
    return _train(ask, _own_data(ask, progress), progress, epochs, seed)


def _train(
    ask: Request, data: Data | None, progress: Progress, epochs: int | None = None, seed: int = trainer.SEED
) -> Trained:
    return trainer.train(ask.model, BUILD / ask.model, progress, seed, epochs, data)


def _own_data(ask: Request, progress: Progress) -> Data | None:
    """What stands in for the data of a model that comes with kerf: a folder of images, or nothing."""
    models.find(ask.model)
    data = dataset(ask, progress)
    if ask.data and data is None:
        raise UsageError(
            f"{ask.data} is no folder: for {ask.model}, --data is a folder with one folder of images per class "
            "(an .npz is for a model of your own)"
        )
    return data


def compress(
    ask: Request,
    progress: Progress,
    channels: float = 0.0,
    sparsity: float = 0.0,
    qat: bool = False,
    epochs: int | None = None,
) -> tuple[Compressed, ...]:
    """The model after each step that its name and the options ask for."""
    base, named = compressor.parse(ask.model)
    steps = (*named, *compressor.steps(channels, sparsity, qat))
    compressor.check(steps)
    if not steps:
        raise UsageError("there is nothing to do: give --channels, --sparsity, --qat or several of them")
    return _compress(replace(ask, model=base), steps, progress, epochs)[0]


def _compress(
    ask: Request, steps: Sequence[compressor.Step], progress: Progress, epochs: int | None = None
) -> tuple[tuple[Compressed, ...], Data]:
    """Each step from the result of the one before, and the data that all of them are trained and tested with."""
    if is_path(ask.model):
        path = Path(ask.model)
        source, recipe = Trained(path.stem, path, None), compressor.Recipe()
        pictures = dataset(ask, progress)
        if not ask.data:
            raise UsageError(f"{ask.model} is trained on when it is compressed: give --data, a folder or an .npz")
        data = pictures or read_npz(Path(ask.data))
    else:
        module = models.find(ask.model)
        own = _own_data(ask, progress)
        data = own or module.data()
        data = replace(data, classes=data.classes or module.CLASSES)
        recipe = compressor.Recipe(module.EPOCHS, module.BATCH, module.LEARNING_RATE, module.AUGMENTATION)
        source = _train(ask, own, progress)
    made: list[Compressed] = []
    for step in steps:
        directory = BUILD / folder_name(compressor.name(source.model, [step]))
        suited = compressor.recipe(step, recipe, epochs)
        made.append(compressor.compress(source, step, data, suited, directory, progress))
        source = made[-1].trained
    return tuple(made), data


def quantize(ask: Request, progress: Progress) -> Quantized:
    """The .tflite in the mode asked for, and the vectors that prove it."""
    if ask.mode is not None and ask.mode not in MODES:
        raise UnknownName("mode", ask.mode, MODES)
    count = samples.parse_calibration(ask.calibration)
    base, steps = compressor.parse(ask.model)
    if steps:
        made, used = _compress(replace(ask, model=base), steps, progress)
        source = made[-1].trained
        mode: str | None = ask.mode or "int8"
        directory = BUILD / f"{folder_name(source.model)}-{mode}"
        data: Data | Path | None = used
        classes = used.classes
    elif is_path(ask.model):
        path = Path(ask.model)
        source = Trained(path.stem, path, None)
        # A .tflite has a mode already: whatever is asked for must be that.
        mode = ask.mode if path.suffix == ".tflite" else ask.mode or "int8"
        directory = BUILD / f"{folder_name(path.stem)}-{mode or 'tflite'}"
        pictures = dataset(ask, progress)
        data = pictures or (Path(ask.data) if ask.data else None)
        classes = pictures.classes if pictures else ()
    else:
        module = models.find(ask.model)
        own = _own_data(ask, progress)
        source = _train(ask, own, progress)
        mode = ask.mode or "int8"
        directory = BUILD / f"{ask.model}-{mode}"
        data = own or module.data()
        classes = data.classes or module.CLASSES
    per_tensor_dense = source.path.suffix != ".tflite" and mode in converter.CALIBRATED and _needs_per_tensor_dense(ask)
    if per_tensor_dense:
        directory = directory.with_name(f"{directory.name}-per-tensor-dense")
    return converter.quantize(source, mode, data, directory, progress, classes, count, ask.strip, per_tensor_dense)


def _needs_per_tensor_dense(ask: Request) -> bool:
    """Whether dense layers need one scale for all their weights: their runtime's TFLM would get others wrong."""
    target = choose_target(ask)
    return ask.per_tensor_dense or not RUNTIMES[ask.runtime].takes_per_channel_dense(target)


def compile(ask: Request, progress: Progress) -> Compiled:
    """The graph, the kernels it calls, its memory plan; each operator is checked before anything is rendered."""
    target = choose_target(ask)
    quantized = quantize(ask, progress)
    return Compiled(quantized, RUNTIMES[ask.runtime].compile(quantized.tflite, quantized.model, target))


def inspect(ask: Request, progress: Progress, with_original: bool = False) -> Mapping[str, Any]:
    """What is inside a model; ``with_original`` also converts it to float32, for the real values of its weights."""
    compiled = compile(ask, progress)
    original = _original(ask, progress) if with_original else None
    floats = read.read(original.tflite, original.model, kernels=False) if original else None
    return inspector.inspect(compiled.graph, compiled.plan, floats)


def view(ask: Request, progress: Progress) -> None:
    """Opens the .tflite in Netron, until Ctrl-C."""
    viewer.open(quantize(ask, progress).path)


def render_project(ask: Request, progress: Progress, arena: Arena | None = None) -> Rendered:
    """The PlatformIO project, not yet on disk; DoesNotFit before any compiler runs.

    ``arena`` replaces the one that is known for the model.
    """
    target, runtime = choose_target(ask), RUNTIMES[ask.runtime]
    if runtime.interprets(target):
        raise UsageError(
            f"there is no firmware of runtime {ask.runtime} for {target.name}: `inv run` runs the .tflite itself there"
        )
    compiled = compile(ask, progress)
    graph, program, mode = compiled.graph, compiled.program, compiled.quantized.mode
    arena = arena or _known_arena(ask, compiled, target)
    if arena is None:
        arena = tflm_interpreter.estimate(compiled.quantized, graph)
        progress.warn(
            "the arena is an upper bound, until `inv build` or `inv run` have found the smallest in an emulator"
        )
    platformio.check_fits(arena.bytes, program.constants_bytes, target)
    sources = runtime.sources(program, target, arena, mode=mode)
    project = render.project(
        graph,
        program.plan or Plan(arena.bytes, {}),
        target,
        sources.files,
        runtime=ask.runtime,
        mode=mode,
        kernels=sources.kernels,
        kernel_symbols=sources.kernel_symbols,
        options=sources.options,
        library=sources.options.get("lib_deps", ""),
    )
    return Rendered(compiled, target, project)


def render_to_disk(ask: Request, progress: Progress, out: Path | None = None, arena: Arena | None = None) -> Rendered:
    """The project in the folder ``out``, or under build/."""
    rendered = render_project(ask, progress, arena)
    target, project = rendered.target, rendered.project
    directory = out or rendered.compiled.quantized.path.parent / f"{project.runtime}-{target.name}"
    changed = render.write(project, directory)
    platformio.bootstrap(progress)  # so that a plain `pio run` in the folder works, too
    progress.say(f"rendered {project.runtime} for {target.name}: {directory} ({changed or 'no'} files changed)")
    return replace(rendered, directory=directory)


def build(ask: Request, progress: Progress) -> Built:
    """The linked firmware; compiles only what changed.

    Where the arena's size is not known yet, it is found first, by trying in an emulator.
    """
    _size_arena(ask, progress)
    return _link(render_to_disk(ask, progress), progress)


def _link(rendered: Rendered, progress: Progress) -> Built:
    assert rendered.directory is not None
    image = platformio.build(
        rendered.directory, rendered.project, rendered.target, progress, platformio_settings(rendered)
    )
    return Built(rendered, image)


def platformio_settings(rendered: Rendered) -> Mapping[str, str]:
    """PlatformIO's, for building and uploading: what projects have in common is compiled once."""
    return platformio.shared(CACHE, rendered.project, rendered.target)


def flash(ask: Request, progress: Progress) -> tuple[Built, str | None]:
    """Builds if needed and writes the firmware to the board; also returns the port the board has afterwards."""
    flasher.find(choose_target(ask), ask.port)  # a board that is not there is known before anything is built
    built = build(ask, progress)
    assert built.rendered.directory is not None
    upload = partial(platformio.upload, settings=platformio_settings(built.rendered))
    return built, flasher.flash(built.rendered.directory, built.rendered.target, ask.port, progress, upload)


def monitor(ask: Request) -> None:
    """Shows what the board says until Ctrl-C."""
    terminal.monitor(ask.port or boards.AUTO, targets.find(ask.target))


def run(ask: Request, progress: Progress) -> Outcome:
    """Sends the whole test set through the firmware, compares every output with the oracle's, and keeps the record.

    A board behind a port of this machine is flashed first; behind a URL it is taken as it is.
    """
    if _interprets(ask):
        return _interpret(ask, progress)
    built, line = _ready(ask, progress)
    vectors, project = built.rendered.compiled.quantized.vectors, built.image.project
    with line.open(built.image.elf) as transport:
        device = bench.run(transport, vectors, project.model_sha256, len(project.op_labels), progress)
    return _outcome(built, device, line.emulator)


def _ready(ask: Request, progress: Progress) -> "tuple[Built, Line]":
    """The firmware, on its board where there is one, and how it is reached."""
    line = choose_line(ask)
    if ask.port and not boards.is_url(ask.port):
        built, port = flash(ask, progress)
        return built, choose_line(replace(ask, port=port))
    return build(ask, progress), line


def compare(ask: Request, progress: Progress, samples: int = 1) -> Comparison:
    """Layer by layer: the float model, LiteRT, TFLM and the first ``samples`` of the test set on the device."""
    if samples < 1:
        raise UsageError(f"--samples {samples}: at least one sample must go to the device")
    if _interprets(ask):
        raise UsageError(
            f"runtime {ask.runtime} on {ask.target} is TFLM's interpreter, which compare runs in any case; "
            "choose a target with firmware"
        )
    original = _original(ask, progress)
    built, line = _ready(ask, progress)
    compiled, project = built.rendered.compiled, built.image.project
    vectors, graph = compiled.quantized.vectors, compiled.graph
    like = tuple(np.zeros(graph.output(op).shape, graph.output(op).dtype.value) for op in graph.ops)
    with line.open(built.image.elf) as transport:
        inputs = tuple(array[:samples] for array in vectors.inputs)
        rows = bench.capture(transport, inputs, like, project.model_sha256, progress)
    progress.say("running the model layer by layer on this machine")
    found = comparison.examine(compiled.quantized, graph, original, rows, project, line.emulator)
    kept.write(KEPT, kept.COMPARISON, found, found.to_json())
    return found


def classify(ask: Request, wanted: str, progress: Progress) -> tuple[classifier.Prediction, ...]:
    """What the model sees in pictures: in an interpreter of this machine, or on the target where ``ask`` names one.

    What a device answers must be what the interpreter does; raises Mismatch otherwise.
    """
    paths = classifier.find(wanted)
    if ask.target == INTERPRETER:
        if ask.port or ask.emulator:
            raise UsageError("--port and --emulator need --target: say what is behind them")
        ask, built = replace(ask, target=Request.target), None
        quantized = quantize(ask, progress)
    else:
        built, line = _ready(ask, progress)
        quantized = built.rendered.compiled.quantized
    pictures = classifier.prepare(paths, quantized)
    found = oracle.expected(quantized.tflite, [pictures.inputs], quantized.model)
    if built is None:
        return classifier.predict(pictures, found.outputs[0], quantized, found.oracle)
    project, where = built.image.project, f"{ask.runtime} on {ask.target}"
    vectors = replace(
        quantized.vectors, inputs=(pictures.inputs,), expected=found.outputs, labels=None, exact=found.exact
    )
    with line.open(built.image.elf) as transport:
        device = bench.run(transport, vectors, project.model_sha256, len(project.op_labels), progress)
    if differing := bench.compare(vectors, device.outputs):
        raise Mismatch(f"{where} computed other numbers than {found.oracle} for {paths[differing[0]]}")
    return classifier.predict(pictures, device.outputs[0], quantized, where)


def _original(ask: Request, progress: Progress) -> Quantized | None:
    """The model in float32; None where it is asked for itself, or only a .tflite is known."""
    steps = compressor.parse(ask.model)[1]
    is_tflite = steps[-1].way == "qat" if steps else is_path(ask.model) and Path(ask.model).suffix == ".tflite"
    if ask.mode == "float32" or is_tflite:
        return None
    return quantize(replace(ask, mode="float32"), progress)


def _outcome(built: Built, device: DeviceRun, emulator: str | None) -> Outcome:
    """The measurement that a run amounts to, compared and kept."""
    image, project = built.image, built.image.project
    vectors = built.rendered.compiled.quantized.vectors
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
        emulator=emulator,
        kernels=image.kernels,
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
        extra={"arena_used_bytes": device.arena_bytes},
    )
    records.append(measurement, RECORDS)
    compiled, target = built.rendered.compiled, built.rendered.target
    parts = () if RUNTIMES[project.runtime].interprets(target) else sections.read(image.elf)
    found = details.of(compiled.quantized, compiled.graph, compiled.plan, device.outputs, target, parts)
    kept.write(KEPT, kept.DETAILS, measurement, found)
    return Outcome(measurement, built, device.outputs, device.retries)


def _interprets(ask: Request) -> bool:
    """Whether there is no firmware for runtime and target; the names are checked first."""
    target = choose_target(ask)
    return RUNTIMES[ask.runtime].interprets(target)


def _interpret(ask: Request, progress: Progress) -> Outcome:
    """A run without firmware: the .tflite in the interpreter of this machine.

    Its flash is the model's own bytes: the interpreter is part of Python, and so are its stack and its static data.
    """
    choose_line(ask)
    target, compiled = choose_target(ask), compile(ask, progress)
    progress.say(f"running {compiled.quantized.vectors.samples} samples in TFLM's interpreter on this machine")
    image, device = tflm_interpreter.measure(compiled.quantized, compiled.graph, ask.runtime, target)
    return _outcome(Built(Rendered(compiled, target, image.project), image), device, None)


def _sizing_target(ask: Request) -> Target:
    """Where the arena is tried: the target itself if it has an emulator, else the one that the board table names."""
    target = choose_target(ask)
    return target if target.emulators else targets.find(target.tflm.get("sized_on", target.name))


def _arena_key(ask: Request, compiled: Compiled, target: Target) -> str:
    library = RUNTIMES[ask.runtime].library(target)
    return " ".join((compiled.quantized.sha256, ask.runtime, target.name, library, __version__))


def _known_arena(ask: Request, compiled: Compiled, target: Target) -> Arena | None:
    """The planned arena, or the one that was found by trying; None when it was not tried yet."""
    if compiled.plan is not None:
        return Arena(compiled.plan.arena_bytes, "planned")
    tried_on = _sizing_target(ask)
    return sizing.recall(CACHE / ARENAS, _arena_key(ask, compiled, tried_on), tried_on.name, target.name)


def _size_arena(ask: Request, progress: Progress) -> None:
    """Finds the smallest arena by trying, where it is neither planned nor known, and remembers it.

    For a board without an emulator another target stands in; what it lacks is a warning, as the estimate remains.
    """
    target, tried_on = choose_target(ask), _sizing_target(ask)
    if _interprets(ask):
        return
    compiled = compile(ask, progress)
    if not tried_on.emulators or _known_arena(ask, compiled, target) is not None:
        return
    stand_in = replace(
        ask, target=tried_on.name, port=None, emulator=ask.emulator if tried_on.name == target.name else None
    )
    try:
        trial = _link(render_to_disk(stand_in, progress, arena=Arena(sizing.STEP_BYTES, "For trials alone.")), progress)
        line = choose_line(stand_in)
        progress.say(f"looking for the smallest arena in {line.emulator}")
        found = sizing.find(trial.image.elf, line.open)
    except (BuildError, MissingTool, TransportError) as error:
        if tried_on.name == target.name:
            raise
        progress.warn(f"the arena for {target.name} could not be found by trying on {tried_on.name}: {error}")
        return
    sizing.remember(CACHE / ARENAS, _arena_key(ask, compiled, tried_on), found)


def bench_all(
    ask: Request, model: str, mode: str, runtime: str, target: str, progress: Progress
) -> tuple[Outcome, ...]:
    """A run for each combination of the comma-separated names; a wrong name ends it before the first run.

    All runs of a model and mode are of the same .tflite: what one of them cannot take, none gets.
    """
    lists = [[name.strip() for name in names.split(",") if name.strip()] for names in (model, mode, runtime, target)]
    asks = [replace(ask, model=a, mode=b, runtime=c, target=d) for a, b, c, d in product(*lists)]
    for each in asks:
        choose_line(each)
    per_tensor_dense = any(_needs_per_tensor_dense(each) for each in asks)
    return tuple(run(replace(each, per_tensor_dense=per_tensor_dense), progress) for each in asks)


def write_report(progress: Progress, out: Path | None = None) -> Path:
    """The HTML page of all measurements, the newest in detail; returns its path."""
    measurements = records.load(RECORDS, progress.warn)
    if not measurements:
        raise UsageError("there is nothing to report yet; `inv run` makes a measurement")
    path = out or REPORT
    newest = measurements[-1]
    kept_of_run, compared = (kept.read(KEPT, what, newest) for what in (kept.DETAILS, kept.COMPARISON))
    runs = {m.model_sha256: kept.read(KEPT, kept.DETAILS, m) for m in measurements}
    calibrations = {sha: run["calibration"] for sha, run in runs.items() if run and run["calibration"]}
    files.write(path, page.html(measurements, kept_of_run, compared, calibrations).encode())
    return path


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
    """A model's name as a folder below build/: letters, digits, dot, dash, underscore, plus."""
    return re.sub(r"[^\w.+-]+", "_", stem, flags=re.ASCII).strip(".") or "model"


def commit() -> str | None:
    """The checkout's commit, with a + when files differ from it; None outside a checkout."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
