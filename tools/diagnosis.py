"""Explains why a request got no answer, from everything received on the serial port; pure, used by link.py."""

import re
from dataclasses import astuple, dataclass

from .errors import DeviceError, KerfError, ProtocolError, TransportError

BAUD = 115200
# At least this many bytes that are neither frames nor text are noise: a device that dies mid-frame leaves fewer.
MUCH_NOISE_BYTES = 16
# The share of bad frames that must have the shape of a frame (protocol.Decoder.damaged) for the sender to count as
# kerf's firmware. 0.4 % of random frames have it; with 1 % of the bits wrong, most real frames still do.
FRAMELIKE_SHARE = 0.1
# A share of damaged frames that explains six lost requests in a row.
NOISY_SHARE = 0.3
MANY_STARTS = 3
# Boot messages of an ESP32: its ROM's (`ets Jul 29 2019 …`, `rst:0x1 (POWERON_RESET),boot:0x13 …`, `clk_drv:0x00,…`,
# `load:0x3fff0030,len:1184`, `ho 0 tail 12 room 4`, `entry 0x400805f0`), then its bootloader's (`I (31) boot: …`).
_ROM = re.compile(
    r"ets [A-Z][a-z]{2} +\d|ESP-ROM:|Build:|rst:0x|configsip:|SPIWP:|clk_drv:|mode:\w+, clock|load:0x|ho \d|entry 0x"
    r"|\W*(\d+;\d+m)?[DIWE] \(\d+\) (boot|esp_image|qio_mode|spi_flash|flash_encrypt|secure_boot)"
)


@dataclass(frozen=True)
class Heard:
    """What was received: ``bytes`` in total, intact ``frames`` (``boots`` of them boot records), ``bad`` and
    ``damaged`` frames as counted by protocol.Decoder."""

    bytes: int = 0
    frames: int = 0
    bad: int = 0
    damaged: int = 0
    boots: int = 0

    def since(self, before: "Heard") -> "Heard":
        """What was received after ``before``."""
        return Heard(*(now - then for now, then in zip(astuple(self), astuple(before), strict=True)))


def unanswered(
    ever: Heard, lately: Heard, outside: bytes, seconds: float, started: bool, emulated: bool = False
) -> KerfError:
    """The error for a request that got no answer for ``seconds``.

    ``ever`` covers the whole conversation, ``lately`` the time since the request; ``outside`` are the bytes since the
    request that belong to no frame. ``started``: the device has acknowledged the request. ``emulated``: it is an
    emulator, which has neither a cable nor a reset button.
    """
    if not ever.bytes and emulated:
        return TransportError(
            f"the emulated firmware sent nothing within {seconds:.0f} s: this machine may be too busy; retry when it "
            "is idle"
        )
    if not ever.bytes:
        return TransportError(
            f"the device sent nothing within {seconds:.0f} s: check that --port is the right serial port, that the "
            "firmware is flashed, and that the board is not in its bootloader"
        )
    if lately.boots >= MANY_STARTS:
        return restarts(lately.boots, seconds)
    text = _text(outside)
    kerf_speaks = ever.frames > 0 or ever.damaged > FRAMELIKE_SHARE * ever.bad
    is_noisy = lately.bad or ever.bad > NOISY_SHARE * (ever.bad + ever.frames)
    if kerf_speaks and (is_noisy or (text is None and len(outside) >= MUCH_NOISE_BYTES)):
        return _noise(ever, len(outside))
    if text and not lately.frames:
        return _talk(text, bool(ever.frames), seconds)
    if ever.frames:
        what = "started the request but did not finish it" if started else "stopped answering: it did not reply"
        remedy = "it may hang: reset it and retry"
        if emulated:
            remedy = "the inference may need more time, or this machine is too busy: retry when it is idle"
        return TransportError(f"the device {what} within {seconds:.0f} s, and sent no fault record; {remedy}")
    return ProtocolError(
        f"received only undecodable bytes ({ever.bytes:,}): probably a wrong baud rate (use {BAUD}), or a connection "
        "so noisy that no frame survives (check the cable and the ground)"
    )


def restarts(times: int, seconds: float) -> DeviceError:
    """The error for a device that restarted ``times`` times within ``seconds``."""
    return DeviceError(
        f"the device keeps restarting ({times} times within {seconds:.0f} s): check for a watchdog reset, a weak power "
        "supply, or a crash in setup"
    )


def _noise(ever: Heard, outside: int) -> TransportError:
    if ever.bad:
        what = f"{ever.bad:,} of {ever.bad + ever.frames:,} frames were damaged"
    else:
        what = f"{outside:,} bytes belonged to no frame"
    return TransportError(
        f"the serial connection is noisy: {what}; check the cable, the ground and the baud rate ({BAUD})"
    )


def _talk(text: list[str], was_kerf: bool, seconds: float) -> KerfError:
    """The error for a device that sends only text. The boot messages of an ESP32 do not come from its firmware."""
    last = repr(text[-1][:60])
    starts = sum(line.startswith("rst:0x") for line in text)
    if "waiting for download" in text[-1]:
        return DeviceError("the ESP32 is in download mode: release its BOOT button and press reset")
    if starts >= MANY_STARTS:
        return restarts(starts, seconds)
    if all(_ROM.match(line) for line in text):
        return DeviceError(
            f"the ESP32 was still booting after {seconds:.0f} s (its ROM printed {last}): retry, and flash it again if "
            "that does not help"
        )
    if was_kerf:
        return ProtocolError(f"the device stopped sending frames and now sends {last}: reset it and retry")
    return ProtocolError(
        f"the board runs other firmware: it sends text ({last}) instead of kerf's frames; flash it first"
    )


def _text(outside: bytes) -> list[str] | None:
    """The nonblank lines; ["blank lines"] if there are none, [] without any bytes, None for binary data."""
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in outside)
    if printable < 0.8 * len(outside):
        return None
    lines = outside.decode("ascii", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()] or (["blank lines"] if outside else [])
