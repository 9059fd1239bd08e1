"""The host's end of the native protocol: one request at a time, resent on silence, with every wait bounded.

It sits between protocol.py (the records) and bench.py (the requests to make). A firmware that restarts loses its
session and refuses all requests until a new HELLO. This raises SessionLost, so that the caller can redo the sample.
"""

import secrets
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeVar, overload

from . import diagnosis, faults, protocol
from .diagnosis import Heard
from .errors import Crashed, DeviceError, KerfError, TransportError
from .protocol import Boot, Decoder, Fault, Frame, Hello, Invoke, Message, Refusal, Started, Welcome
from .transports import Transport

M = TypeVar("M", bound=Message)
N = TypeVar("N", bound=Message)

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 2.0
ANSWER_SECONDS = 8.0
HELLO_SECONDS = 12.0
BOOT_SECONDS = 1.0
# An emulator's serial port loses nothing, and receiving a byte during an inference would cost instructions.
EMULATED_INVOKE_SECONDS = 5.0
EMULATED_DONE_SECONDS = 30.0
MAX_BOOTS = 6


class SessionLost(Exception):
    """The device has restarted: send HELLO again and redo the sample."""


class InputsLost(Exception):
    """The inputs on the device differ from those sent: write them again."""


class Link:
    """A conversation over a transport. ``retries`` counts resent requests, ``boots`` boot records received."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.retries = 0
        self.boots = 0
        self._decoder = Decoder()
        self._pending: deque[Frame] = deque()  # one read may return an answer and a fault record
        self._seq = 0
        self._bytes = 0
        self._frames = 0
        self._before = Heard()  # what was heard before the latest request
        self._started = False  # whether the device has started the latest request
        self._in_session = False

    def await_boot(self, seconds: float = BOOT_SECONDS) -> None:
        """Waits for the boot record of a starting firmware, for at most ``seconds``.

        TransportError if the firmware answers requests that kerf did not send: then another program uses its line.
        """
        end = self.transport.now() + seconds
        while not self.boots and (left := end - self.transport.now()) > 0:
            for _ in self._receive(left):
                pass
        if self._frames > self.boots:
            raise TransportError(
                "the emulated firmware answers requests that kerf did not send: another program is using its serial "
                "port; end that program and retry"
            )

    def hello(self, seconds: float = HELLO_SECONDS) -> Welcome:
        """Opens a session.

        Raises DeviceError for a fault, a restart loop or another protocol version, and as `ask` if no answer arrives.
        """
        self._in_session = False
        boots_before = self.boots
        nonce = secrets.randbits(32)
        for answer in self._exchange(Hello(protocol.VERSION, nonce), seconds):
            if isinstance(answer, Boot) and self.boots - boots_before >= MAX_BOOTS:
                raise diagnosis.restarts(self.boots - boots_before, seconds)
            if isinstance(answer, Refusal) and answer.code == protocol.BAD_VERSION:
                raise self._refused(answer)  # any other refusal is a late answer to an earlier request
            if isinstance(answer, Welcome) and answer.session == nonce:
                self._in_session = True
                return answer
        raise self._unanswered(seconds)

    @overload
    def ask(self, request: Message, answer: type[M], seconds: float = ...) -> M: ...

    @overload
    def ask(self, request: Message, answer: tuple[type[M], type[N]], seconds: float = ...) -> M | N: ...

    def ask(self, request: Message, answer: Any, seconds: float = ANSWER_SECONDS) -> Any:
        """Sends a request and resends it until an answer of type ``answer`` (or of one of these types) arrives.

        Raises SessionLost if the device restarts, DeviceError if it refuses or crashes, and the error from diagnosis.py
        if no answer arrives within ``seconds``.
        """
        for received in self._exchange(request, seconds):
            if isinstance(received, answer):
                return received
            if isinstance(received, Refusal):
                raise self._refused(received)
        raise self._unanswered(seconds)

    def _exchange(self, request: Message, seconds: float) -> Iterator[Message]:
        """Sends, resends after growing intervals, and yields the answers to this request, for ``seconds``."""
        self._seq = (self._seq + 1) % 256
        self._before, self._started = self._heard(), False
        if self._frames:  # before the first frame, keep all text: it may be all there is to diagnose
            self._decoder.text.clear()
        wire = protocol.encode(request, self._seq)
        now = self.transport.now
        end = now() + seconds
        wait = FIRST_WAIT_SECONDS
        if self.transport.emulated and isinstance(request, Invoke):
            wait = EMULATED_INVOKE_SECONDS
        first = True
        while now() < end:
            self.retries += not first
            first = False
            self.transport.write(wire)
            resend = min(end, now() + wait)
            wait = max(wait, min(2 * wait, LONGEST_WAIT_SECONDS))
            while (left := resend - now()) > 0:
                for message in self._receive(left):
                    yield message
                    if isinstance(message, Started):
                        self._started = True
                        # The request is running: resending only helps if Done gets lost.
                        wait = EMULATED_DONE_SECONDS if self.transport.emulated else LONGEST_WAIT_SECONDS
                        resend = min(end, now() + wait)

    def _receive(self, timeout: float) -> Iterator[Message]:
        """Yields messages received within the timeout: unsolicited ones, and answers to the latest request."""
        if not self._pending:
            data = self.transport.read(timeout)
            if not data and (death := self.transport.alive()):
                raise TransportError(death)
            self._bytes += len(data)
            self._pending.extend(self._decoder.feed(data))
        while self._pending:
            self._frames += 1
            frame = self._pending.popleft()
            message = protocol.parse(frame)
            if isinstance(message, Fault):
                raise Crashed(faults.crashed(message), message)
            if isinstance(message, Boot):
                self.boots += 1
                if self._in_session:
                    raise SessionLost
                yield message
            elif frame.seq == self._seq:
                yield message

    def _refused(self, refusal: Refusal) -> Exception:
        if refusal.code == protocol.NO_SESSION and self._in_session:
            return SessionLost()
        if refusal.code == protocol.INPUT_CRC:
            return InputsLost()
        text = protocol.text(refusal.text)
        if refusal.code == protocol.BAD_VERSION:
            remedy = "flash it again" if refusal.detail < protocol.VERSION else "update kerf, or flash it again"
            return DeviceError(
                f"the firmware uses protocol version {refusal.detail}, kerf version {protocol.VERSION}: {remedy}"
            )
        return DeviceError(f"the firmware refused a request: {text} (code {refusal.code}, detail {refusal.detail})")

    def _heard(self) -> Heard:
        """The whole conversation so far."""
        return Heard(self._bytes, self._frames, self._decoder.bad, self._decoder.damaged, self.boots)

    def _unanswered(self, seconds: float) -> KerfError:
        """The error if the latest request got no answer."""
        ever = self._heard()
        return diagnosis.unanswered(
            ever,
            ever.since(self._before),
            bytes(self._decoder.text),
            seconds,
            started=self._started,
            emulated=self.transport.emulated,
        )
