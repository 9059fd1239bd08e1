"""The frozen values that are passed between stages, in pipeline order.

The graph's values are in graph/ir.py; everything else that crosses a stage boundary is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .cores import Core

FLOAT_TOLERANCE = 1e-4  # of a float output, as a fraction of the largest magnitude; integers must be equal
SHA256_DIGITS = 12  # of a .tflite in committed tables
MODES = ("float32", "float16", "dynamic", "int8", "int16x8", "int4")


@dataclass(frozen=True)
class Request:
    """What the user asked for: the common options of the command line, with their defaults."""

    model: str = "digits"
    mode: str | None = None
    runtime: str = "aot"
    target: str = "stm32f4"
    emulator: str | None = None
    port: str | None = None
    data: str | None = None
    skip_bad: bool = False
    pixels: str = ""  # the range of pixel values, one of pixels.RANGES; "": inferred from the model's file
    calibration: str = "balanced"
    strip: bool = False
    stateful: bool = False  # a recurrent model computes one step per inference and keeps its state
    samples: int = 0  # of the test set go to the device, whole sequences if the model is stateful; 0: all
    per_tensor_dense: bool = False  # one scale for all weights of a dense layer, even if the runtime supports more
    optimize: str | None = None  # one of the runtime's goals; None: the first with which the model fits
    any_firmware: bool = False  # measure whatever firmware is on the board
    power: str | None = None  # the instrument that measures the board's current: ppk2, or ppk2:1.8 with its voltage
    check_arena: bool = False  # a debug build: guards between the tensors show whether an operator writes beside them


@dataclass(frozen=True)
class Trained:
    """A Keras model on disk (.keras, .h5 or a SavedModel folder) and where it came from."""

    model: str
    path: Path
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Vectors:
    """The inputs sent to the device and the outputs it must return.

    ``inputs`` and ``expected`` hold one array per model input / output, first axis = sample, in the .tflite's own
    dtypes. ``labels`` are class indices or None. ``oracle`` names the interpreter that computed ``expected``; ``exact``
    says whether the device must match it bit for bit (TFLM) or within the tolerance (LiteRT). ``in_sequence``: the
    model keeps state from one sample to the next, so their order matters. Otherwise, a sample is independent of the
    others: state that a model may have is reset before each of them. ``steps``: ``in_sequence``, there is a new
    sequence every so many samples, with one label; 0: all samples are one sequence.
    """

    inputs: tuple[npt.NDArray[Any], ...]
    expected: tuple[npt.NDArray[Any], ...]
    labels: npt.NDArray[np.int64] | None
    classes: tuple[str, ...]
    oracle: str
    exact: bool
    in_sequence: bool = False
    steps: int = 0

    @property
    def samples(self) -> int:
        return len(self.inputs[0])

    @property
    def sequences(self) -> list[range]:
        """The samples that continue each other; the first of each range starts from the initial state."""
        length = (self.steps or max(self.samples, 1)) if self.in_sequence else 1
        return [range(first, min(first + length, self.samples)) for first in range(0, self.samples, length)]

    def labelled(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Of the outputs of all samples, those that have labels: with ``steps``, the last one of each sequence."""
        return outputs[self.steps - 1 :: self.steps] if self.steps else outputs

    def spread(self, count: int) -> "Vectors":
        """``count`` of the samples, evenly spaced over the whole set (which may be sorted by class), or all if there
        are fewer. If samples are ``in_sequence``, the first ones; if they are in ``steps``, whole sequences."""
        length = max(self.steps, 1)
        total = self.samples // length
        if count >= total:
            return self
        chosen = np.arange(count) * total // count if self.steps or not self.in_sequence else np.arange(count)
        rows = (chosen[:, np.newaxis] * length + np.arange(length)).ravel()
        inputs, expected = (tuple(a[rows] for a in arrays) for arrays in (self.inputs, self.expected))
        return replace(
            self, inputs=inputs, expected=expected, labels=None if self.labels is None else self.labels[chosen]
        )

    def first_sequence(self) -> "Vectors":
        """The samples of the first sequence if they are in ``steps``, else all."""
        return replace(self.spread(1), steps=0) if self.steps else self


@dataclass(frozen=True)
class SecondOpinion:
    """How far the oracle is from another reference on the same inputs.

    ``reference`` is LiteRT with its version, or FLOAT for the model that kerf converted. ``max_steps`` is the largest
    difference, in steps of the output of ``layer``, the operator where it occurs.
    """

    reference: str
    max_steps: float
    layer: str

    FLOAT: ClassVar[str] = "float32"
    ROUNDING_STEPS: ClassVar[float] = 2.0

    @property
    def is_beyond_rounding(self) -> bool:
        """Whether rounding cannot explain the difference: then the oracle or the conversion is wrong.

        LiteRT is compared operator by operator on the same integers. Each of two kernels is at most one step from the
        exact result (half a step for the output, the rest for 31-bit multipliers and two roundings), so they are at
        most two apart. FLOAT is only used where the difference is beyond rounding (oracle/opinion.py).
        """
        return self.reference == self.FLOAT or self.max_steps > self.ROUNDING_STEPS


@dataclass(frozen=True, eq=False)
class Quantized:
    """A .tflite and its reference vectors.

    ``calibration`` describes the calibration samples, None where the mode needs none or kerf did not convert.
    ``stripped_bytes`` is what --strip saved, 0 without it. ``trained_accuracy`` is that of the Keras model it was
    converted from, on the same test set; None if unknown. ``data_sha256`` identifies the data set of the vectors,
    whatever the mode; None for random inputs. ``second_opinion`` is for integer models, None if there is none.
    """

    model: str
    mode: str
    tflite: bytes
    sha256: str
    path: Path
    vectors: Vectors
    calibration: str | None = None
    stripped_bytes: int = 0
    trained_accuracy: float | None = None
    data_sha256: str | None = None
    second_opinion: SecondOpinion | None = None


@dataclass(frozen=True)
class Emulator:
    """One way to run a target without a board: the emulator's name and settings (machine, icount shift …)."""

    name: str
    settings: Mapping[str, str]


def environment(target: str) -> str:
    """A target's name as the name of an [env:…] of PlatformIO's, and of a folder on any system: arduino-pico."""
    return target.replace(":", "-")


@dataclass(frozen=True)
class Target:
    """One [env:…] of platformio.ini: what PlatformIO reads (``options``) and what only kerf does.

    ``port`` is a folder of firmware/ports, ``core`` what its processor can do, ``clock_hz`` the core clock on the real
    board.
    ``tflm`` has the settings of the runtime of that name: its library (lib), the target that sizes arenas (sized_on).
    ``usb_ids`` are the VID:PID that identify a real board, empty if there is no board; ``flash_hint`` says what the
    user can do when an upload fails.
    ``power_pin`` is the driver of the pin that an instrument sees, a file of firmware/power, and the driver's word for
    the pin; () if there is none.
    """

    name: str
    summary: str
    board: str
    framework: str | None
    port: str
    core: Core
    clock_hz: int
    ram_bytes: int
    flash_bytes: int
    runtimes: tuple[str, ...]
    emulators: Mapping[str, Emulator]
    options: Mapping[str, str]
    tflm: Mapping[str, str] = field(default_factory=dict)
    usb_ids: tuple[str, ...] = ()
    flash_hint: str = ""
    power_pin: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """What identifies a firmware: what it was rendered for, and ``build``, a digest of all its sources and options.

    A rendered project has one, and the firmware built from it reports it over the wire. ``kernels`` is not compared:
    where a library provides them, they are only known after linking, and ``build`` covers what is linked.
    """

    target: str
    core: str
    runtime: str
    build: str
    kernels: str = field(default="", compare=False)


@dataclass(frozen=True)
class Project:
    """A package of a model, not yet on disk: relative path → contents. `bench` makes a PlatformIO project.

    ``op_labels`` are (name, kind) of the operators in the order in which the firmware reports their times.
    ``kernels`` names the kernels, unless the linked firmware has functions whose names start with a key of
    ``kernel_symbols``: then its value does. ``library`` is the published package it is built with, "" for none.
    ``core`` and ``build`` are those of its Identity.
    """

    files: Mapping[str, bytes]
    model: str
    mode: str
    model_sha256: str
    model_bytes: int
    runtime: str
    target: str
    kernels: str
    arena_bytes: int
    op_labels: tuple[tuple[str, str], ...]
    kernel_symbols: Mapping[str, str] = field(default_factory=dict)
    library: str = ""
    core: str = ""
    build: str = ""

    @property
    def identity(self) -> Identity:
        return Identity(self.target, self.core, self.runtime, self.build, self.kernels)


@dataclass(frozen=True)
class Image:
    """A linked firmware: the ELF and its sizes. ``code`` is flash without the model's constants."""

    elf: Path
    project: Project
    flash_bytes: Mapping[str, int]  # total, code, model
    static_bytes: int  # .data + .bss without arena and stack
    arena_bytes: int
    rebuilt: bool
    kernels: str = ""  # the ones that are actually linked
    compiler: str = ""  # as the ELF names it: "GCC: (…) 12.2.1 20221205"; "" if it does not


@dataclass(frozen=True)
class Timing:
    """Ticks of repeated invokes in the clock's unit."""

    min: int
    median: int
    p99: int
    n: int


@dataclass(frozen=True)
class Clock:
    """``unit`` is instructions (emulated), cycles or us; ``hz`` is how many there are per second, None if emulated."""

    unit: str
    hz: int | None


@dataclass(frozen=True)
class Energy:
    """The energy of one inference, the mean of ``inferences`` that an ``instrument`` saw completely.

    ``uj`` is in µJ, without what the board would have needed while idle: ``idle_ma`` at ``volts``. ``ma`` is the mean
    current during inferences, idle current included.
    """

    uj: float
    ma: float
    idle_ma: float
    volts: float
    inferences: int
    instrument: str


@dataclass(frozen=True, eq=False)
class DeviceRun:
    """Everything the bench learned from one device with one test set, as reported by the device.

    ``notes`` are sentences about the measurement itself, such as a clock coarser than one instruction. ``identity`` is
    what the firmware says it is, None if no firmware ran.
    """

    clock: Clock
    outputs: tuple[npt.NDArray[Any], ...]
    invoke: Timing
    setup: int
    per_op: tuple[int, ...] | None
    stack_bytes: int
    arena_bytes: int
    retries: int
    notes: tuple[str, ...] = ()
    identity: Identity | None = None


@dataclass(frozen=True)
class Measurement:
    """One measurement record; the fields are fixed by design (docs/records.md).

    ``flash_bytes`` and ``ram_bytes`` are None for a firmware of unknown size, which this kerf did not build;
    ``device`` is None if no firmware ran. ``quantities`` are those of tools/quantities that apply, by name.
    """

    model: str
    mode: str
    model_sha256: str
    model_bytes: int
    runtime: str
    target: str
    emulator: str | None
    kernels: str
    flash_bytes: Mapping[str, int] | None
    ram_bytes: Mapping[str, int] | None
    clock: Clock
    invoke: Timing
    setup: int
    per_op: tuple[Mapping[str, Any], ...] | None
    samples: int
    mismatches: int
    tolerance: float
    accuracy: Mapping[str, float] | None
    kerf: str
    commit: str | None
    optimize: str | None = None
    data_sha256: str | None = None
    device: Mapping[str, str] | None = None
    second_opinion: SecondOpinion | None = None
    quantities: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
