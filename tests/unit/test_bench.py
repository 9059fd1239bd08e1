"""The bench against a firmware in Python: right results, named errors, bounded waits."""

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fake_firmware import IDENTITY, SHA256, FakeFirmware

from tools import bench, protocol
from tools.bench import timing
from tools.errors import DeviceError, KerfError, TransportError
from tools.transports.fake import FakeTarget, Faults, Unreliable
from tools.values import DeviceRun, Identity, Timing, Vectors

RNG = np.random.default_rng(0)
INPUTS = RNG.integers(0, 256, (20, 7, 10), dtype=np.uint8)
LAYERS = (np.zeros((7, 10), np.uint8), np.zeros((5, 7), np.uint8))
VECTORS = Vectors((INPUTS,), (INPUTS + np.uint8(1),), None, (), "by hand", True)


def measure(target: FakeTarget | Unreliable, **options: int) -> DeviceRun:
    return bench.run(target, VECTORS, SHA256.hex(), 2, **options)


def test_results_and_numbers() -> None:
    firmware = FakeFirmware(ticks=(30, 10, 20))
    run = measure(FakeTarget(firmware))
    assert np.array_equal(run.outputs[0], VECTORS.expected[0])
    assert run.outputs[0].dtype == np.uint8
    assert (run.clock.unit, run.clock.hz) == ("cycles", 64_000_000)
    assert run.invoke == Timing(10, 20, 30, 20)
    assert run.per_op == (400 + 22, 600)  # the median of the invokes 21, 22 and 23
    assert (run.setup, run.stack_bytes, run.arena_bytes, run.retries, run.notes) == (50, 300, 2000, 0, ())
    assert run.identity == IDENTITY


def test_no_operator_times_where_there_is_no_room_for_them() -> None:
    assert measure(FakeTarget(FakeFirmware(capabilities=0))).per_op is None
    assert measure(FakeTarget(FakeFirmware()), profile_runs=0).per_op is None


def test_emulated_time_is_instructions() -> None:
    run = measure(FakeTarget(FakeFirmware(ticks=(1000,), instructions_per_tick=125 / 21), emulated=True))
    assert (run.clock.unit, run.clock.hz) == ("instructions", None)
    assert run.invoke.median == 5952  # 1000 * 125 / 21 = 5952.4
    assert run.notes == ("the emulator's clock counts in steps of 6 instructions",)
    run = measure(FakeTarget(FakeFirmware(ticks=(2688,), instructions_per_tick=1 / 1.344), emulated=True))
    assert run.invoke.median == 2000
    assert run.notes == ()


def test_timing_takes_measured_values() -> None:
    assert timing([5]) == Timing(5, 5, 5, 1)
    assert timing(list(range(100, 0, -1))) == Timing(1, 50, 99, 100)
    assert timing([1] * 199 + [9]) == Timing(1, 1, 1, 200)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["drop", "garble", "duplicate", "delay", "banner"])
def test_a_spoiled_line_costs_retries_and_nothing_else(kind: str, seed: int) -> None:
    line = Unreliable(FakeTarget(FakeFirmware()), Faults(**{kind: 0.05}), seed)
    run = measure(line)
    assert line.injected > 0
    assert np.array_equal(run.outputs[0], VECTORS.expected[0])


@pytest.mark.parametrize("write", range(1, 14))
@pytest.mark.parametrize("speaks", [True, False], ids=["boot record", "silent boot"])
def test_a_restart_before_any_request(write: int, speaks: bool) -> None:
    firmware = FakeFirmware()
    target = FakeTarget(firmware)

    def restart() -> None:
        said = firmware.reset()
        target.say(b"\r\nm-init-done\r\nm-ready\r\n" + said if speaks else b"")

    run = measure(Unreliable(target, Faults(before={write: restart})))
    assert np.array_equal(run.outputs[0], VECTORS.expected[0])
    assert run.retries >= 1


def test_outputs_that_fail_their_crc_are_fetched_anew() -> None:
    firmware = FakeFirmware(corrupt_outputs=3)
    run = measure(FakeTarget(firmware))
    assert np.array_equal(run.outputs[0], VECTORS.expected[0])
    assert run.retries == 2
    assert firmware.invokes == 20 + 2 + 3


def test_a_line_that_always_corrupts_is_given_up() -> None:
    with pytest.raises(DeviceError, match="one sample failed 8 times in a row"):
        measure(FakeTarget(FakeFirmware(corrupt_outputs=1000)))


def test_a_late_answer_does_no_harm() -> None:
    firmware = FakeFirmware()
    target = FakeTarget(firmware)
    target.say(protocol.encode(protocol.Refusal(protocol.NO_SESSION, 0, b"late"), 1))
    assert np.array_equal(measure(target).outputs[0], VECTORS.expected[0])


def failure(handler: Callable[[bytes], bytes], spoken: bytes = b"") -> tuple[KerfError, float]:
    """The error of a run and how long it took on the target's clock."""
    target = FakeTarget(handler)
    target.say(spoken)
    with pytest.raises(KerfError) as caught:
        measure(target)
    return caught.value, target.now()


def test_restarts_in_every_sample() -> None:
    firmware = FakeFirmware()

    def crashes(data: bytes) -> bytes:
        said = firmware(data)
        return said + firmware.reset() if firmware.requests[-1] == "Write" else said

    error, _ = failure(crashes)
    assert "one sample failed 8 times in a row" in str(error)


def test_a_fault_record_in_words() -> None:
    fault = protocol.encode(protocol.Fault(4, 0x1234, 0x5678, 0, 1 << 25, 0, 0, 0x20000000), 0)
    firmware = FakeFirmware()

    def crashes(data: bytes) -> bytes:
        return fault if firmware.invokes == 2 else firmware(data)

    error, _ = failure(crashes)
    assert isinstance(error, DeviceError)
    assert "UsageFault: divide by zero; pc 0x00001234" in str(error)


def test_a_fault_right_behind_an_answer_is_not_lost() -> None:
    fault = protocol.encode(protocol.Fault(1, 1, 2, 3, 0, 0, 0, 4), 0)
    firmware = FakeFirmware()

    def crashes(data: bytes) -> bytes:
        said = firmware(data)
        if firmware.requests[-1] != "Write":
            return said
        firmware.ignored = 1000
        return said + fault

    error, _ = failure(crashes)
    assert "HardFault; pc 0x00000001" in str(error)


@pytest.mark.parametrize(
    ("firmware", "sentence"),
    [
        (FakeFirmware(version=1), "uses protocol version 1, kerf version 2: flash it again"),
        (FakeFirmware(version=3), "uses protocol version 3, kerf version 2: update kerf, or flash it again"),
        (
            FakeFirmware(setup=(1, 512)),
            "could not be set up on the device: the arena is too small: 512 bytes are missing",
        ),
        (FakeFirmware(output_size=40), "output 0 has 40 bytes, the model's 70: flash it again"),
    ],
)
def test_firmware_that_does_not_fit(firmware: FakeFirmware, sentence: str) -> None:
    error, _ = failure(firmware)
    assert isinstance(error, DeviceError)
    assert sentence in str(error)


@pytest.mark.parametrize("changes", [{"tick_unit": 9}, {"tick_hz": 0}])
def test_a_clock_that_is_unknown(changes: dict[str, int]) -> None:
    def changed(message: protocol.Message) -> protocol.Message:
        return replace(message, **changes) if isinstance(message, protocol.Welcome) else message

    error, _ = failure(rewritten(changed))
    assert "clock has a unit that this version of kerf does not know" in str(error)


def test_more_bytes_than_were_asked_for() -> None:
    """Even if the CRC matches the outputs."""

    def changed(message: protocol.Message) -> protocol.Message:
        if isinstance(message, protocol.Data) and len(message.data) < protocol.MAX_READ_BYTES:
            return protocol.Data(message.data + b"\0")
        if isinstance(message, protocol.Done):
            return replace(message, outputs_crc32=zlib.crc32(firmware.output + b"\0"))
        return message

    firmware = FakeFirmware()
    error, _ = failure(rewritten(changed, firmware))
    assert "the device sent 16 bytes where 15 were requested: flash it again" in str(error)


def rewritten(
    change: Callable[[protocol.Message], protocol.Message], firmware: FakeFirmware | None = None
) -> Callable[[bytes], bytes]:
    """A firmware that lies: its answers are changed on the way."""
    honest = firmware or FakeFirmware()

    def answer(data: bytes) -> bytes:
        frames = protocol.Decoder().feed(honest(data))
        return b"".join(protocol.encode(change(protocol.parse(frame)), frame.seq) for frame in frames)

    return answer


def test_another_model() -> None:
    with pytest.raises(DeviceError, match=r"runs another model .*: flash it again"):
        bench.run(FakeTarget(FakeFirmware()), VECTORS, "ff" * 32, 2)
    with pytest.raises(DeviceError, match=r"2 operators; expected 000102030405…, 3"):
        bench.run(FakeTarget(FakeFirmware()), VECTORS, SHA256.hex(), 3)


# --- which firmware it is ---------------------------------------------------------------------------------------------


OTHERS = {
    "target and core": (
        replace(IDENTITY, target="mps2-an500", core="cortex-m7"),
        "the firmware says it is mps2-an500 (cortex-m7), runtime aot, where stm32f4 (cortex-m4), runtime aot was "
        "expected; flash stm32f4's firmware, or add --any-firmware to measure this one",
    ),
    "core": (replace(IDENTITY, core="cortex-m7"), "says it is stm32f4 (cortex-m7), runtime aot, where stm32f4 (cort"),
    "runtime": (replace(IDENTITY, runtime="tflm"), "says it is stm32f4 (cortex-m4), runtime tflm, where stm32f4 (cort"),
    "build": (
        replace(IDENTITY, build="fedcba9876543210"),
        "the firmware says it is stm32f4 (cortex-m4), runtime aot, as expected, but built from other sources or "
        "options (build fedcba9876543210, not 0123456789abcdef); flash stm32f4's firmware, or add --any-firmware to "
        "measure this one",
    ),
}


@pytest.mark.parametrize(("found", "sentence"), OTHERS.values(), ids=OTHERS)
def test_another_firmware_of_the_model_is_not_measured(found: Identity, sentence: str) -> None:
    firmware = FakeFirmware(identity=found)
    with pytest.raises(DeviceError) as caught:
        bench.run(FakeTarget(firmware), VECTORS, SHA256.hex(), 2, wanted=IDENTITY)
    assert sentence in str(caught.value)
    assert firmware.invokes == 0
    with pytest.raises(DeviceError) as caught:
        bench.capture(FakeTarget(firmware), (INPUTS[:1],), LAYERS, SHA256.hex(), wanted=IDENTITY)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("found", [found for found, _ in OTHERS.values()], ids=OTHERS)
def test_whatever_is_there_says_what_it_is(found: Identity) -> None:
    assert measure(FakeTarget(FakeFirmware(identity=found))).identity == found
    _, identity = bench.capture(FakeTarget(FakeFirmware(identity=found)), (INPUTS[:1],), LAYERS, SHA256.hex())
    assert identity == found


def test_a_firmware_that_is_exchanged_in_the_middle_is_not_measured() -> None:
    firmware = FakeFirmware()
    target = FakeTarget(firmware)

    def exchange() -> None:
        firmware.identity = replace(IDENTITY, build="fedcba9876543210")
        target.say(firmware.reset())

    with pytest.raises(DeviceError, match=r"built from other sources or options \(build fedcba9876543210"):
        measure(Unreliable(target, Faults(before={20: exchange})))


def test_the_kernels_are_those_of_the_build() -> None:
    """The name of a library's kernels is only known after linking, so neither host nor firmware knows it before."""
    linked = replace(IDENTITY, kernels="CMSIS-NN")
    run = bench.run(FakeTarget(FakeFirmware()), VECTORS, SHA256.hex(), 2, wanted=linked)
    assert run.identity is not None and run.identity.kernels == "portable"


def test_who_it_is_comes_before_how_it_is() -> None:
    other = FakeFirmware(identity=replace(IDENTITY, target="host"), setup=(1, 512))
    with pytest.raises(DeviceError, match="says it is host"):
        bench.run(FakeTarget(other), VECTORS, SHA256.hex(), 2, wanted=IDENTITY)


def test_names_are_read_whole_and_cannot_move_the_cursor() -> None:
    target = "board-" * 20 + "\x1b[2J\u202e"
    run = measure(FakeTarget(FakeFirmware(identity=replace(IDENTITY, target=target))))
    assert run.identity is not None and run.identity.target == "board-" * 20 + "\ufffd[2J\ufffd"


def test_a_name_without_an_end_is_cut() -> None:
    run = measure(FakeTarget(FakeFirmware(identity=replace(IDENTITY, core="x" * 100_000))))
    assert run.identity is not None and len(run.identity.core) == bench.MAX_TEXT_BYTES


def test_a_device_that_restarts_whenever_it_is_asked_who_it_is() -> None:
    firmware = FakeFirmware()

    def restarts(data: bytes) -> bytes:
        said = firmware(data)
        return firmware.reset() if firmware.requests[-1] == "Read" else said

    error, _ = failure(restarts)
    assert "failed 8 times in a row" in str(error)


def test_a_refusal_is_shown_on_one_line() -> None:
    refusal = protocol.Refusal(protocol.BUSY, 7, b"a\n\x1b[2Jb\xff")
    firmware = FakeFirmware()

    def refuses(data: bytes) -> bytes:
        said = firmware(data)
        (frame,) = protocol.Decoder().feed(data)
        return protocol.encode(refusal, frame.seq) if firmware.requests[-1] == "Write" else said

    error, _ = failure(refuses)
    assert str(error) == "the firmware refused a request: a\ufffd\ufffd[2Jb\ufffd (code 8, detail 7)"


def test_a_board_that_is_unplugged() -> None:
    target = FakeTarget(FakeFirmware())
    line = Unreliable(target, Faults(before={5: lambda: target.die("the board went away")}))
    with pytest.raises(TransportError, match="the board went away"):
        measure(line)


def test_compare_integers_by_equality() -> None:
    outputs = VECTORS.expected[0].copy()
    assert bench.compare(VECTORS, (outputs,)) == ()
    outputs[3, 0, 0] ^= 1
    outputs[3, 0, 1] ^= 1
    outputs[7, 6, 9] ^= 1
    assert bench.compare(VECTORS, (outputs,)) == (3, 7)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, 1)


def test_compare_floats_by_tolerance() -> None:
    expected = floats(10.0, 0.0, np.nan, np.inf)
    vectors = replace(VECTORS, inputs=(expected,), expected=(expected,))
    assert bench.compare(vectors, (floats(10.0009, 0.0009, np.nan, np.inf),)) == ()
    assert bench.compare(vectors, (floats(10.0011, -0.0011, 0.0, -np.inf),)) == (0, 1, 2, 3)


def test_steps_are_counted_where_integers_are_not_exact() -> None:
    near = (VECTORS.expected[0] - np.uint8(1),)
    inexact = replace(VECTORS, exact=False)
    assert bench.largest_difference(VECTORS, near) is None
    assert bench.largest_difference(inexact, near) in (1.0, 255.0) and len(bench.compare(inexact, near)) == 20
    assert bench.largest_difference(inexact, VECTORS.expected) == 0.0
    real = floats(1.0, 2.0)
    assert bench.largest_difference(replace(inexact, inputs=(real,), expected=(real,)), (real,)) is None


def test_accuracy_counts_the_largest_output() -> None:
    scores = np.array([[1, 3, 2], [5, 5, 0], [0, 1, 9]], np.int8)
    vectors = replace(VECTORS, labels=np.array([1, 0, 0]))
    assert bench.accuracy(vectors, (scores,)) == pytest.approx(2 / 3)
    assert bench.accuracy(VECTORS, (scores,)) is None
    assert bench.accuracy(vectors, (scores[:, :1],)) is None


# --- intermediate tensors ---------------------------------------------------------------------------------------------
