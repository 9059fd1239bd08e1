"""Progress that a waiting user sees, and output of libraries that is hidden from them."""

import os
import sys
import warnings
from io import StringIO
from pathlib import Path

import pytest

from tools.errors import BuildError, QuantizeError, UsageError
from tools.progress import Progress, TerminalProgress
from tools.quiet import failures_as, quiet, useful_line


def test_plain_lines_where_there_is_no_terminal() -> None:
    file = StringIO()
    progress = TerminalProgress(file)
    with progress.bar("work [x]", 25) as step:
        for done in range(1, 26):
            step(done, f"note {done}" if done == 25 else "")
    progress.say("[bold]as it is[/bold]")
    progress.warn("careful")
    lines = file.getvalue().splitlines()
    assert lines[:2] == ["work [x]: 7/25", "work [x]: 13/25"]
    assert lines[3:] == ["work [x]: 25/25 note 25", "[bold]as it is[/bold]", "warning: careful"]


def test_a_warning_is_given_once() -> None:
    """Stages ask earlier ones several times in one command."""
    file = StringIO()
    progress = TerminalProgress(file)
    for text in ("careful", "careful", "hot"):
        progress.warn(text)
    assert file.getvalue() == "warning: careful\nwarning: hot\n"
    assert [Progress().is_news("x"), progress.is_news("y"), progress.is_news("y")] == [True, True, False]


def test_the_silent_one(capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    with progress.bar("work", 2) as step:
        step(1, "")
    progress.say("something")
    progress.warn("something")
    assert capfd.readouterr() == ("", "")


def test_quiet_catches_python_and_descriptors(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "deep" / "log"
    with quiet(log):
        print("from Python")
        sys.stdout.flush()
        os.write(2, b"from C++\n")
        warnings.warn("a library's", DeprecationWarning, stacklevel=1)
    print("after")
    assert log.read_text().splitlines() == ["from Python", "from C++"]
    assert capfd.readouterr() == ("after\n", "")


def test_quiet_gives_the_streams_back_after_an_exception(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), quiet(tmp_path / "log"):
        raise KeyboardInterrupt
    os.write(1, b"back\n")
    assert capfd.readouterr().out == "back\n"


def test_failures_become_one_sentence_and_the_rest_is_logged(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(QuantizeError) as caught, failures_as(QuantizeError, "cannot convert m", log):
        raise RuntimeError("\n<unknown>:0: note: somewhere\n<unknown>:0: error: loc(x): 'tf.Erf' op is custom\nmore")
    assert str(caught.value) == f"cannot convert m: loc(x): 'tf.Erf' op is custom (its output is in {log})"
    assert "Traceback" in log.read_text() and "note: somewhere" in log.read_text()


def test_errors_of_kerf_pass(tmp_path: Path) -> None:
    with pytest.raises(UsageError), failures_as(BuildError, "x", tmp_path / "log"):
        raise UsageError("mine")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("", "ValueError"),
        ("\n\n  first\nsecond", "first"),
        ("a" * 400, "a" * 300 + "…"),
        (
            "Exception encountered when calling MaxPooling2D.call().\n\n\x1b[1mNegative dimension size\x1b[0m\n\n"
            "Arguments received by MaxPooling2D.call():\n  • args=()",
            "Negative dimension size",
        ),
        ('Exception encountered when calling layer "a" (type Add).\n\nShapes differ.\n', "Shapes differ."),
        ("Exception encountered when calling Add.call().", "Exception encountered when calling Add.call()."),
    ],
)
def test_useful_line(message: str, line: str) -> None:
    assert useful_line(ValueError(message)) == line
