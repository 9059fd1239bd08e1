"""The serial protocol's native dialect (docs/protocol.md): bytes ↔ records, pure.

A frame on the wire is ``0x00 COBS(type u8, seq u8, payload, crc32 u32) 0x00``, at most 64 bytes; all numbers are
little-endian. `encode` turns a message into a frame, `Decoder` finds frames in a stream, `parse` turns one into its
record.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import ClassVar

from cobs import cobs

from .errors import ProtocolError

VERSION = 2
MAX_WIRE_BYTES = 64  # larger USB CDC writes get lost on the Nano 33 BLE
MAX_BODY_BYTES = MAX_WIRE_BYTES - 2  # between the delimiters; COBS code bytes are never larger, letters always are
MAX_PAYLOAD_BYTES = MAX_BODY_BYTES - 1 - 2 - 4  # COBS, type and seq, CRC
MIN_BODY_BYTES = 1 + 2 + 4

# Objects that READ can read.
OUTPUT, OP_TICKS, TEXT, INPUT_INFO, OUTPUT_INFO, PAUSED_OUTPUT = range(6)
# The indices of TEXT (of seven) that identify the firmware.
RUNTIME, KERNELS, TARGET, CORE, BUILD = range(2, 7)
# Capabilities in HELLO's answer, one bit each.
CAN_PROFILE, CAN_CAPTURE, KEEPS_STATE = 1, 2, 4
# port.h's TickUnit, by its number.
TICK_UNITS = ("cycles", "us")

# ERROR codes
NO_SESSION, UNKNOWN_REQUEST, BAD_LENGTH, OUT_OF_RANGE, INPUT_CRC, NOT_READY, BAD_VERSION, BUSY = range(1, 9)
# The bit in INVOKE's flags that requests the time of every operator.
PROFILE = 1
# RESUME: to the end of the inference.
NO_OP = 0xFFFF


@dataclass(frozen=True)
class Frame:
    """One frame with a valid CRC."""

    type: int
    seq: int
    payload: bytes


@dataclass(frozen=True)
class Message:
    """Base of the records. LAYOUT is a struct format; with TAIL, the last field takes the remaining bytes."""

    TYPE: ClassVar[int]
    LAYOUT: ClassVar[str]
    TAIL: ClassVar[bool] = False


@dataclass(frozen=True)
class Hello(Message):
    """Opens a session; until then the device refuses everything else."""

    TYPE, LAYOUT = 0x01, "<BI"
    version: int
    nonce: int


@dataclass(frozen=True)
class Welcome(Message):
    """HELLO's answer. ``session`` is the nonce of the HELLO; ``setup_status`` is model.h's Status with its detail."""

    TYPE, LAYOUT = 0x81, "<BHI32sBIBBHBI"
    version: int
    capabilities: int
    session: int
    model_sha256: bytes
    tick_unit: int
    tick_hz: int
    inputs: int
    outputs: int
    ops: int
    setup_status: int
    setup_detail: int


@dataclass(frozen=True)
class Write(Message):
    """Puts bytes into an input tensor."""

    TYPE, LAYOUT, TAIL = 0x02, "<BI", True
    index: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Written(Message):
    """WRITE's answer: the offset after the last byte written."""

    TYPE, LAYOUT = 0x82, "<I"
    end: int


@dataclass(frozen=True)
class Invoke(Message):
    """Runs the model if ``inputs_crc32`` matches all inputs on the device, concatenated."""

    TYPE, LAYOUT = 0x03, "<BI"
    flags: int
    inputs_crc32: int


@dataclass(frozen=True)
class Started(Message):
    """INVOKE is under way; Done follows with the same sequence number."""

    TYPE, LAYOUT = 0x83, "<"


@dataclass(frozen=True)
class Done(Message):
    """INVOKE is done: model.h's Status and detail, ticks, CRC-32 over all outputs, concatenated."""

    TYPE, LAYOUT = 0x84, "<BIQI"
    status: int
    detail: int
    ticks: int
    outputs_crc32: int


@dataclass(frozen=True)
class Read(Message):
    """Requests ``count`` bytes of an object (OUTPUT … PAUSED_OUTPUT), starting at ``offset``."""

    TYPE, LAYOUT = 0x05, "<BBIB"
    object: int
    index: int
    offset: int
    count: int


@dataclass(frozen=True)
class Data(Message):
    """READ's answer; fewer bytes than requested where the object ends."""

    TYPE, LAYOUT, TAIL = 0x85, "<", True
    data: bytes


@dataclass(frozen=True)
class AskStats(Message):
    """Requests Stats."""

    TYPE, LAYOUT = 0x06, "<"


@dataclass(frozen=True)
class Stats(Message):
    """How long setup() took, and memory use. Stack sizes are 0 where the port does not know them."""

    TYPE, LAYOUT = 0x86, "<QIIII"
    setup_ticks: int
    stack_used_bytes: int
    stack_size_bytes: int
    arena_bytes: int
    arena_used_bytes: int


@dataclass(frozen=True)
class Calibrate(Message):
    """Runs port.h's spin()."""

    TYPE, LAYOUT = 0x07, "<I"
    turns: int


@dataclass(frozen=True)
class Calibrated(Message):
    """How many instructions the loop took (0: unknown on this port) and how many ticks elapsed."""

    TYPE, LAYOUT = 0x87, "<IQ"
    instructions: int
    ticks: int


@dataclass(frozen=True)
class Reset(Message):
    """Restarts the device: it answers, restarts, and sends Boot."""

    TYPE, LAYOUT = 0x08, "<"


@dataclass(frozen=True)
class Resetting(Message):
    """RESET's answer."""

    TYPE, LAYOUT = 0x88, "<"


@dataclass(frozen=True)
class Capture(Message):
    """Like INVOKE, but pauses after operator ``op``, so that its output can be read (PAUSED_OUTPUT)."""

    TYPE, LAYOUT = 0x09, "<HI"
    op: int
    inputs_crc32: int


@dataclass(frozen=True)
class Resume(Message):
    """Continues a paused inference until after operator ``op``; NO_OP: to its end, reported by Done."""

    TYPE, LAYOUT = 0x0A, "<H"
    op: int


@dataclass(frozen=True)
class ResetState(Message):
    """Resets the model's state to what it was after setup()."""

    TYPE, LAYOUT = 0x0B, "<"


@dataclass(frozen=True)
class StateReset(Message):
    """RESET_STATE's answer: model.h's Status and detail."""

    TYPE, LAYOUT = 0x8B, "<BI"
    status: int
    detail: int


@dataclass(frozen=True)
class Paused(Message):
    """CAPTURE's and RESUME's answer, after Started: the operator just done, its output's size and CRC-32."""

    TYPE, LAYOUT = 0x89, "<HII"
    op: int
    bytes: int
    crc32: int


@dataclass(frozen=True)
class Boot(Message):
    """Sent once after every start, unsolicited. It ends any session."""

    TYPE, LAYOUT = 0xE0, "<BBIQ"
    version: int
    setup_status: int
    setup_detail: int
    setup_ticks: int


@dataclass(frozen=True)
class Fault(Message):
    """Sent by a fault handler, unsolicited: bench.h's Fault."""

    TYPE, LAYOUT = 0xE1, "<8I"
    kind: int
    pc: int
    lr: int
    psr: int
    cfsr: int
    hfsr: int
    address: int
    sp: int


@dataclass(frozen=True)
class Refusal(Message):
    """The answer to a request that the device refuses."""

    TYPE, LAYOUT, TAIL = 0xFF, "<BI", True
    code: int
    detail: int
    text: bytes


MESSAGES: dict[int, type[Message]] = {
    m.TYPE: m
    for m in (
        *(Hello, Welcome, Write, Written, Invoke, Started, Done, Read, Data, AskStats, Stats),
        *(
            Calibrate,
            Calibrated,
            Reset,
            Resetting,
            Capture,
            Resume,
            ResetState,
            StateReset,
            Paused,
            Boot,
            Fault,
            Refusal,
        ),
    )
}

MAX_WRITE_BYTES = MAX_PAYLOAD_BYTES - struct.calcsize(Write.LAYOUT)
MAX_READ_BYTES = MAX_PAYLOAD_BYTES


def encode_frame(frame: Frame) -> bytes:
    """The bytes of a frame on the wire, including both delimiters; ValueError for a payload of over 55 bytes."""
    if len(frame.payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a payload of {len(frame.payload)} bytes is longer than {MAX_PAYLOAD_BYTES}")
    body = bytes((frame.type, frame.seq)) + frame.payload
    encoded: bytes = cobs.encode(body + struct.pack("<I", zlib.crc32(body)))
    return b"\0" + encoded + b"\0"


def encode(message: Message, seq: int) -> bytes:
    """The bytes of a message on the wire. seq 0 … 255."""
    values = astuple(message)
    tail = values[-1] if message.TAIL else b""
    fixed = values[:-1] if message.TAIL else values
    return encode_frame(Frame(message.TYPE, seq, struct.pack(message.LAYOUT, *fixed) + tail))


def parse(frame: Frame) -> Message:
    """The record in a frame; ProtocolError when its type is unknown or its payload has the wrong length."""
    kind = MESSAGES.get(frame.type)
    if kind is None:
        raise ProtocolError(f"the device sent a frame of unknown type 0x{frame.type:02x}; update kerf")
    size = struct.calcsize(kind.LAYOUT)
    if len(frame.payload) < size or (not kind.TAIL and len(frame.payload) > size):
        raise ProtocolError(
            f"the device sent a {kind.__name__} record of {len(frame.payload)} bytes instead of {size}; "
            "flash it again with this version of kerf"
        )
    values = struct.unpack(kind.LAYOUT, frame.payload[:size])
    make: Callable[..., Message] = kind
    return make(*values, frame.payload[size:]) if kind.TAIL else make(*values)


def text(data: bytes) -> str:
    """A device's text as one line; what cannot be printed becomes U+FFFD."""
    letters = data.decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in letters)


@dataclass
class Decoder:
    """Finds frames in a stream that also carries text and noise; its C++ twin is in firmware/bench/wire.h.

    ``bad`` counts frame candidates that turned out not to be frames, ``damaged`` those of them in which only the CRC is
    wrong, which noise and a wrong baud rate hardly ever produce. ``text`` keeps the latest bytes outside frames, so
    that an error can show what the other side says instead. A byte above 62 where COBS has a code byte cannot be part
    of a frame, so it and what follows are text: a lost delimiter cannot swallow an ASCII command.
    """

    bad: int = 0
    damaged: int = 0
    text: bytearray = field(default_factory=bytearray)
    _in_frame: bool = False
    _body: bytearray = field(default_factory=bytearray)
    _next_code: int = 0

    TEXT_KEPT: ClassVar[int] = 4096

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by these bytes."""
        frames = [frame for byte in data if (frame := self._take(byte)) is not None]
        del self.text[: -self.TEXT_KEPT]
        return frames

    def _take(self, byte: int) -> Frame | None:
        if byte == 0:
            frame = self._finish()
            self._body.clear()
            self._next_code = 0
            self._in_frame = frame is None
            return frame
        if not self._in_frame:
            self.text.append(byte)
            return None
        at = len(self._body)
        if at == MAX_BODY_BYTES or (at == self._next_code and byte > MAX_BODY_BYTES):
            self.bad += at > 0
            self._in_frame = False
            self.text.append(byte)
            return None
        if at == self._next_code:
            self._next_code += byte
        self._body.append(byte)
        return None

    def _finish(self) -> Frame | None:
        if not self._in_frame or not self._body:
            return None
        content = unstuff(bytes(self._body))
        frame = None if content is None else check(content)
        self.bad += frame is None
        self.damaged += content is not None and frame is None
        return frame


def unstuff(body: bytes) -> bytes | None:
    """Type, seq, payload and CRC between two delimiters, or None if it does not have the shape of a frame."""
    if not MIN_BODY_BYTES <= len(body) <= MAX_BODY_BYTES:
        return None
    try:
        content: bytes = cobs.decode(body)
    except cobs.DecodeError:
        return None
    return content


def check(content: bytes) -> Frame | None:
    """The frame, or None when its CRC is wrong."""
    rest, crc = content[:-4], content[-4:]
    return Frame(rest[0], rest[1], rest[2:]) if struct.pack("<I", zlib.crc32(rest)) == crc else None
