"""Firmware → what it measures: the test set through it, compared with the oracle, kept and reported."""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__, bench, files, oracle
from .. import classify as classifier
from .. import compare as comparison
from ..compare import Comparison
from ..errors import KerfError, Mismatch, UsageError, counted
from ..oracle import interpreter
from ..progress import Progress
from ..report import baseline, details, kept, page, records, sections, wording
from ..values import DeviceRun, Measurement, Request
from . import places
from .choices import RUNTIMES, choose_line, choose_modes, choose_target, interprets, split
from .firmware import Built, Rendered, compile, ready
from .origin import brings_mode, check_name, in_float32, needs_per_tensor_dense, pixel_range, quantize

INTERPRETER = "interpreter"  # where classify runs when no target is asked for


@dataclass(frozen=True, eq=False)
class Outcome:
    """A measurement and what it was made of, for reports; the ELF that ran is not there any more."""

    measurement: Measurement
    built: Built
    outputs: tuple[npt.NDArray[Any], ...]
    retries: int


@dataclass(frozen=True, eq=False)
class Failure:
    """A run that came to nothing, and why."""

    ask: Request
    error: KerfError

    def row(self) -> dict[str, str]:
        ask = self.ask
        named = {"model": ask.model, "mode": ask.mode or "", "runtime": ask.runtime, "target": ask.target}
        return {**named, "error": str(self.error)}


def run(ask: Request, progress: Progress) -> Outcome:
    """Sends the whole test set through the firmware, compares every output with the oracle's, and keeps the record.

    A board behind a port of this machine is flashed first; behind a URL it is taken as it is.
    """
    if interprets(ask):
        return _interpret(ask, progress)
    with ready(ask, progress) as (built, line):
        vectors, project = built.rendered.compiled.quantized.vectors, built.image.project
        with line.open(built.image.elf) as transport:
            device = bench.run(transport, vectors, project.model_sha256, len(project.op_labels), progress)
        for note in device.notes:
            progress.warn(note)
        return _outcome(built, device, line.emulator, progress)


def compare(ask: Request, progress: Progress, samples: int = 1) -> Comparison:
    """Layer by layer: the float model, LiteRT, TFLM and the first ``samples`` of the test set on the device."""
    if samples < 1:
        raise UsageError(f"--samples {samples}: at least one sample must go to the device")
    if interprets(ask):
        raise UsageError(
            f"runtime {ask.runtime} on {ask.target} is TFLM's interpreter, which compare runs in any case; "
            "choose a target with firmware"
        )
    with ready(ask, progress) as (built, line):
        original = in_float32(ask, progress)
        compiled, project = built.rendered.compiled, built.image.project
        vectors, graph = compiled.quantized.vectors, compiled.graph
        like = tuple(np.zeros(graph.output(op).shape, graph.output(op).dtype.value) for op in graph.ops)
        with line.open(built.image.elf) as transport:
            inputs = tuple(array[:samples] for array in vectors.inputs)
            rows = bench.capture(transport, inputs, like, project.model_sha256, progress)
    progress.say("running the model layer by layer on this machine")
    found = comparison.examine(compiled.quantized, graph, original, rows, project, line.emulator)
    kept.write(places.details(), kept.COMPARISON, found, found.to_json())
    return found


def classify(ask: Request, wanted: Sequence[str], progress: Progress) -> tuple[classifier.Prediction, ...]:
    """What the model sees in pictures: in an interpreter of this machine, or on the target where ``ask`` names one.

    What a device answers must be what the interpreter does; raises Mismatch otherwise.
    """
    paths = classifier.find(wanted)
    with ExitStack() as stack:
        if ask.target == INTERPRETER:
            if ask.port or ask.emulator:
                raise UsageError("--port and --emulator need --target: say what is behind them")
            ask, built = replace(ask, target=Request.target), None
            quantized = quantize(ask, progress)
        else:
            built, line = stack.enter_context(ready(ask, progress))
            quantized = built.rendered.compiled.quantized
        pictures = classifier.prepare(paths, quantized, pixel_range(ask).name, ask.skip_bad)
        if pictures.left_out:
            progress.warn(f"{counted(len(pictures.left_out), 'file')} left out; the first: {pictures.left_out[0]}")
        found = oracle.expected(quantized.tflite, [pictures.inputs], quantized.model)
        if built is None:
            return classifier.predict(pictures, found.outputs[0], quantized, found.oracle)
        project, where = built.image.project, f"{ask.runtime} on {ask.target}"
        vectors = replace(
            quantized.vectors, inputs=(pictures.inputs,), expected=found.outputs, labels=None, exact=found.exact
        )
        with line.open(built.image.elf) as transport:
            device = bench.run(transport, vectors, project.model_sha256, len(project.op_labels), progress)
        differing, steps = bench.compare(vectors, device.outputs), bench.largest_difference(vectors, device.outputs)
        if differing and steps is not None:
            progress.warn(
                f"{where} differs from {found.oracle} by at most {steps:.0f} steps, "
                "which proves nothing: it is not TFLM"
            )
        elif differing:
            raise Mismatch(f"{where} computed other numbers than {found.oracle} for {pictures.paths[differing[0]]}")
        return classifier.predict(pictures, device.outputs[0], quantized, where)


def bench_all(
    ask: Request, model: str, mode: str, runtime: str, target: str, progress: Progress
) -> tuple[Outcome | Failure, ...]:
    """A run for each combination of the comma-separated names (modes: or all); a wrong name ends it before the first.

    A run that fails does not keep the others from being measured.

    All runs of a model and mode are of the same .tflite: what one of them cannot take, none gets.
    """
    runtimes, targets = split("runtimes", runtime), split("targets", target)
    asks = [
        replace(ask, model=a, mode=b, runtime=c, target=d)
        for a in split("models", model)
        for b, c, d in product(choose_modes("modes", mode, brings_mode(a)), runtimes, targets)
    ]
    for each in asks:
        choose_line(each)
        check_name(each)
    per_tensor_dense = any(needs_per_tensor_dense(each) for each in asks)

    def attempt(each: Request) -> Outcome | Failure:
        try:
            return run(replace(each, per_tensor_dense=per_tensor_dense), progress)
        except KerfError as error:
            return Failure(each, error)

    return tuple(map(attempt, asks))


def require_match(outcomes: Sequence[Outcome | Failure]) -> None:
    """Raises KerfError where a run failed, and Mismatch unless every output of every run was the oracle's.

    LiteRT's integers are not TFLM's: where it stands in, a difference is reported and proves nothing.
    """
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failed:
        raise KerfError(f"{len(failed)} of {len(outcomes)} runs failed, as the table says; the other records are kept")
    for outcome in outcomes:
        assert isinstance(outcome, Outcome)
        m = outcome.measurement
        if m.mismatches and wording.STEPS not in m.extra:
            oracle = outcome.built.rendered.compiled.quantized.vectors.oracle
            raise Mismatch(
                f"{m.mismatches} of {m.samples} samples of {m.model} {m.mode} differ from {oracle} on {m.target}: the "
                f"{m.kernels} kernels of {m.runtime} or the board computed other numbers, and `inv compare` shows in "
                "which layer; the record is kept"
            )


def write_report(progress: Progress, out: Path | None = None) -> Path:
    """The HTML page of all measurements, the newest in detail; returns its path."""
    measurements = records.load(places.records(), progress.warn)
    if not measurements:
        raise UsageError("there is nothing to report yet; `inv run` makes a measurement")
    path = out or places.report()
    newest = measurements[-1]
    kept_of_run, compared = (kept.read(places.details(), what, newest) for what in (kept.DETAILS, kept.COMPARISON))
    origins = {
        m.model_sha256: baseline.Origin(run["calibration"] or "", run.get("data_sha256") or "")
        for m in measurements
        if (run := kept.read(places.details(), kept.DETAILS, m))
    }
    files.write(path, page.html(measurements, kept_of_run, compared, origins).encode())
    return path


def _outcome(built: Built, device: DeviceRun, emulator: str | None, progress: Progress) -> Outcome:
    """The measurement that a run amounts to, compared and kept."""
    image, project = built.image, built.image.project
    vectors = built.rendered.compiled.quantized.vectors
    on_device, on_host = (bench.accuracy(vectors, outputs) for outputs in (device.outputs, vectors.expected))
    per_op = None
    if device.per_op is not None:
        labelled = zip(project.op_labels, device.per_op, strict=True)
        per_op = tuple({"name": name, "op": op, "median": ticks} for (name, op), ticks in labelled)
    steps = bench.largest_difference(vectors, device.outputs)
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
        extra={"arena_used_bytes": device.arena_bytes} | ({} if steps is None else {wording.STEPS: steps}),
    )
    compiled, target = built.rendered.compiled, built.rendered.target
    parts = () if RUNTIMES[project.runtime].interprets(target) else sections.read(image.elf)
    found = details.of(compiled.quantized, compiled.graph, compiled.plan, device.outputs, target, parts)
    with places.locked(places.records(), progress, "recording a measurement"):
        records.append(measurement, places.records())
        kept.write(places.details(), kept.DETAILS, measurement, {**found, wording.STEPS: steps})
    return Outcome(measurement, built, device.outputs, device.retries)


def _interpret(ask: Request, progress: Progress) -> Outcome:
    """A run without firmware: the .tflite in the interpreter of this machine.

    Its flash is the model's own bytes: the interpreter is part of Python, and so are its stack and its static data.
    """
    choose_line(ask)
    target, compiled = choose_target(ask), compile(ask, progress)
    progress.say(f"running {compiled.quantized.vectors.samples} samples in TFLM's interpreter on this machine")
    image, device = interpreter.measure(compiled.quantized, compiled.graph, ask.runtime, target)
    return _outcome(Built(Rendered(compiled, target, image.project), image), device, None, progress)


def commit() -> str | None:
    """The checkout's commit, with a + when files differ from it; None outside a checkout."""
    command = ["git", "-C", str(places.ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def clean(progress: Progress) -> None:
    """Removes build/, once no other kerf is at work in it."""
    places.clear(progress)
