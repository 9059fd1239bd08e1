"""What can be wrong with a line → the message: in each case, the bench talks to a device until it gives up."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from fake_firmware import SHA256, FakeFirmware

from tools import bench, protocol
from tools.errors import DeviceError, KerfError, ProtocolError, TransportError
from tools.transports.fake import FakeTarget
from tools.values import Vectors

INPUTS = np.random.default_rng(0).integers(0, 256, (20, 7, 10), dtype=np.uint8)
VECTORS = Vectors((INPUTS,), (INPUTS + np.uint8(1),), None, (), "by hand", True)

Device = Callable[[bytes], bytes]

ROM = (
    b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
    b"configsip: 0, SPIWP:0xee\r\nclk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\n"
    b"mode:DIO, clock div:2\r\nload:0x3fff0030,len:1184\r\nload:0x40078000,len:13232\r\nentry 0x400805f0\r\n"
)
BOOTLOADER = (
    b"\x1b[0;32mI (31) boot: ESP-IDF v5.5.3 2nd stage bootloader\x1b[0m\r\n"
    b"I (58) esp_image: segment 0: paddr=00010020\r\n"
)
ROM_LOADER = b"ESP-ROM:esp32c3-api1-20210207\r\nrst:0x1 (POWERON),boot:0x5 (DOWNLOAD)\r\nwaiting for download\r\n"
BOOT = protocol.encode(protocol.Boot(protocol.VERSION, 0, 0, 0), 0)
PARTIAL = b"\0\x09\x85"  # what a device leaves behind that dies while it sends


def saying(*answers: bytes) -> Device:
    """One after the other, and then nothing."""
    left = list(answers)
    return lambda data: left.pop(0) if left else b""


def always(answer: bytes) -> Device:
    return lambda data: answer


def spoiled(device: Device, share_of_bits: float, clean: int = 0) -> Device:
    """A line that flips bits of what ``device`` sends, after some answers that it leaves unchanged."""
    rng, heard = random.Random(1), 0

    def answer(data: bytes) -> bytes:
        nonlocal heard
        said = device(data)
        heard += 1
        if heard <= clean:
            return said
        return bytes(byte ^ sum((rng.random() < share_of_bits) << bit for bit in range(8)) for byte in said)

    return answer


def after(answers: int, then: Device) -> Device:
    """A firmware that works until it has given this number of answers."""
    firmware, heard = FakeFirmware(), 0

    def answer(data: bytes) -> bytes:
        nonlocal heard
        heard += 1
        return firmware(data) if heard <= answers else then(data)

    return answer


def random_bytes(count: int) -> Device:
    rng = random.Random(2)
    return lambda data: rng.randbytes(count)


def hangs_in_the_inference() -> Device:
    firmware = FakeFirmware()

    def answer(data: bytes) -> bytes:
        (frame,) = protocol.Decoder().feed(data)
        is_invoke = isinstance(protocol.parse(frame), protocol.Invoke)
        return protocol.encode(protocol.Started(), frame.seq) if is_invoke else firmware(data)

    return answer


@dataclass(frozen=True)
class Case:
    """A condition of the line, and the error that it ends in."""

    condition: str
    device: Callable[[], Device]
    error: type[KerfError]
    sentence: str
    within_seconds: float = 13.0


NOISY = (
    r"^the serial connection is noisy: [\d,]+ of [\d,]+ frames were damaged; "
    "check the cable, the ground and the baud rate"
)
CASES = [
    Case("silence", lambda: always(b""), TransportError, r"the device sent nothing within 12 s"),
    Case("noise after good frames", lambda: spoiled(FakeFirmware(), 0.05, 9), TransportError, NOISY),
    Case("noise after a good frame in the handshake", lambda: spoiled(FakeFirmware(), 0.05, 1), TransportError, NOISY),
    Case("noise from the start", lambda: spoiled(FakeFirmware(), 0.02), TransportError, NOISY),
    Case(
        "noise after one good frame of the same request",
        lambda: saying(BOOT, *[protocol.encode(protocol.Started(), 1)[:-3] + b"\x01\x01\0"] * 6),
        TransportError,
        r"^the serial connection is noisy: 6 of 7 frames were damaged",
    ),
    Case(
        "another baud rate after good frames",
        lambda: after(9, random_bytes(60)),
        TransportError,
        "^the serial connection is noisy: ",
    ),
    Case(
        "noise without a delimiter after good frames",
        lambda: after(9, always(b"\xff\xfe\x80" * 9)),
        TransportError,
        r"^the serial connection is noisy: 189 bytes belonged to no frame; check the cable",
    ),
    Case(
        "wrong baud rate, few bytes",
        lambda: always(b"\xf8\x80\xfe" * 20),
        ProtocolError,
        "probably a wrong baud rate",
    ),
    Case(
        "wrong baud rate, a stream",
        lambda: random_bytes(20_000),
        ProtocolError,
        "probably a wrong baud rate",
    ),
    Case(
        "another firmware",
        lambda: always(b"Hello from Arduino!\r\n"),
        ProtocolError,
        r"other firmware: .* \('Hello from Arduino!'\) .*; flash it first",
    ),
    Case(
        "a firmware that says blank lines", lambda: always(b"\r\n"), ProtocolError, r"text \('blank lines'\) instead of"
    ),
    Case(
        "an ESP32 that still boots",
        lambda: saying(ROM),
        DeviceError,
        r"the ESP32 was still booting after 12 s \(its ROM printed 'entry 0x400805f0'\): retry",
    ),
    Case(
        "an ESP32 whose bootloader still talks",
        lambda: saying(ROM + BOOTLOADER),
        DeviceError,
        r"the ESP32 was still booting after 12 s \(its ROM printed 'I \(58\) esp_image: segment 0: paddr=00010020'\)",
    ),
    Case(
        "an ESP32 with another firmware",
        lambda: saying(ROM + BOOTLOADER + b"Hello from ESP-IDF!\r\n"),
        ProtocolError,
        r"other firmware: .* \('Hello from ESP-IDF!'\)",
    ),
    Case(
        "an ESP32 that restarts before its firmware starts",
        lambda: always(ROM),
        DeviceError,
        r"keeps restarting \(9 times within 12 s\)",
    ),
    Case("an ESP32 in its loader", lambda: saying(ROM_LOADER), DeviceError, "release its BOOT button"),
    Case(
        "an ESP32 that leaves the firmware",
        lambda: after(9, saying(ROM)),
        DeviceError,
        r"the ESP32 was still booting after 8 s",
    ),
    Case(
        "a board that turns to text",
        lambda: after(9, saying(b"MCU reset\r\n>>> ")),
        ProtocolError,
        r"the device stopped sending frames and now sends '>>>': reset it",
    ),
    Case("a device that restarts endlessly", lambda: always(BOOT), DeviceError, r"keeps restarting \(6 times"),
    Case(
        "a device that restarts slowly",
        lambda: saying(b"", BOOT, b"", BOOT, b"", BOOT),
        DeviceError,
        r"keeps restarting \(3 times within 12 s\)",
    ),
    Case(
        "a device that starts and hangs",
        lambda: saying(BOOT + b"\r\nm-init-done\r\nm-ready\r\n"),
        TransportError,
        r"the device stopped answering: it did not reply within 12 s, and sent no fault record; it may hang",
    ),
    Case(
        "a device that hangs",
        lambda: after(9, always(b"")),
        TransportError,
        "stopped answering: it did not reply within 8 s",
    ),
    Case(
        "a device that hangs while it sends",
        lambda: after(9, saying(PARTIAL, b"", b"\xff")),
        TransportError,
        "stopped answering: it did not reply within 8 s",
    ),
    Case(
        "a device that hangs in the inference",
        hangs_in_the_inference,
        TransportError,
        "the device started the request but did not finish it within 120 s",
        within_seconds=121.0,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.condition)
def test_the_line_is_called_what_it_is(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "secrets.randbits", lambda bits: 0x12345678
    )  # the nonce decides what the noise makes of an answer
    target = FakeTarget(case.device())
    with pytest.raises(KerfError, match=case.sentence) as caught:
        bench.run(target, VECTORS, SHA256.hex(), 2)
    assert type(caught.value) is case.error
    assert target.now() < case.within_seconds


@pytest.mark.parametrize(
    ("device", "unasked", "sentence"),
    [
        (always(b""), b"", "^the emulated firmware sent nothing within 12 s: this machine may be too busy; retry when"),
        (
            hangs_in_the_inference(),
            BOOT,
            "did not finish it within 120 s, .*; the inference may need more time",
        ),
        (
            always(b""),
            BOOT + protocol.encode(protocol.Started(), 7),
            "^the emulated firmware answers requests that kerf did not send: another program is using its serial port",
        ),
    ],
    ids=["silence", "a slow inference", "another program"],
)
def test_an_emulator_has_no_reset_button(device: Device, unasked: bytes, sentence: str) -> None:
    target = FakeTarget(device, emulated=True)
    target.say(unasked)
    with pytest.raises(TransportError, match=sentence) as caught:
        bench.run(target, VECTORS, SHA256.hex(), 2)
    assert "reset" not in str(caught.value) and "cable" not in str(caught.value)


@pytest.mark.parametrize("share_of_bits", [0.01, 0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("clean", [1, 5, 40])
def test_no_noise_is_taken_for_anything_else_after_a_good_frame(share_of_bits: float, clean: int) -> None:
    """Either all samples arrive, or the error names the noise."""
    try:
        run = bench.run(FakeTarget(spoiled(FakeFirmware(), share_of_bits, clean)), VECTORS, SHA256.hex(), 2)
    except KerfError as error:
        assert str(error).startswith("the serial connection is noisy: ")
    else:
        assert np.array_equal(run.outputs[0], VECTORS.expected[0])


@pytest.mark.parametrize("nonce", range(1, 1 << 32, 1 << 29))
@pytest.mark.parametrize("share_of_bits", [0.02, 0.05, 0.1])
def test_noise_from_the_start_is_named(share_of_bits: float, nonce: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few spoiled answers may look like a wrong baud rate, depending on the nonce: then both are named."""
    monkeypatch.setattr("secrets.randbits", lambda bits: nonce)
    with pytest.raises((TransportError, ProtocolError), match="noisy"):
        bench.run(FakeTarget(spoiled(FakeFirmware(), share_of_bits)), VECTORS, SHA256.hex(), 2)
