"""A function called in a process of its own."""

import os
import signal

import pytest

from tools import child
from tools.errors import KerfError


def test_it_returns_what_the_function_returns_in_another_process() -> None:
    assert child.call(divmod, 17, 5) == (3, 2)
    assert child.call(os.getpid) != os.getpid()


@pytest.mark.parametrize(
    ("function", "arguments", "sentence"),
    [
        (divmod, (1, 0), r"its process ended without a result \(exit code 1: ZeroDivisionError: .*zero"),
        (os._exit, (3,), r"its process ended without a result \(exit code 3\)"),
        (signal.raise_signal, (signal.SIGKILL,), r"its process ended without a result \(SIGKILL\)"),
    ],
    ids=["exception", "exit", "crash"],
)
def test_it_says_how_the_process_ended(function: object, arguments: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(KerfError, match=sentence):
        child.call(function, *arguments)  # type: ignore[arg-type]
