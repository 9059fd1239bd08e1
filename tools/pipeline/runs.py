"""Firmware → measurement: runs the test set, compares outputs with the oracle, records and reports the result."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__, bench, files, oracle, power, quantities
from .. import classify as classifier
from .. import compare as comparison
from ..compare import Comparison
from ..errors import Mismatch, UsageError, counted
from ..graph import rows
from ..graph.ir import Tensor
from ..oracle import interpreter
from ..progress import Progress
from ..report import baseline, details, kept, page, records, sections, wording
from ..values import DeviceRun, Energy, Measurement, Request
from . import places, traces
from .choices import Choice, Interpreter, choose
from .firmware import Built, Compiled, compile_choice
from .origin import in_float32, pixel_range, quantize
from .ready import ready

INTERPRETER = "interpreter"  # where classify runs by default


@dataclass(frozen=True, eq=False)
class Outcome:
    """A measurement, what it was compared with, and what the report shows beyond it (details.of).

    ``built`` is None for firmware that was already on the device, for the host's interpreter, and for what another
    process measured; otherwise its ELF is deleted by now.
    """

    measurement: Measurement
    oracle: str
    details: Mapping[str, Any]
    retries: int
    built: Built | None = None


def run(ask: Request, progress: Progress, keep: bool = True) -> Outcome:
    """Runs the whole test set on the firmware, compares every output with the oracle's, and records the measurement.

    Without ``keep``, the measurement is neither recorded nor reported.

    A board on a local serial port is flashed first; one at a URL is not. Either must report the identity of the
    firmware built here, unless ``ask.any_firmware`` is set.
    """
    return run_choice(choose(ask), progress, keep)


def run_choice(
    choice: Choice,
    progress: Progress,
    keep: bool = True,
    bench_code_bytes: int | None = None,
    counts: bool = False,
) -> Outcome:
    """`run` for a Choice. ``bench_code_bytes`` is the field of `quantities.Run`; ``counts`` adds its ``executed``.

    A debug build with guards is not recorded, since they take time and memory.
    """
    keep = keep and not choice.ask.check_arena
    if keep:
        records.check(places.records())
    if choice.interprets:
        return _interpret(choice, progress, keep)
    with ExitStack() as stack:
        # The board is powered through the instrument, so that comes first.
        recorder = stack.enter_context(power.connected(choice.ask.power)) if choice.ask.power else None
        firmware = stack.enter_context(ready(choice, progress))
        compiled = firmware.compiled
        quantized, ops = compiled.quantized, len(compiled.program.labels)
        with firmware.open() as transport:
            if recorder:
                recorder.start()
            device = bench.run(transport, quantized.vectors, quantized.sha256, ops, progress, wanted=firmware.wanted)
        energy = _energy(choice, recorder.stop(), device) if recorder else None
        for note in device.notes:
            progress.warn(note)
        if choice.ask.check_arena:
            progress.say("no operator wrote outside its tensors; with --check-arena, nothing is recorded")
        subject = _of_firmware(firmware.built, device)
        executed = traces.executed(firmware, progress) if counts else None
        emulator = firmware.line.emulator
        known = {"bench_code_bytes": bench_code_bytes, "executed": executed, "energy": energy}
        return _outcome(compiled, firmware.built, subject, device, emulator, progress, keep, known)


def _energy(choice: Choice, samples: power.Samples, device: DeviceRun) -> Energy:
    instrument = (choice.ask.power or "").partition(":")[0]
    return power.energy(samples, device.invoke.n, instrument)


def compare(ask: Request, progress: Progress, samples: int = 1) -> Comparison:
    """Compares every layer's output of the float model, LiteRT, TFLM and the device, for the first ``samples``."""
    if samples < 1:
        raise UsageError(f"--samples {samples}: compare needs at least one sample")
    choice = choose(ask)
    if choice.interprets:
        raise UsageError(
            f"--runtime {ask.runtime} on {ask.target} is TFLM's interpreter, which compare always runs: "
            "choose a --target with firmware"
        )
    with ready(choice, progress) as firmware:
        original = in_float32(ask, progress)
        quantized, program = firmware.compiled.quantized, firmware.compiled.program
        like = tuple(_like(each.tensor) for each in program.reported)
        with firmware.open() as transport:
            vectors = quantized.vectors
            if samples > (vectors.steps or samples):
                progress.warn(f"comparing only the {vectors.steps} steps of the first sequence")
            samples = min(samples, vectors.steps or samples)
            inputs = tuple(array[:samples] for array in vectors.inputs)
            captured, identity = bench.capture(
                transport,
                inputs,
                like,
                quantized.sha256,
                progress,
                wanted=firmware.wanted,
                sequences=replace(vectors, inputs=inputs).sequences,
            )
    progress.say("running the model layer by layer on this machine")
    found = comparison.examine(quantized, program, original, captured, identity, firmware.line.emulator)
    kept.write(places.details(), kept.COMPARISON, found, found.to_json())
    return found


def _like(tensor: Tensor | None) -> npt.NDArray[Any]:
    """An array of a tensor's shape and type; empty without a tensor."""
    return np.zeros(0, np.int8) if tensor is None else np.zeros(tensor.shape, tensor.dtype.value)


def classify(ask: Request, wanted: Sequence[str], progress: Progress) -> tuple[classifier.Prediction, ...]:
    """Classifies images in the host's interpreter, or on the target if ``ask`` names one.

    Raises Mismatch if a device's outputs differ from the interpreter's.
    """
    paths = classifier.find(wanted)
    with ExitStack() as stack:
        firmware = None
        if ask.target == INTERPRETER:
            if ask.port or ask.emulator or ask.any_firmware:
                raise UsageError("--port, --emulator and --any-firmware need --target: name the device they refer to")
            quantized = quantize(ask, progress)
        else:
            firmware = stack.enter_context(ready(choose(ask), progress))
            quantized = firmware.compiled.quantized
        pictures = classifier.prepare(paths, quantized, pixel_range(ask).name, ask.skip_bad)
        if pictures.left_out:
            progress.warn(f"skipped {counted(len(pictures.left_out), 'file')}; the first: {pictures.left_out[0]}")
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
                "which proves nothing, because only TFLM defines the result to the last bit"
            )
        elif differing:
            raise Mismatch(f"the outputs of {where} and {found.oracle} differ for {pictures.paths[differing[0]]}")
        return classifier.predict(pictures, device.outputs[0], quantized, where)


def write_report(progress: Progress, out: Path | None = None) -> Path:
    """Writes the HTML page of all measurements, with details of the newest; returns its path."""
    path = out or places.report()
    files.check_page(path)
    measurements = records.load(places.records(), progress.warn)
    if not measurements:
        raise UsageError("there is nothing to report yet: measure something with `inv run`")
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
    """What ran, in terms of the record's fields; sizes are None for firmware that was not built here."""

    runtime: str
    target: str
    kernels: str
    flash_bytes: Mapping[str, int] | None
    ram_bytes: Mapping[str, int] | None


def _of_firmware(built: Built | None, device: DeviceRun) -> _Subject:
    """The firmware built here, or, if there is none, the firmware's own description of itself."""
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
    known: Mapping[str, Any] | None = None,
) -> Outcome:
    """Compares a run's outputs, makes the measurement and, with ``keep``, records it.

    ``known`` are the optional fields of `quantities.Run`.
    """
    quantized, vectors, graph = compiled.quantized, compiled.quantized.vectors, compiled.program.graph
    device = replace(device, outputs=rows.cleared(device.outputs, graph.outputs, graph))
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
        quantities=quantities.of(
            quantities.Run(quantized, compiled.program, built.image if built else None, device, **(known or {}))
        ),
        extra={"arena_used_bytes": device.arena_bytes, wording.ORACLE: vectors.oracle}
        | ({} if steps is None else {wording.STEPS: steps}),
    )
    found = {**_details(compiled, built, device.outputs), wording.STEPS: steps}
    outcome = Outcome(measurement, vectors.oracle, found, device.retries, built)
    if keep:
        record(outcome, progress)
    return outcome


def record(outcome: Outcome, progress: Progress) -> None:
    """Appends the measurement to the records and stores its details for the report."""
    with places.locked(places.records(), progress, "recording a measurement"):
        records.append(outcome.measurement, places.records())
        kept.write(places.details(), kept.DETAILS, outcome.measurement, outcome.details)


def _details(compiled: Compiled, built: Built | None, outputs: Sequence[npt.NDArray[Any]]) -> dict[str, Any]:
    """Details for the report in addition to the record; without memory for firmware that was not built here."""
    if built is None:
        return details.of(compiled.quantized, compiled.graph, None, None, outputs, None, ())
    program, parts = compiled.program, sections.read(built.image.elf)
    target = compiled.choice.target
    return details.of(compiled.quantized, program.graph, program.schedule, program.plan, outputs, target, parts)


def _interpret(choice: Choice, progress: Progress, keep: bool) -> Outcome:
    """Runs the .tflite in the host's interpreter, without firmware.

    Flash counts only the model: the interpreter's code, stack and static data belong to the Python process.
    """
    assert isinstance(choice.line, Interpreter)
    compiled = compile_choice(choice, progress)
    quantized, size = compiled.quantized, len(compiled.quantized.tflite)
    progress.say(f"running {quantized.vectors.samples} samples in TFLM's interpreter on this machine")
    device = interpreter.measure(quantized)
    flash_bytes, ram_bytes = {"total": size, "code": 0, "model": size}, _ram_bytes(0, device.arena_bytes, 0)
    subject = _Subject(choice.ask.runtime, choice.target.name, interpreter.KERNELS, flash_bytes, ram_bytes)
    return _outcome(compiled, None, subject, device, None, progress, keep)


def commit() -> str | None:
    """The checkout's commit, with a + if the working tree is dirty; None outside a checkout."""
    command = ["git", "-C", str(places.ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def clean(progress: Progress) -> None:
    """Removes build/ once no other kerf process is using it."""
    places.clear(progress)
