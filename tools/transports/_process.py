"""A child process with a serial line on a loopback socket: what the emulator transports and `host` share.

The child never outlives its transport: its whole process group is killed on leaving the context, and the kernel
kills it should kerf itself be killed (Linux).
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


class Child:
    """A running program whose stderr is kept (and its stdout, where `running` was told so)."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
        self.name = name
        self.process = process
        self._errors = errors

    def obituary(self, wait_seconds: float = 0.0) -> str | None:
        """None while it runs, else one sentence: how it ended and its last words."""
        try:
            code = self.process.wait(wait_seconds) if wait_seconds else self.process.poll()
        except subprocess.TimeoutExpired:
            return None
        if code is None:
            return None
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        said = self.last_words()
        return f"{self.name} {how}" + (f"; its last words: {said}" if said else "")

    def last_words(self) -> str:
        """The tail of what is kept of its output, on one line."""
        self._errors.seek(0)
        return " | ".join(self._errors.read()[-600:].decode(errors="replace").split("\n")[-6:]).strip(" |")


def _part(process: "subprocess.Popen[bytes]", farewell: bytes) -> None:
    """Says goodbye and waits for the program to leave, if it is still there and does."""
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
    """Starts a program and kills it with its process group in the end; MissingTool(``missing``) when there is none.

    Its own group, so that Ctrl-C reaches kerf alone, which then ends the child in order. ``stdout`` may be
    subprocess.STDOUT: kept together with stderr. With a ``farewell`` its stdin stays open and empty; in the end it is
    told this, and has five seconds to leave by itself.
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
            raise MissingTool(missing or f"{command[0]} is not there") from error
        except OSError as error:
            raise TransportError(f"{command[0]} cannot be started: {error}") from error
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
                    with suppress(OSError):  # what was not written to a dead program
                        pipe.close()


class ChildTransport:
    """A child's serial line; when it breaks, the error says how the child ended."""

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
            self._child.obituary(wait_seconds=2.0) or f"{self._child.name} closed its serial line: {error}"
        )
