"""Runs a firmware built for the host, which serves its serial port on a loopback socket."""

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import TransportError
from . import serial
from ._process import Child, ChildTransport, running

_START_SECONDS = 10.0


@contextmanager
def open(elf: Path) -> Iterator[ChildTransport]:
    """Runs ``elf`` and yields its serial port. The program must print "listening on PORT", else TransportError."""
    with (
        running([elf, "0"], stdout=subprocess.PIPE, missing=f"{elf} does not exist: build it first") as child,
        serial.open(f"socket://127.0.0.1:{port(child)}") as line,
    ):
        yield ChildTransport(line, child, emulated=False)


def port(child: Child) -> int:
    """The TCP port that the program prints; TransportError if it prints none."""
    said = b""
    deadline = time.monotonic() + _START_SECONDS
    out = child.process.stdout
    assert out is not None
    while not said.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
        if select.select([out], [], [], left)[0]:
            data = os.read(out.fileno(), 4096)
            if not data:
                break
            said += data
    found = re.search(rb"listening on (\d+)", said)
    if found is None:
        why = child.obituary(wait_seconds=1.0) or f"it printed {said!r} within {_START_SECONDS:.0f} s"
        raise TransportError(f"{child.name} did not open its serial port: {why}")
    return int(found[1])
