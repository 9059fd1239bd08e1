"""The oracle's interpreters in forks of one process that has loaded them, because starting Python for each costs more
than a small model takes. As in kerf, an interpreter that crashes or hangs ends alone."""

import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools import child, oracle
from tools.oracle.__main__ import serve

Ended = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parents[1]


@contextmanager
def forks() -> Iterator[Callable[..., Ended]]:
    """Yields a function to put in the place of tools.child.run: it runs the oracle in a fork, all else as usual."""
    with subprocess.Popen(
        [sys.executable, __file__],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=child.die_with_parent(),
    ) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        requests, answers, usual = parent.stdin, parent.stdout, child.run

        def run(module: str, *arguments: str, timeout_s: float | None = None, **streams: Any) -> Ended:
            if module != oracle.__name__:
                return usual(module, *arguments, timeout_s=timeout_s, **streams)
            print(json.dumps([*arguments, timeout_s]), file=requests, flush=True)
            code, stdout, stderr = json.loads(answers.readline())
            if code is None:
                raise subprocess.TimeoutExpired(module, timeout_s or 0.0)
            return Ended([module, *arguments], code, stdout, stderr)

        yield run


@contextmanager
def forked() -> Iterator[None]:
    """Inside, every run of the oracle is a fork."""
    usual = child.run
    with forks() as child.run:  # type: ignore[assignment]
        try:
            yield
        finally:
            child.run = usual


def main() -> None:
    """Answers requests [package, folder, arena bytes, "least" or "most", period, timeout in seconds or null], a line
    each, by [exit code or null after the timeout, standard output, standard error]."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: F401  # loaded once, for all forks

    if oracle.is_installed(oracle.TFLM):
        from tflite_micro.python.tflite_micro import runtime  # noqa: F401
    for line in sys.stdin:
        package, folder, arena_bytes, size, period, timeout_s = json.loads(line)
        texts = [Path(folder) / name for name in ("stdout", "stderr")]
        process = os.fork()
        if process == 0:
            for stream, text in enumerate(texts, start=1):
                os.dup2(os.open(text, os.O_CREAT | os.O_WRONLY), stream)
            code = 1
            try:
                code = serve(package, Path(folder), int(arena_bytes), size == "least", int(period))
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        code = ended(process, timeout_s)
        said = [text.read_text(encoding="utf-8", errors="replace") for text in texts]
        print(json.dumps([code, *said]), flush=True)


def ended(process: int, timeout_s: float | None) -> int | None:
    """The exit code of a child, negative if a signal ended it; None if it had to be killed after the timeout."""
    file = os.pidfd_open(process)
    try:
        in_time, _, _ = select.select([file], [], [], timeout_s)
    finally:
        os.close(file)
    if not in_time:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) if in_time else None


if __name__ == "__main__":
    main()
