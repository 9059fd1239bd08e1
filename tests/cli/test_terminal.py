r"""What reaches a terminal: names with escapes in them, bugs in kerf, a board's text."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import command_line

FLATTEN = Path(__file__).parent.parent / "unit" / "flatten.tflite"
EVIL = "\x1b]0;pwned\x07\x1b[31m\u202e"
SHOWN = r"\x1b]0;pwned\x07\x1b[31m\u202e"


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A model whose file name contains control sequences for a terminal."""
    path = tmp_path / f"{EVIL}.tflite"
    path.write_bytes(FLATTEN.read_bytes())
    return path


@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("task", ["quantize", "render", "inspect"])
def test_a_name_that_steers_a_terminal(kerf, evil: Path, task: str, arguments: tuple[str, ...]) -> None:
    done = kerf(task, "--model", str(evil), *arguments)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout + done.stderr) & {"\x1b", "\x07", "\u202e"}
    if arguments:
        found = json.loads(done.stdout)
        assert (found if isinstance(found, dict) else found[0])["model"] == EVIL
    else:
        assert SHOWN in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run", "--model", f"{EVIL}.tflite"), 1),
        (("run", "--model", EVIL), 2),
        (("run", "--target", EVIL), 2),
        (("monitor", "--port", EVIL), 1),
        (("train", "--epochs", EVIL), 2),
        (("classify", EVIL), 2),
        (("run", f"--{EVIL}"), 2),
        ((f"run{EVIL}",), 2),
    ],
    ids=["file", "model", "target", "port", "number", "image", "option", "task"],
)
def test_a_refusal_quotes_without_obeying(kerf, arguments: tuple[str, ...], code: int) -> None:
    done = kerf(*arguments)
    assert done.returncode == code
    assert r"\x1b]0;pwned" in done.stderr and not set(done.stderr) & {"\x1b", "\x07", "\u202e"}


@pytest.mark.parametrize("url", ["loop://?x", "loop://?logging=x", "hwgrep://(", "socket://", "nothing://x"])
def test_a_url_that_pyserial_stumbles_over(kerf, url: str) -> None:
    done = kerf("monitor", "--port", url)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"kerf: cannot open {url}: ") and "check the URL" in line


# --- the last net -----------------------------------------------------------------------------------------------------


@contextmanager
def broken(checkout: Path, line: str) -> Iterator[None]:
    """A checkout with a bug in it: what `inv models` lists runs this line."""
    module = checkout / "tools" / "models" / "broken.py"
    module.write_text(f"{line}\n")
    try:
        yield
    finally:
        module.unlink()


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it; elsewhere in the suite a bug shows its traceback."""
    monkeypatch.delenv("KERF_TRACEBACK")


def test_a_bug_is_one_sentence_and_a_file(kerf, checkout: Path, net: None) -> None:
    with broken(checkout, f"raise ZeroDivisionError({EVIL!r})"):
        done = kerf("models")
    assert done.returncode == 70 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"kerf: this is a bug in kerf: ZeroDivisionError ({SHOWN}) in tools/models/broken.py line 1; "
    )
    (log,) = (checkout / "build").glob("crash-*.log")
    assert str(log) in line and line.endswith("please report it")
    text = log.read_text()
    assert f"ZeroDivisionError: {SHOWN}\n" in text and 'models/broken.py", line 1' in text and "'models']\n" in text
    log.unlink()


def test_a_bug_where_nothing_can_be_written(kerf, checkout: Path, net: None, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    build = checkout / "build"
    build.rename(checkout / "aside") if build.exists() else None
    build.write_text("a file where the folder should be")
    try:
        with broken(checkout, "1 / 0"):
            done = kerf("models")
    finally:
        build.unlink()
        (checkout / "aside").rename(build) if (checkout / "aside").exists() else None
    (log,) = tmp_path.glob("crash-*.log")
    assert done.returncode == 70 and str(log) in done.stderr


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        ("MemoryError", 1, "kerf: this machine ran out of memory"),
        ("KeyboardInterrupt", 130, ""),
        ("RecursionError", 70, "kerf: this is a bug in kerf: RecursionError"),
        ("OSError(28, 'No space left on device', 'x')", 1, "kerf: x: No space left on device; free some space"),
    ],
    ids=["memory", "interrupt", "recursion", "disk"],
)
def test_other_endings(kerf, checkout: Path, net: None, raised: str, code: int, said: str) -> None:
    with broken(checkout, f"raise {raised}"):
        done = kerf("models")
    assert done.returncode == code
    assert done.stderr.startswith(said) and len(done.stderr.splitlines()) == bool(said)
    for log in (checkout / "build").glob("crash-*.log"):
        log.unlink()


def test_without_the_net_a_bug_shows_its_traceback(kerf, checkout: Path) -> None:
    with broken(checkout, "1 / 0"):
        done = kerf("models")
    assert "Traceback" in done.stderr and "ZeroDivisionError" in done.stderr.splitlines()[-1]


def test_ctrl_c_says_nothing(checkout: Path) -> None:
    with broken(checkout, "import time; time.sleep(60)"):
        command = command_line(checkout, ["models"])
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(5)
        child.send_signal(signal.SIGINT)
        assert child.communicate() == ("", "") and child.returncode == 130


# --- the monitor ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are of POSIX")
@pytest.mark.parametrize("end", ["Ctrl-C", "unplugged"])
def test_the_monitor_on_a_terminal(checkout: Path, end: str) -> None:
    """The board's text is shown without obeying its escape sequences; unplugging the board gives one sentence."""
    import pty
    import tty

    board, port = pty.openpty()
    tty.setraw(port)
    screen, terminal = pty.openpty()
    command = command_line(checkout, ["monitor", "--port", os.ttyname(port)])
    child = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    os.close(terminal)
    text = until(screen, "Ctrl-C to quit")
    os.close(port)
    os.write(board, b"ready \x1b]0;pwned\x07\x1b[31mred\xe2\x80\xae \xc3\xa9\r\n")
    text += until(screen, "é")
    if end == "Ctrl-C":
        os.write(screen, b"\x03")
    else:
        os.close(board)
        text += until(screen, "was disconnected")
    assert child.wait() == (0 if end == "Ctrl-C" else 1)
    assert r"ready \x1b]0;pwned\x07\x1b[31mred\u202e é" in text
    assert "\x1b" not in text and "Traceback" not in text
    for descriptor in {screen, board} - ({board} if end == "unplugged" else set()):
        os.close(descriptor)


def until(screen: int, said: str, seconds: float = 600) -> str:
    """What appears on the screen up to some words."""
    text = ""
    os.set_blocking(screen, False)
    end = time.monotonic() + seconds
    while said not in text:
        assert time.monotonic() < end, text
        try:
            text += os.read(screen, 4096).decode("utf-8", "replace")
        except BlockingIOError:
            time.sleep(0.05)
    return text
