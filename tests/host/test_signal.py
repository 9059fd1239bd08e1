"""TFLM's operators for audio features: kerf's kernels equal TFLM's, over a sequence of samples.

The interpreter's Python interface has no unsigned types, so these are converted from and to int32."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases
from single_op import OpSpec, TensorSpec, build

from tools.errors import KerfError
from tools.graph import passes, read

pytestmark = pytest.mark.compiler

RNG = np.random.default_rng(41)


def t(shape: Sequence[int], dtype: str, data: np.ndarray | None = None) -> TensorSpec:
    return TensorSpec(shape, dtype, data=data)


def cast(source: TensorSpec, dtype: str) -> OpSpec:
    return OpSpec("CAST", [source], [t(source.shape, dtype)])


def custom(name: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], **options: int) -> OpSpec:
    return OpSpec(f"CUSTOM:{name}", inputs, outputs, None, options)


def unsigned(size: int) -> tuple[OpSpec, TensorSpec]:
    """The conversion of an input, and its result."""
    op = cast(t((size,), "int32"), "uint32")
    return op, op.outputs[0]


def window(rows: int, size: int, shift: int) -> list[OpSpec]:
    weights = t((size,), "int16", RNG.integers(-32768, 32768, size).astype(np.int16))
    return [custom("SignalWindow", [t((rows, size), "int16"), weights], [t((rows, size), "int16")], shift=shift)]


def auto_scale(size: int, loudest: int | None = None) -> list[OpSpec]:
    data = None if loudest is None else (RNG.uniform(-1, 1, size) * loudest).astype(np.int16)
    return [custom("SignalFftAutoScale", [t((size,), "int16", data)], [t((size,), "int16"), t((), "int32")])]


def rfft(dtype: str, size: int, length: int, rows: int = 1, loudest: int = 0) -> list[OpSpec]:
    shape = (rows, size) if rows > 1 else (size,)
    data = (RNG.uniform(-1, 1, shape) * loudest).astype(dtype) if loudest else None
    kind = {"int16": 7, "int32": 2, "float32": 0}[dtype]
    output = t((*shape[:-1], length + 2), dtype)
    return [custom("SignalRfft", [t(shape, dtype, data)], [output], T=kind, fft_length=length)]


def irfft(dtype: str, length: int, rows: int = 1, loudest: int = 0) -> list[OpSpec]:
    shape = (rows, length + 2) if rows > 1 else (length + 2,)
    data = (RNG.uniform(-1, 1, shape) * loudest).astype(dtype) if loudest else None
    kind = {"int16": 7, "int32": 2, "float32": 0}[dtype]
    output = t((*shape[:-1], length), dtype)
    return [custom("SignalIrfft", [t(shape, dtype, data)], [output], T=kind, fft_length=length)]


def energy(size: int, start: int, end: int) -> list[OpSpec]:
    """Elements outside start … end - 1 are undefined in TFLM: they are left out."""
    op = custom("SignalEnergy", [t((2 * size,), "int16")], [t((size,), "uint32")], start_index=start, end_index=end)
    wide = cast(op.outputs[0], "int32")
    bounds = [t((1,), "int32", np.array([i], np.int32)) for i in (start, end, 1)]
    part = t((end - start,), "int32")
    return [op, wide, OpSpec("STRIDED_SLICE", [wide.outputs[0], *bounds], [part], "StridedSliceOptions")]


def filter_bank(channels: int, size: int, scale_bits: int) -> list[OpSpec]:
    """The bank and its square roots."""
    before, energies = unsigned(size)
    widths = RNG.integers(0, size // 2, channels + 1).astype(np.int16)
    frequencies = np.array([RNG.integers(0, size - w + 1) for w in widths], np.int16)
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int16)
    weights, rest = (RNG.integers(0, 4097, max(int(widths.sum()), 1)).astype(np.int16) for _ in range(2))
    constants = [t(x.shape, "int16", x) for x in (weights, rest, frequencies, starts, widths)]
    bank = custom("SignalFilterBank", [energies, *constants], [t((channels,), "uint64")], num_channels=channels)
    shift = t((), "int32", np.array(scale_bits, np.int32))
    root = custom("SignalFilterBankSquareRoot", [bank.outputs[0], shift], [t((channels,), "uint32")])
    return [before, bank, root, cast(root.outputs[0], "int32")]


def subtraction(size: int, clamping: bool, smoothing_bits: int = 10, remaining: int = 819) -> list[OpSpec]:
    before, energies = unsigned(size)
    outputs = [t((size,), "uint32"), t((size,), "uint32")]
    op = custom(
        "SignalFilterBankSpectralSubtraction",
        [energies],
        outputs,
        alternate_one_minus_smoothing=15401,
        alternate_smoothing=983,
        clamping=clamping,
        min_signal_remaining=remaining,
        num_channels=size,
        one_minus_smoothing=15975,
        smoothing=409,
        smoothing_bits=smoothing_bits,
        spectral_subtraction_bits=14,
    )
    return [before, op, *(cast(each, "int32") for each in outputs)]


def pcan(size: int, shift: int) -> list[OpSpec]:
    before, energies = unsigned(size)
    also, noise = unsigned(size)
    table = RNG.integers(0, 32768, 125).astype(np.int16)
    op = custom("SignalPCAN", [energies, noise, t((125,), "int16", table)], [t((size,), "uint32")], snr_shift=shift)
    return [before, also, op, cast(op.outputs[0], "int32")]


def log(size: int, bits: int, scale: int) -> list[OpSpec]:
    before, energies = unsigned(size)
    output = t((size,), "int16")
    return [before, custom("SignalFilterBankLog", [energies], [output], input_correction_bits=bits, output_scale=scale)]


def delay(shape: tuple[int, ...], length: int) -> list[OpSpec]:
    return [custom("SignalDelay", [t(shape, "int16")], [t(shape, "int16")], delay_length=length)]


def without_input(ops: list[OpSpec]) -> list[OpSpec]:
    """The model's input is read by another operator."""
    x = t((4,), "float32")
    return [replace(ops[0], inputs=[]), OpSpec("RELU", [x], [t((4,), "float32")])]


def framer(shape: tuple[int, ...], size: int, step: int) -> list[OpSpec]:
    outputs = [t((*shape[:-1], shape[-1] // step, size), "int16"), t((), "bool")]
    return [custom("SignalFramer", [t(shape, "int16")], outputs, frame_size=size, frame_step=step, prefill=True)]


def stacker(channels: int, before: int, after: int = 0, step: int = 1, fed: int | None = None) -> list[OpSpec]:
    """``fed`` elements in one inference, by default those of a frame."""
    op = custom(
        "SignalStacker",
        [t((fed or channels,), "int16")],
        [t((channels * (before + 1 + after),), "int16"), t((), "bool")],
        num_channels=channels,
        stacker_left_context=before,
        stacker_right_context=after,
        stacker_step=step,
    )
    return [op]


def overlap_add(shape: tuple[int, ...], step: int, dtype: str = "int16") -> list[OpSpec]:
    output, kind = t((*shape[:-2], shape[-2] * step), dtype), {"int16": 7, "float32": 0}[dtype]
    return [custom("SignalOverlapAdd", [t(shape, dtype)], [output], T=kind, frame_step=step)]


LENGTHS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
CASES: dict[str, list[OpSpec]] = {
    **{
        f"window {r} {s} {k}": window(r, s, k)
        for r, s in ((1, 1), (1, 480), (3, 33), (2, 7))
        for k in (0, 1, 12, 15, 30)
    },
    **{f"auto scale {s} {m}": auto_scale(s, m) for s in (1, 9, 480) for m in (None, 0, 1, 2, 100, 16383, 16384, 32767)},
    **{
        f"rfft {dtype} {size} {length} {loudest}": rfft(dtype, size, length, loudest=loudest)
        for dtype, volumes in (("int16", (0, 900)), ("int32", (0, 1 << 20)), ("float32", (0, 3)))
        for length in LENGTHS
        for size, loudest in zip((length, length - length // 5), volumes, strict=True)
    },
    **{
        f"irfft {dtype} {length} {loudest}": irfft(dtype, length, loudest=loudest)
        for dtype, volumes in (("int16", (0, 900)), ("int32", (0, 1 << 20)), ("float32", (0, 3)))
        for length in LENGTHS
        for loudest in volumes
    },
    **{f"irfft of rows {dtype}": irfft(dtype, 32, rows=3) for dtype in ("int16", "int32", "float32")},
    **{f"rfft of rows {dtype}": rfft(dtype, 30, 32, rows=3) for dtype in ("int16", "int32", "float32")},
    **{
        f"energy {s} {a} {b}": energy(s, a, b)
        for s, a, b in ((1, 0, 1), (257, 5, 241), (33, 0, 33), (9, 8, 9), (16, 3, 4))
    },
    **{f"filter bank {c} {s} {k}": filter_bank(c, s, k) for c in (1, 5, 40) for s in (4, 33, 257) for k in (0, 3, 9)},
    **{
        f"subtraction {s} {c} {b} {r}": subtraction(s, c, b, r)
        for s in (1, 6, 40)
        for c in (False, True)
        for b in (0, 10)
        for r in (0, 819, 16384)
    },
    **{f"pcan {s} {k}": pcan(s, k) for s in (1, 7, 40) for k in (0, 3, 6, 12, 20, 31, 40)},
    **{f"delay {s} {n}": delay(s, n) for s in ((1,), (5,), (2, 3, 4)) for n in (0, 4, 5, 17)},
    **{
        f"framer {s} {size} {step}": framer(s, size, step)
        for s, step in (((6,), 6), ((6,), 2), ((2, 12), 4), ((2, 2, 3), 1))
        for size in (step, step + 1, 4 * step + 3)
    },
    **{f"stacker {c} {b}": stacker(c, b) for c in (1, 7, 40) for b in (0, 1, 2, 5, 9)},
    **{f"overlap add {s} {step}": overlap_add(s, step) for s in ((1, 6), (4, 6), (2, 3, 6)) for step in (1, 4, 6)},
    **{f"overlap add float32 {step}": overlap_add((2, 3, 6), step, "float32") for step in (1, 4, 6)},
    **{f"log {s} {b} {k}": log(s, b, k) for s in (1, 40, 99) for b in (0, 3, 7) for k in (1, 64, 1600, 65536)},
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("signal"))


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.parametrize(
    ("ops", "why"),
    [
        (
            [
                custom(
                    "SignalFramer",
                    [t((4,), "int16")],
                    [t((2, 4), "int16"), t((), "bool")],
                    frame_size=4,
                    frame_step=2,
                    prefill=False,
                )
            ],
            "create the layer with prefill = True",
        ),
        (
            [
                custom(
                    "SignalFramer",
                    [t((5,), "int16")],
                    [t((2, 4), "int16"), t((), "bool")],
                    frame_size=4,
                    frame_step=2,
                    prefill=True,
                )
            ],
            "is no whole number of steps of 2",
        ),
        (stacker(4, 2, after=1), "gives no output at some inferences"),
        (stacker(4, 2, step=2), "stacker_right_context = 0 and stacker_step = 1"),
        (stacker(4, 2, step=0), "its option stacker_step is 0, not 1 … "),
        (stacker(1 << 12, 1 << 12), "keeps 16,777,217 elements"),
        (stacker(4, 2, fed=5), "should be 4; convert"),
        (overlap_add((3, 4), 5), "its option frame_step is 5, not 1 … 4"),
        (delay((2, 4), 1 << 24), "keeps 33,554,432 elements"),
        (without_input(delay((2, 4), 3)), "has 0 inputs, but needs 1"),
    ],
    ids=[
        *("no prefill", "a broken step", "frames to come", "skipped frames", "no step", "too many frames"),
        *("another frame", "too long a step", "too much memory", "no input"),
    ],
)
def test_what_has_no_kernel_is_refused(ops: list[OpSpec], why: str) -> None:
    with pytest.raises(KerfError, match=why):
        passes.run(read.read(build(ops), "signal"))
