"""Child processes that end with kerf. Where C++ code may crash on a user's model, kerf runs it in one of them."""

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from .errors import KerfError

ANSWER_SECONDS = 20.0  # for a program's version, on a busy machine

_CALL, _RESULT = "call.pickle", "result.pickle"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> Callable[[], None]:
    """For Popen's preexec_fn: the kernel kills the child if this process is killed (Linux; elsewhere no effect)."""
    parent = os.getpid()

    def in_child() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # the parent died before prctl could see it
                os._exit(1)

    return in_child


def ask(command: Sequence[str | Path]) -> "subprocess.CompletedProcess[bytes]":
    """What a program answers at once, such as its version; any exit code is accepted.

    Raises OSError if it cannot be started, subprocess.TimeoutExpired if it had to be killed after ANSWER_SECONDS, with
    all that it had started: it may be a script around the program.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=die_with_parent(),
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=ANSWER_SECONDS)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def run(
    module: str,
    *arguments: str,
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] = subprocess.PIPE,
    timeout_s: float | None = None,
    temporary: Path | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Runs ``python -m module arguments…`` with this Python and this kerf; any exit code is accepted.

    ``temporary`` is the folder for the child's temporary files, because a killed child cannot remove them.

    Raises subprocess.TimeoutExpired if the child had to be killed after ``timeout_s`` seconds.
    """
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=_environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
        preexec_fn=die_with_parent(),
    )


def follow(module: str, *arguments: str, log: IO[str], tell: Callable[[str], None], temporary: Path) -> int:
    """Runs ``python -m module arguments…``, passing its lines on standard output to ``tell``; returns the exit code.

    Its standard error goes to ``log``, its temporary files to the folder ``temporary``. The child never outlives this
    function.
    """
    with subprocess.Popen(
        [sys.executable, "-u", "-m", module, *arguments],
        env=_environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        encoding="utf-8",
        errors="replace",
        preexec_fn=die_with_parent(),
    ) as child:
        try:
            assert child.stdout is not None
            for line in child.stdout:
                tell(line.rstrip("\n"))
            return child.wait()
        finally:
            child.kill()


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a module's function returns when it is called in a process of its own, where nothing else runs or ran.

    Raises KerfError if the process ends without a result: a library crashed, or the function raised an exception.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / _CALL).write_bytes(pickle.dumps((function, arguments)))
        done = run(f"{__package__}.child", name, temporary=folder)
        if done.returncode == 0:
            return pickle.loads((folder / _RESULT).read_bytes())
    how = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
    words = done.stderr.strip().splitlines()[-1:]
    raise KerfError(f"its process ended without a result ({': '.join([how, *words])})")


def _answer(folder: Path) -> None:
    function, arguments = pickle.loads((folder / _CALL).read_bytes())
    (folder / _RESULT).write_bytes(pickle.dumps(function(*arguments)))


def _environment(temporary: Path | None) -> dict[str, str]:
    own = str(Path(__file__).resolve().parents[1])
    search_path = os.pathsep.join([own, *filter(None, [os.environ.get("PYTHONPATH")])])
    own_folder = {"TMPDIR": str(temporary.resolve())} if temporary else {}
    return {**os.environ, **own_folder, "PYTHONPATH": search_path, "TF_CPP_MIN_LOG_LEVEL": "3"}


if __name__ == "__main__":
    _answer(Path(sys.argv[1]))
