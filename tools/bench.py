"""The bench: sends the test set through a transport, collects outputs and timings, compares with the oracle.

It comes after build and upload, before the report. Whatever happens on the line, a result belongs to its sample:
inputs and outputs are checked by CRC-32, and when the device restarts, the sample is repeated.
"""

import math
import statistics
import zlib
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from . import faults, protocol
from .clock import Scale, calibrated
from .errors import DeviceError
from .link import InputsLost, Link, SessionLost
from .progress import Progress
from .protocol import Calibrate, Calibrated, Data, Done, Invoke, Read, Stats, Welcome, Write, Written
from .transports import Transport
from .values import FLOAT_TOLERANCE, Clock, DeviceRun, Identity, Timing, Vectors

INVOKE_SECONDS = 120.0
MAX_REDOS = 8  # attempts at one sample before giving up
MAX_TEXT_BYTES = 4 * protocol.MAX_READ_BYTES
CALIBRATION_TURNS = (1_000, 1_000_000)

Arrays = tuple[npt.NDArray[Any], ...]
T = TypeVar("T")


def run(
    transport: Transport,
    vectors: Vectors,
    model_sha256: str,
    op_count: int,
    progress: Progress | None = None,
    profile_runs: int = 3,
    *,
    wanted: Identity | None = None,
) -> DeviceRun:
    """Runs every sample of ``vectors`` once, then profiles the first one ``profile_runs`` times, operator by operator.

    ``wanted`` is the firmware to measure; None accepts any firmware with this model. In an emulator all times are
    instructions (see `Scale`); on a board, ticks of the clock that the firmware names.
    Raises TransportError, ProtocolError or DeviceError within a bounded time.
    """
    device = _Device(Link(transport), model_sha256, op_count, wanted)
    if transport.emulated:
        device.link.await_boot()
    welcome, identity = device.open()
    scale = device.calibrate() if transport.emulated else Scale(Fraction(1))
    with (progress or Progress()).bar("samples on the device", vectors.samples) as step:

        def one(sample: int) -> tuple[int, Arrays]:
            found = device.infer(tuple(array[sample] for array in vectors.inputs), vectors.expected)
            step(sample + 1, "")
            return found

        found = device.each(vectors.sequences, one)
    per_op = None
    if profile_runs > 0 and op_count > 0 and welcome.capabilities & protocol.CAN_PROFILE:
        first = tuple(array[0] for array in vectors.inputs)
        runs = [device.profile(first) for _ in range(profile_runs)]
        per_op = tuple(scale.of(statistics.median_low(times)) for times in zip(*runs, strict=True))
    stats = device.redo(lambda: device.link.ask(protocol.AskStats(), Stats))
    unit = "instructions" if transport.emulated else protocol.TICK_UNITS[welcome.tick_unit]
    return DeviceRun(
        clock=Clock(unit, None if transport.emulated else welcome.tick_hz),
        outputs=tuple(np.stack(column) for column in zip(*(outputs for _, outputs in found), strict=True)),
        invoke=timing([scale.of(ticks) for ticks, _ in found]),
        setup=scale.of(stats.setup_ticks),
        per_op=per_op,
        stack_bytes=stats.stack_used_bytes,
        arena_bytes=stats.arena_used_bytes,
        retries=device.link.retries + device.redos,
        notes=(scale.note,) if scale.note else (),
        identity=identity,
    )


def capture(
    transport: Transport,
    inputs: Arrays,
    like: Arrays,
    model_sha256: str,
    progress: Progress | None = None,
    *,
    wanted: Identity | None = None,
    sequences: Sequence[range] | None = None,
) -> tuple[tuple[Arrays, ...], Identity]:
    """The device's output of each operator, in order, for every sample of ``inputs`` (first axis), and the identity of
    its firmware. ``sequences`` are those of Vectors; None: all samples are one.

    ``like`` has one array per operator with its output's shape and dtype; ``wanted`` is as in `run`. Raises what `run`
    does, and DeviceError when the firmware cannot pause an inference.
    """
    device = _Device(Link(transport), model_sha256, len(like), wanted)
    if transport.emulated:
        device.link.await_boot()
    welcome, identity = device.open()
    if not welcome.capabilities & protocol.CAN_CAPTURE:
        raise DeviceError("the firmware cannot expose its intermediate tensors: flash it with this version of kerf")
    with (progress or Progress()).bar("layers on the device", len(inputs[0]) * len(like)) as step:

        def one(sample: int) -> Arrays:
            def show(op: int) -> None:
                step(sample * len(like) + op, "")

            return device.capture(tuple(array[sample] for array in inputs), like, show)

        rows = device.each([range(len(inputs[0]))] if sequences is None else sequences, one)
    return tuple(rows), identity


def timing(ticks: Sequence[int]) -> Timing:
    """Minimum, lower median and 99th percentile (nearest rank): each is a time that was actually measured."""
    ordered = sorted(ticks)
    return Timing(ordered[0], statistics.median_low(ordered), ordered[math.ceil(0.99 * len(ordered)) - 1], len(ordered))


def tolerance(vectors: Vectors) -> float:
    """The tolerance of `compare` for these outputs: 0 where all are integers."""
    return FLOAT_TOLERANCE if any(np.issubdtype(array.dtype, np.floating) for array in vectors.expected) else 0.0


def compare(vectors: Vectors, outputs: Arrays, tolerance: float = FLOAT_TOLERANCE) -> tuple[int, ...]:
    """The samples with an output that differs from the oracle's: integers must be equal, floats within ``tolerance``
    times the largest magnitude of the oracle's output over the test set; NaN equals only NaN."""
    wrong = np.zeros(vectors.samples, dtype=bool)
    for expected, got in zip(vectors.expected, outputs, strict=True):
        if np.issubdtype(expected.dtype, np.floating):
            finite = np.abs(expected[np.isfinite(expected)])
            limit = tolerance * float(finite.max(initial=0.0))
            with np.errstate(invalid="ignore"):  # inf - inf
                near = np.abs(got.astype(np.float64) - expected.astype(np.float64)) <= limit
            same = near | (got == expected) | (np.isnan(got) & np.isnan(expected))
        else:
            same = got == expected
        wrong |= ~same.reshape(vectors.samples, -1).all(axis=1)
    return tuple(int(sample) for sample in np.flatnonzero(wrong))


def largest_difference(vectors: Vectors, outputs: Arrays) -> float | None:
    """The largest absolute difference of integer outputs from the oracle, in steps, where the oracle is not exact and
    equality therefore proves nothing; None where `compare` decides."""
    if vectors.exact or tolerance(vectors) > 0:
        return None
    return max(
        float(np.max(np.abs(got.astype(np.float64) - expected.astype(np.float64)), initial=0.0))
        for expected, got in zip(vectors.expected, outputs, strict=True)
    )


def accuracy(vectors: Vectors, outputs: Arrays) -> float | None:
    """The fraction of samples whose highest score in output 0 is the label's (the first one on a tie); None without
    labels or with a single value per sample, which is not a classifier's output. For sequences of steps, the scores
    after the last step count."""
    scores = vectors.labelled(outputs[0].reshape(len(outputs[0]), -1))
    if vectors.labels is None or scores.shape[1] < 2:
        return None
    return float(np.mean(np.argmax(scores, axis=1) == vectors.labels))


def other_firmware(found: Identity, wanted: Identity) -> str:
    """The error message for a firmware other than the one to measure."""
    says, expected = (f"{who.target} ({who.core}), runtime {who.runtime}" for who in (found, wanted))
    if says == expected:
        difference = f"as expected, but built from other sources or options (build {found.build}, not {wanted.build})"
    else:
        difference = f"where {expected} was expected"
    return (
        f"the firmware says it is {says}, {difference}; flash {wanted.target}'s firmware, or add --any-firmware to "
        "measure this one"
    )


class _Device:
    """The bench's requests to the firmware. Every answer is checked; after a restart, requests are repeated."""

    def __init__(self, link: Link, model_sha256: str, op_count: int, wanted: Identity | None) -> None:
        self.link = link
        self.redos = 0
        self._sha256 = model_sha256
        self._op_count = op_count
        self._wanted = wanted
        self._session: tuple[Welcome, Identity] | None = None

    def open(self) -> tuple[Welcome, Identity]:
        """Opens a session; DeviceError unless the firmware has exactly this model and is the wanted build."""

        def opened() -> tuple[Welcome, Identity]:
            assert self._session is not None
            return self._session

        return self.redo(opened)

    def _open(self) -> tuple[Welcome, Identity]:
        """As `open`, but raises SessionLost if the device restarts meanwhile."""
        welcome = self.link.hello()
        if welcome.model_sha256.hex() != self._sha256 or welcome.ops != self._op_count:
            raise DeviceError(
                f"the board runs another model (SHA-256 {welcome.model_sha256.hex()[:12]}…, {welcome.ops} operators; "
                f"expected {self._sha256[:12]}…, {self._op_count}): flash it again"
            )
        texts = (protocol.TARGET, protocol.CORE, protocol.RUNTIME, protocol.BUILD, protocol.KERNELS)
        identity = Identity(*map(self._text, texts))
        if self._wanted is not None and identity != self._wanted:
            raise DeviceError(other_firmware(identity, self._wanted))
        if welcome.tick_unit >= len(protocol.TICK_UNITS) or not welcome.tick_hz:
            raise DeviceError(
                f"the device's clock has a unit that this version of kerf does not know (unit {welcome.tick_unit}, "
                f"{welcome.tick_hz} Hz): flash it again"
            )
        if welcome.setup_status:
            why = faults.describe_status(welcome.setup_status, welcome.setup_detail)
            raise DeviceError(f"the model could not be set up on the device: {why}")
        self._wanted = identity  # whichever it was at first: after a restart it must be the same one
        return welcome, identity

    def redo(self, action: Callable[[], T], what: str = "one sample") -> T:
        """The action's result in an open session. The action is repeated when the device has restarted or has received
        inputs other than those sent; ``what`` names it in the error message when that happens too often."""
        for _ in range(MAX_REDOS):
            try:
                if self._session is None:
                    self._session = self._open()
                return action()
            except SessionLost:
                self.redos += 1
                self._session = None
            except InputsLost:
                self.redos += 1
        raise DeviceError(
            f"{what} failed {MAX_REDOS} times in a row (the device restarted {self.link.boots} times): "
            "check its power supply and its wiring"
        )

    def calibrate(self) -> Scale:
        def spin(turns: int) -> Calibrated:
            return self.redo(lambda: self.link.ask(Calibrate(turns), Calibrated, INVOKE_SECONDS))

        return calibrated(*map(spin, CALIBRATION_TURNS))

    def each(self, sequences: Sequence[range], one: Callable[[int], T]) -> list[T]:
        """The results of ``one`` for each sample of the sequences, in order.

        A model that keeps state starts each sequence from its initial state, and the sequence starts over after
        anything that could have disturbed it. Without state, only a disturbed sample is repeated.
        """
        welcome, _ = self.open()
        keeps_state = welcome.capabilities & protocol.KEEPS_STATE

        def sequence(samples: Iterable[int]) -> list[T]:
            if keeps_state:
                self._reset_state()
            return [one(sample) for sample in samples]

        if not keeps_state:
            sequences = [range(sample, sample + 1) for samples in sequences for sample in samples]
        found: list[T] = []
        for samples in sequences:
            what = "the sequence of samples" if len(samples) > 1 else "one sample"
            found += self.redo(partial(sequence, samples), what)
        return found

    def _reset_state(self) -> None:
        reset = self.link.ask(protocol.ResetState(), protocol.StateReset)
        if reset.status:
            why = faults.describe_status(reset.status, reset.detail)
            raise DeviceError(f"the model's state could not be reset: {why}")

    def infer(self, inputs: Arrays, like: Arrays) -> tuple[int, Arrays]:
        """Ticks and outputs of one sample; ``like`` has the outputs' shapes and dtypes, first axis = sample."""
        done = self._invoke(inputs, 0)
        raw = [self._read(protocol.OUTPUT, i, array[0].nbytes if len(array) else 0) for i, array in enumerate(like)]
        if zlib.crc32(b"".join(raw)) != done.outputs_crc32:
            raise InputsLost
        arrays = (
            np.frombuffer(data, array.dtype).reshape(array.shape[1:]) for data, array in zip(raw, like, strict=True)
        )
        return done.ticks, tuple(arrays)

    def profile(self, inputs: Arrays) -> tuple[int, ...]:
        """Ticks of every operator in one inference."""

        def attempt() -> tuple[int, ...]:
            self._invoke(inputs, protocol.PROFILE)
            data = self._read(protocol.OP_TICKS, 0, 8 * self._op_count)
            return tuple(int(ticks) for ticks in np.frombuffer(data, "<u8"))

        return self.redo(attempt)

    def capture(self, inputs: Arrays, like: Arrays, step: Callable[[int], None]) -> Arrays:
        """The output of every operator in one inference, each read while the device is paused after the operator."""
        request: protocol.Message = protocol.Capture(0, self._write(inputs))
        outputs = []
        for op, array in enumerate(like):
            paused = self.link.ask(request, (protocol.Paused, Done), INVOKE_SECONDS)
            if isinstance(paused, Done):
                why = faults.describe_status(paused.status, paused.detail)
                raise DeviceError(f"the inference ended before operator {op}: {why}")
            if (paused.op, paused.bytes) != (op, array.nbytes):
                raise DeviceError(
                    f"operator {op} has an output of {array.nbytes} bytes, but the device reports operator {paused.op} "
                    f"with {paused.bytes}: flash it again"
                )
            data = self._read(protocol.PAUSED_OUTPUT, 0, paused.bytes)
            if zlib.crc32(data) != paused.crc32:
                raise DeviceError(f"the output of operator {op} changed while it was read: a stray write in memory")
            outputs.append(np.frombuffer(data, array.dtype).reshape(array.shape))
            request = protocol.Resume(op + 1 if op + 1 < len(like) else protocol.NO_OP)
            step(op + 1)
        self.link.ask(request, Done, INVOKE_SECONDS)
        return tuple(outputs)

    def _invoke(self, inputs: Arrays, flags: int) -> protocol.Done:
        """Runs the model."""
        done = self.link.ask(Invoke(flags, self._write(inputs)), Done, INVOKE_SECONDS)
        if done.status:
            raise DeviceError(f"the inference failed: {faults.describe_status(done.status, done.detail)}")
        return done

    def _write(self, inputs: Arrays) -> int:
        """Writes all inputs, because the previous inference may have overwritten them; returns their CRC-32."""
        crc = 0
        for index, array in enumerate(inputs):
            data = np.ascontiguousarray(array).tobytes()
            crc = zlib.crc32(data, crc)
            for offset in range(0, len(data), protocol.MAX_WRITE_BYTES):
                chunk = data[offset : offset + protocol.MAX_WRITE_BYTES]
                self.link.ask(Write(index, offset, chunk), Written)
        return crc

    def _text(self, index: int) -> str:
        """One of the firmware's texts."""
        data = b""
        while len(data) < MAX_TEXT_BYTES:
            part = self.link.ask(Read(protocol.TEXT, index, len(data), protocol.MAX_READ_BYTES), Data).data
            data += part
            if len(part) < protocol.MAX_READ_BYTES:
                break
        return protocol.text(data)

    def _read(self, object_: int, index: int, size: int) -> bytes:
        """``size`` bytes of an object; DeviceError when it has fewer."""
        data = b""
        while len(data) < size:
            count = min(protocol.MAX_READ_BYTES, size - len(data))
            part = self.link.ask(Read(object_, index, len(data), count), Data).data
            if len(part) > count:
                raise DeviceError(f"the device sent {len(part)} bytes where {count} were requested: flash it again")
            if not part:
                raise DeviceError(
                    f"the firmware's output {index} has {len(data)} bytes, the model's {size}: flash it again"
                )
            data += part
        return data
