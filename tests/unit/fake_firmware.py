"""The device's side of the protocol in Python: a handler for tools.transports.fake, for tests without a compiler.

The model adds 1 to every byte of its only input, and overwrites the input. With the capability KEEPS_STATE it also adds
how many inferences there were since its state was reset.
"""

import struct
import zlib
from dataclasses import dataclass, field

from tools import protocol
from tools.protocol import Decoder, Frame, Message
from tools.values import Identity

SHA256 = bytes(range(32))
IDENTITY = Identity("stm32f4", "cortex-m4", "aot", "0123456789abcdef", "portable")


@dataclass
class FakeFirmware:
    """Called with bytes, returns the answer's bytes. ``ticks`` are the times of the inferences, in turn."""

    size: int = 70
    output_size: int = 70
    ticks: tuple[int, ...] = (1000,)
    instructions_per_tick: float = 1.0
    capabilities: int = protocol.CAN_PROFILE | protocol.CAN_CAPTURE
    setup: tuple[int, int] = (0, 0)
    version: int = protocol.VERSION
    identity: Identity = IDENTITY
    sha256: bytes = SHA256
    state_reset: tuple[int, int] = (0, 0)
    corrupt_outputs: int = 0
    ignored: int = 0  # requests not answered
    invokes: int = 0
    corrupt_captures: int = 0
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._decoder = Decoder()
        self.reset()

    def reset(self) -> bytes:
        """Restarts; returns the boot message."""
        self.session = False
        self.inferences = 0
        self.paused: int | None = None
        self.input = bytes(self.size)
        self.output = bytes(self.size)
        self._last: tuple[Frame | None, bytes] = (None, b"")
        return protocol.encode(protocol.Boot(protocol.VERSION, 0, 0, 5), 0)

    def __call__(self, data: bytes) -> bytes:
        return b"".join(self._take(frame) for frame in self._decoder.feed(data))

    def captured(self, op: int) -> bytes:
        """The output of one of the two operators: the first is the model's output, the second its first half."""
        return self.output if op == 0 else self.output[: len(self.output) // 2]

    def _infer(self) -> bytes:
        more = 1 + (self.inferences if self.capabilities & protocol.KEEPS_STATE else 0)
        self.inferences += 1
        return bytes((byte + more) % 256 for byte in self.input)

    def _take(self, frame: Frame) -> bytes:
        if self.ignored > 0:
            self.ignored -= 1
            return b""
        if frame != self._last[0]:
            request = protocol.parse(frame)
            self.requests.append(type(request).__name__)
            self._last = frame, b"".join(protocol.encode(answer, frame.seq) for answer in self._answers(request))
        return self._last[1]

    def _answers(self, request: Message) -> list[Message]:
        if isinstance(request, protocol.Hello):
            if self.version != request.version:
                return [protocol.Refusal(protocol.BAD_VERSION, self.version, b"other protocol version")]
            self.session, self.paused = True, None
            about = (self.version, self.capabilities, request.nonce, self.sha256, 0, 64_000_000, 1, 1, 2, *self.setup)
            return [protocol.Welcome(*about)]
        if not self.session:
            return [protocol.Refusal(protocol.NO_SESSION, 0, b"say hello first")]
        if isinstance(request, protocol.Write):
            end = request.offset + len(request.data)
            self.input = self.input[: request.offset] + request.data + self.input[end:]
            return [protocol.Written(end)]
        if isinstance(request, protocol.Invoke):
            if zlib.crc32(self.input) != request.inputs_crc32:
                return [protocol.Refusal(protocol.INPUT_CRC, zlib.crc32(self.input), b"")]
            self.output = self._infer()[: self.output_size]
            self.input = b"\x55" * self.size
            ticks = self.ticks[self.invokes % len(self.ticks)]
            self.invokes += 1
            return [protocol.Started(), protocol.Done(0, 0, ticks, zlib.crc32(self.output))]
        if isinstance(request, (protocol.Capture, protocol.Resume)):
            if isinstance(request, protocol.Capture):
                if zlib.crc32(self.input) != request.inputs_crc32:
                    return [protocol.Refusal(protocol.INPUT_CRC, zlib.crc32(self.input), b"")]
                self.output = self._infer()
                self.input = b"\x55" * self.size
            self.paused = None if request.op == protocol.NO_OP else request.op
            if self.paused is None:
                return [protocol.Started(), protocol.Done(0, 0, 0, zlib.crc32(self.output))]
            data = self.captured(self.paused)
            return [protocol.Started(), protocol.Paused(self.paused, len(data), zlib.crc32(data))]
        if isinstance(request, protocol.Read) and request.object == protocol.PAUSED_OUTPUT:
            assert self.paused is not None
            data = self.captured(self.paused)
            if self.corrupt_captures > 0:
                self.corrupt_captures -= 1
                data = bytes(len(data))
            return [protocol.Data(data[request.offset : request.offset + request.count])]
        if isinstance(request, protocol.Read) and request.object == protocol.TEXT:
            who = self.identity
            texts = ("model", "id", who.runtime, who.kernels, who.target, who.core, who.build)
            data = texts[request.index].encode()
            return [protocol.Data(data[request.offset : request.offset + request.count])]
        if isinstance(request, protocol.Read):
            data = self.output if request.object == protocol.OUTPUT else struct.pack("<QQ", 400 + self.invokes, 600)
            if self.corrupt_outputs > 0:
                self.corrupt_outputs -= 1
                data = bytes(len(data))
            return [protocol.Data(data[request.offset : request.offset + request.count])]
        if isinstance(request, protocol.ResetState):
            self.inferences = 0
            return [protocol.StateReset(*self.state_reset)]
        if isinstance(request, protocol.AskStats):
            return [protocol.Stats(50, 300, 1024, 2048, 2000)]
        if isinstance(request, protocol.Calibrate):
            instructions = 3 * request.turns
            return [protocol.Calibrated(instructions, 7 + int(instructions / self.instructions_per_tick))]
        raise AssertionError(request)
