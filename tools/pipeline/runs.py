"""Firmware → what it measures: the test set through it, compared with the oracle, kept and reported."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__, bench, files, oracle, quantities
from .. import classify as classifier
from .. import compare as comparison
from ..compare import Comparison
from ..errors import KerfError, Mismatch, UsageError, counted
from ..graph.ir import Tensor
from ..oracle import interpreter
from ..progress import Progress
from ..report import baseline, details, kept, page, records, sections, wording
from ..targets import load
from ..values import DeviceRun, Measurement, Request
from . import places
from .choices import Choice, Interpreter, choose, choose_goals, choose_line, choose_modes, split
from .firmware import Built, Compiled, compile_choice, ready
from .origin import brings_mode, check_name, in_float32, pixel_range, quantize

INTERPRETER = "interpreter"  # where classify runs when no target is asked for


@dataclass(frozen=True, eq=False)
class Outcome:
    """A measurement and what it was made of, for reports. ``built`` is None for a firmware that was there already, and
    for the interpreter of this machine; the ELF that ran is no longer there."""

    measurement: Measurement
    compiled: Compiled
    built: Built | None
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


def run(ask: Request, progress: Progress, keep: bool = True) -> Outcome:
    """Sends the whole test set through the firmware, compares every output with the oracle's, and keeps the record.

    With ``keep`` off, the measurement of a firmware appears in no record and no report.

    A board behind a port of this machine is flashed first; behind a URL it is taken as it is. Either way it must say
    that it runs the firmware that was built here, unless ``ask`` wants any.
    """
    return run_choice(choose(ask), progress, keep)


def run_choice(choice: Choice, progress: Progress, keep: bool = True) -> Outcome:
    """What `run` makes of a Request."""
    if choice.interprets:
        return _interpret(choice, progress)
    with ready(choice, progress) as firmware:
        compiled = firmware.compiled
        quantized, ops = compiled.quantized, len(compiled.program.labels)
        with firmware.open() as transport:
            device = bench.run(transport, quantized.vectors, quantized.sha256, ops, progress, wanted=firmware.wanted)
        for note in device.notes:
            progress.warn(note)
        subject = _of_firmware(firmware.built, device)
        return _outcome(compiled, firmware.built, subject, device, firmware.line.emulator, progress, keep)


def compare(ask: Request, progress: Progress, samples: int = 1) -> Comparison:
    """Layer by layer: the float model, LiteRT, TFLM and the first ``samples`` of the test set on the device."""
    if samples < 1:
        raise UsageError(f"--samples {samples}: at least one sample must go to the device")
    choice = choose(ask)
    if choice.interprets:
        raise UsageError(
            f"runtime {ask.runtime} on {ask.target} is TFLM's interpreter, which compare runs in any case; "
            "choose a target with firmware"
        )
    with ready(choice, progress) as firmware:
        original = in_float32(ask, progress)
        quantized, program = firmware.compiled.quantized, firmware.compiled.program
        like = tuple(_like(each.tensor) for each in program.reported)
        with firmware.open() as transport:
            inputs = tuple(array[:samples] for array in quantized.vectors.inputs)
            rows, identity = bench.capture(transport, inputs, like, quantized.sha256, progress, wanted=firmware.wanted)
    progress.say("running the model layer by layer on this machine")
    found = comparison.examine(quantized, program, original, rows, identity, firmware.line.emulator)
    kept.write(places.details(), kept.COMPARISON, found, found.to_json())
    return found


def _like(tensor: Tensor | None) -> npt.NDArray[Any]:
    """An array of a tensor's shape and type; empty where there is none."""
    return np.zeros(0, np.int8) if tensor is None else np.zeros(tensor.shape, tensor.dtype.value)


def classify(ask: Request, wanted: Sequence[str], progress: Progress) -> tuple[classifier.Prediction, ...]:
    """What the model sees in pictures: in an interpreter of this machine, or on the target where ``ask`` names one.

    What a device answers must be what the interpreter does; raises Mismatch otherwise.
    """
    paths = classifier.find(wanted)
    with ExitStack() as stack:
        firmware = None
        if ask.target == INTERPRETER:
            if ask.port or ask.emulator or ask.any_firmware:
                raise UsageError("--port, --emulator and --any-firmware need --target: say what is behind them")
            quantized = quantize(ask, progress)
        else:
            firmware = stack.enter_context(ready(choose(ask), progress))
            quantized = firmware.compiled.quantized
        pictures = classifier.prepare(paths, quantized, pixel_range(ask).name, ask.skip_bad)
        if pictures.left_out:
            progress.warn(f"{counted(len(pictures.left_out), 'file')} left out; the first: {pictures.left_out[0]}")
        found = oracle.expected(quantized.tflite, [pictures.inputs], quantized.model)
        if firmware is None:
            return classifier.predict(pictures, found.outputs[0], quantized, found.oracle)
        vectors = replace(
            quantized.vectors, inputs=(pictures.inputs,), expected=found.outputs, labels=None, exact=found.exact
        )
        ops = len(firmware.compiled.program.labels)
        with firmware.open() as transport:
            device = bench.run(transport, vectors, quantized.sha256, ops, progress, wanted=firmware.wanted)
        assert device.identity is not None
        where = f"{device.identity.runtime} on {device.identity.target}"
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
    ask: Request, model: str, mode: str, runtime: str, target: str, progress: Progress, optimize: str = ""
) -> tuple[Outcome | Failure, ...]:
    """A run for each combination of the comma-separated names (modes: or all); a wrong name ends it before the first.

    A run that fails does not keep the others from being measured.

    All runs of a model and mode are of the same .tflite: what one of them cannot take, none gets.
    """
    runtimes, targets = split("runtimes", runtime), split("targets", target)
    if ask.any_firmware and len(runtimes) * len(targets) > 1:
        raise UsageError("--any-firmware measures the one firmware that is there: give one runtime and one target")
    asks = [
        replace(ask, model=a, mode=b, runtime=c, target=d, optimize=e)
        for a in split("models", model)
        for b, c, d in product(choose_modes("modes", mode, brings_mode(a)), runtimes, targets)
        for e in choose_goals("optimize", optimize, c)
    ]
    known = load()
    choices = [choose(each, known) for each in asks]
    for each in choices:
        choose_line(each)
        check_name(each.ask)
    per_tensor_dense = any(each.conversion.per_tensor_dense for each in choices)

    def attempt(choice: Choice) -> Outcome | Failure:
        try:
            return run_choice(choice.instead(per_tensor_dense=per_tensor_dense), progress)
        except KerfError as error:
            return Failure(choice.ask, error)

    return tuple(map(attempt, choices))


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
            oracle = outcome.compiled.quantized.vectors.oracle
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


@dataclass(frozen=True)
class _Subject:
    """What ran, by the record's fields; sizes are None for a firmware that somebody else has built."""

    runtime: str
    target: str
    kernels: str
    flash_bytes: Mapping[str, int] | None
    ram_bytes: Mapping[str, int] | None


def _of_firmware(built: Built | None, device: DeviceRun) -> _Subject:
    """The firmware that was built here, else what it says of itself."""
    if built is None:
        who = device.identity
        assert who is not None
        return _Subject(who.runtime, who.target, who.kernels, None, None)
    image, who = built.image, built.image.project.identity
    ram_bytes = _ram_bytes(image.static_bytes, image.arena_bytes, device.stack_bytes)
    return _Subject(who.runtime, who.target, image.kernels, image.flash_bytes, ram_bytes)


def _ram_bytes(static: int, arena: int, stack: int) -> dict[str, int]:
    return {"total": static + arena + stack, "static": static, "arena": arena, "stack": stack}


def _outcome(
    compiled: Compiled,
    built: Built | None,
    subject: _Subject,
    device: DeviceRun,
    emulator: str | None,
    progress: Progress,
    keep: bool = True,
) -> Outcome:
    """The measurement that a run amounts to, compared and, with ``keep``, recorded."""
    quantized, vectors = compiled.quantized, compiled.quantized.vectors
    on_device, on_host = (bench.accuracy(vectors, outputs) for outputs in (device.outputs, vectors.expected))
    per_op = None
    if device.per_op is not None:
        labelled = zip(compiled.program.labels, device.per_op, strict=True)
        per_op = tuple({"name": name, "op": op, "median": ticks} for (name, op), ticks in labelled)
    steps = bench.largest_difference(vectors, device.outputs)
    said = device.identity
    measurement = Measurement(
        model=quantized.model,
        mode=quantized.mode,
        model_sha256=quantized.sha256,
        model_bytes=len(quantized.tflite),
        runtime=subject.runtime,
        target=subject.target,
        emulator=emulator,
        kernels=subject.kernels,
        flash_bytes=subject.flash_bytes,
        ram_bytes=subject.ram_bytes,
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
        device=None if said is None else {"target": said.target, "core": said.core, "build": said.build},
        optimize=compiled.program.goal if built else None,
        data_sha256=quantized.data_sha256,
        second_opinion=quantized.second_opinion,
        quantities=quantities.of(quantities.Run(quantized, compiled.program, built.image if built else None, device)),
        extra={"arena_used_bytes": device.arena_bytes} | ({} if steps is None else {wording.STEPS: steps}),
    )
    if keep:
        found = _details(compiled, built, device.outputs)
        with places.locked(places.records(), progress, "recording a measurement"):
            records.append(measurement, places.records())
            kept.write(places.details(), kept.DETAILS, measurement, {**found, wording.STEPS: steps})
    return Outcome(measurement, compiled, built, device.outputs, device.retries)


def _details(compiled: Compiled, built: Built | None, outputs: Sequence[npt.NDArray[Any]]) -> dict[str, Any]:
    """What the report shows of a run beyond its record; of what was not built here, nothing of its memory."""
    if built is None:
        return details.of(compiled.quantized, compiled.graph, None, None, outputs, None, ())
    program, parts = compiled.program, sections.read(built.image.elf)
    target = compiled.choice.target
    return details.of(compiled.quantized, program.graph, program.schedule, program.plan, outputs, target, parts)


def _interpret(choice: Choice, progress: Progress) -> Outcome:
    """A run without firmware: the .tflite in the interpreter of this machine.

    Its flash is the model's own bytes: the interpreter is part of Python, and so are its stack and its static data.
    """
    assert isinstance(choice.line, Interpreter)
    compiled = compile_choice(choice, progress)
    quantized, size = compiled.quantized, len(compiled.quantized.tflite)
    progress.say(f"running {quantized.vectors.samples} samples in TFLM's interpreter on this machine")
    device = interpreter.measure(quantized)
    flash_bytes, ram_bytes = {"total": size, "code": 0, "model": size}, _ram_bytes(0, device.arena_bytes, 0)
    subject = _Subject(choice.ask.runtime, choice.target.name, interpreter.KERNELS, flash_bytes, ram_bytes)
    return _outcome(compiled, None, subject, device, None, progress)


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
