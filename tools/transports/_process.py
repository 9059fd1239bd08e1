"""A child process with a serial port on a loopback socket, shared by the emulator transports and `host`.

The child never outlives its transport: its process group is killed on leaving the context, and on Linux the kernel
kills the child if kerf itself is killed.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .. import child
from ..errors import MissingTool, TransportError
from .serial import SerialTransport

_FAREWELL_SECONDS = 5.0
_SAID_BYTES = 65_536


class Child:
    """A running program with its stderr captured, and its stdout if `running` was asked to."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
        self.name = name
        self.process = process
        self._errors = errors

    def obituary(self, wait_seconds: float = 0.0) -> str | None:
        """None while it runs, else a sentence on how it ended and its last output."""
        try:
            code = self.process.wait(wait_seconds) if wait_seconds else self.process.poll()
        except subprocess.TimeoutExpired:
            return None
        if code is None:
            return None
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        said = self.last_words()
        return f"{self.name} {how}" + (f"; its last output: {said}" if said else "")

    def said(self) -> str:
        """The end of the captured output so far, without control characters except line feeds."""
        # Not seek and read: the program shares the file's position, and would write where that leads.
        size = os.fstat(self._errors.fileno()).st_size
        data = os.pread(self._errors.fileno(), _SAID_BYTES, max(0, size - _SAID_BYTES))
        return "".join(each for each in data.decode(errors="replace") if each == "\n" or each.isprintable())

    def last_words(self) -> str:
        """The tail of the captured output, on one line."""
        lines = [line.strip() for line in self.said()[-600:].splitlines()]
        return " | ".join([line for line in lines if line][-6:])


def _part(process: "subprocess.Popen[bytes]", farewell: bytes) -> None:
    """Sends the farewell and gives the program time to exit."""
    with suppress(OSError, subprocess.TimeoutExpired):
        process.communicate(farewell, timeout=_FAREWELL_SECONDS)


@contextmanager
def running(
    command: Sequence[str | Path],
    pass_fds: Sequence[int] = (),
    missing: str = "",
    stdout: IO[bytes] | int = subprocess.DEVNULL,
    cwd: Path | None = None,
    farewell: bytes = b"",
) -> Iterator[Child]:
    """Runs a program and finally kills its process group; MissingTool(``missing``) if the program does not exist.

    The program has its own process group, so that Ctrl-C reaches only kerf, which then stops the program in order. With
    ``stdout`` = subprocess.STDOUT, stdout is captured together with stderr. With a ``farewell``, the program's stdin
    stays open; the farewell is written to it on exit, and the program has five seconds to quit by itself.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE if farewell else subprocess.DEVNULL,
                stdout=errors if stdout == subprocess.STDOUT else stdout,
                stderr=errors,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                preexec_fn=child.die_with_parent(),
                cwd=cwd,
            )
        except FileNotFoundError as error:
            raise MissingTool(missing or f"{command[0]} does not exist") from error
        except OSError as error:
            raise TransportError(f"cannot start {command[0]}: {error}") from error
        try:
            yield Child(Path(command[0]).name, process, errors)
        finally:
            try:
                if farewell:
                    _part(process, farewell)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # unflushed data for a dead program
                        pipe.close()


class ChildTransport:
    """A child's serial port; if it breaks, the error says how the child ended."""

    def __init__(self, line: SerialTransport, child: Child, emulated: bool) -> None:
        self._line = line
        self._child = child
        self.emulated = emulated
        self.pid = child.process.pid

    def now(self) -> float:
        return time.monotonic()

    def alive(self) -> str | None:
        return self._child.obituary()

    def read(self, timeout: float) -> bytes:
        try:
            return self._line.read(timeout)
        except TransportError as error:
            raise self._why(error) from error

    def write(self, data: bytes) -> None:
        try:
            self._line.write(data)
        except TransportError as error:
            raise self._why(error) from error

    def _why(self, error: TransportError) -> TransportError:
        return TransportError(
            self._child.obituary(wait_seconds=2.0) or f"{self._child.name} closed its serial port: {error}"
        )
