"""Signals that end kerf, whatever a library makes of them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_received: list[int] = []


def take(*names: str) -> None:
    """Makes these signals interrupt this process as Ctrl-C does, so that it cleans up. Signals that the system does not
    have (Windows has no SIGHUP) or that are ignored (nohup ignores SIGHUP) are left alone."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: object) -> NoReturn:
    _received.append(number)
    raise KeyboardInterrupt


@contextmanager
def kept() -> Iterator[None]:
    """After a signal, any exception counts as KeyboardInterrupt: libraries turn it into others (Keras: TypeError)."""
    try:
        yield
    except Exception as error:
        if _received:
            raise KeyboardInterrupt from error
        raise
