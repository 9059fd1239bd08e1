"""A folder of model files → what runs, and what stops the rest.

Each file is tried in a process of its own (attempt.py), so that a crash or a hang does not end the survey.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from .. import child, files
from ..errors import Mismatch, UsageError, counted, of_system
from ..model_files import SUFFIXES
from ..progress import Progress
from ..values import Request
from .origin import check_mode

TARGET = "host"
TFLITE = ".tflite"
SAVED_MODEL = "saved_model.pb"  # a folder with this file is one model
TIMED_OUT = 124  # the child's exit code, the same as timeout(1)'s
GRACE_SECONDS = 30  # after its time limit, the child may take this long to end the programs that it has started
CHILD = f"{__package__}.attempt"
STAGES = ("read", "oracle", "runs")


@dataclass(frozen=True)
class Missing:
    """An operator that the runtime cannot run, or not in the form that a file needs, and why."""

    operator: str
    reason: str


@dataclass(frozen=True)
class Tried:
    """What became of one file. ``path`` is relative to the folder.

    ``read``: kerf can read it, if necessary after converting it. ``oracle``: an interpreter on this machine runs it.
    ``runs``: the firmware runs it. ``equal``: the firmware's outputs equal the oracle's. Each is None if the attempt
    ended before; ``equal`` also if LiteRT stands in for TFLM and a difference proves nothing. ``reason`` is a sentence
    on the first of them that is not true. ``missing`` lists each operator once. A duplicate is not tried.
    """

    path: str
    read: bool | None = None
    oracle: bool | None = None
    runs: bool | None = None
    equal: bool | None = None
    reason: str | None = None
    missing: tuple[Missing, ...] = ()
    duplicate_of: str | None = None


Attempt = Callable[[Request], Mapping[str, Any]]


@dataclass(frozen=True)
class Survey:
    """The files in the order in which they were tried.

    ``left_out`` is the number of files that would first have to be converted. ``is_complete`` is False after Ctrl-C.
    """

    runtime: str
    tried: tuple[Tried, ...]
    left_out: int = 0
    is_complete: bool = True

    def counts(self) -> dict[str, int]:
        """Numbers of files, without duplicates. ``runs`` and ``equal`` only count files that the oracle runs."""
        own = [each for each in self.tried if each.duplicate_of is None]
        return {
            "files": len(own),
            "duplicates": len(self.tried) - len(own),
            "left_out": self.left_out,
            "read": sum(each.read is True for each in own),
            "oracle": sum(each.oracle is True for each in own),
            "runs": sum(each.runs is True for each in own),
            "equal": sum(each.equal is True for each in own),
            "different": sum(each.equal is False for each in own),
        }

    def missing(self) -> list[dict[str, Any]]:
        """The operators that stop files, each with one reason; first those of most files that the oracle runs."""
        stopped: dict[str, list[Tried]] = {}
        reasons: dict[str, str] = {}
        for each in self.tried:
            for operator, reason in ((m.operator, m.reason) for m in each.missing if not each.runs):
                stopped.setdefault(operator, []).append(each)
                reasons.setdefault(operator, reason)
        rows = [
            {
                "operator": operator,
                "oracle_runs": sum(each.oracle is True for each in by),
                "files": len(by),
                "only": sum(len(each.missing) == 1 for each in by),
                "example": reasons[operator],
            }
            for operator, by in stopped.items()
        ]
        return sorted(rows, key=lambda row: (-row["oracle_runs"], -row["files"], row["operator"]))

    def to_json(self) -> dict[str, Any]:
        """``percent`` are shares of the files that the oracle runs; None if there are none."""
        counts = self.counts()
        return {
            "runtime": self.runtime,
            "complete": self.is_complete,
            "files": [{**asdict(each), "missing": [asdict(m) for m in each.missing]} for each in self.tried],
            "counts": counts,
            "percent": {
                key: round(100 * counts[key] / counts["oracle"], 1) if counts["oracle"] else None
                for key in ("runs", "equal")
            },
            "missing": self.missing(),
        }


def survey(
    folder: Path,
    ask: Request,
    progress: Progress,
    convert: bool = False,
    timeout_s: int = 300,
    attempt: Attempt | None = None,
) -> Survey:
    """Tries every .tflite in the folder and below; with ``convert``, then also what must be converted.

    ``ask`` has the mode to convert to, the runtime, and the number of samples. ``timeout_s`` is the time limit of one
    file. Ctrl-C ends the survey, and what is known by then is returned. ``attempt`` replaces the child process.

    Raises UsageError if there is no such folder, or nothing in it to try.
    """
    if timeout_s < 1:
        raise UsageError("--timeout 0: give each file at least one second")
    check_mode(ask)
    found = find(folder, progress)
    chosen = found if convert else [path for path in found if _is_tflite(path)]
    if not chosen:
        raise UsageError(_nothing(folder, found))
    attempt = attempt or partial(in_child, timeout_s=timeout_s)
    tried: list[Tried] = []
    is_complete = True
    with progress.bar("survey", len(chosen)) as step:
        try:
            for each in _each(folder, chosen, replace(ask, target=TARGET), attempt):
                tried.append(each)
                step(len(tried), each.path)
        except KeyboardInterrupt:
            is_complete = False
    return Survey(ask.runtime, tuple(tried), len(found) - len(chosen), is_complete)


def require(found: Survey) -> None:
    """Raises Mismatch if a file gives other results than the oracle, and KeyboardInterrupt after Ctrl-C."""
    if not found.is_complete:
        raise KeyboardInterrupt
    if different := [each.path for each in found.tried if each.equal is False]:
        raise Mismatch(
            f"{counted(len(different), 'file')} gave other outputs than the oracle, first {different[0]}: "
            "`inv compare --model` names the first layer that differs"
        )


def find(folder: Path, progress: Progress) -> list[Path]:
    """The model files and SavedModel folders in the folder and below, .tflite first, then by path."""
    if not folder.is_dir():
        what = "is a file: `inv run --model` tries a single one" if folder.exists() else "does not exist"
        raise UsageError(f"the folder {folder} {what}")
    found: list[Path] = []
    for name, inner, names in os.walk(folder, onerror=lambda error: progress.warn(str(of_system(error)))):
        if SAVED_MODEL in names:
            found.append(Path(name))
            inner.clear()
        else:
            paths = (Path(name, file) for file in names)
            found += [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]
    return sorted(found, key=lambda path: (not _is_tflite(path), path))


def _is_tflite(path: Path) -> bool:
    return path.suffix.lower() == TFLITE and not path.is_dir()


def _nothing(folder: Path, found: Sequence[Path]) -> str:
    if found:
        return f"{folder} has no .tflite; --convert also tries its {counted(len(found), 'Keras or TensorFlow model')}"
    return f"{folder} has no model: neither {', '.join(SUFFIXES)} nor a SavedModel folder"


def _each(folder: Path, paths: Sequence[Path], ask: Request, attempt: Attempt) -> Iterator[Tried]:
    """Tries one file after the other; of files with equal contents, only the first."""
    first: dict[str, str] = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            digest = files.tree_digest(path) if path.is_dir() else files.sha256(path.read_bytes())
        except OSError as error:
            yield Tried(name, read=False, reason=str(of_system(error)))
            continue
        if digest in first:
            yield Tried(name, duplicate_of=first[digest])
            continue
        first[digest] = name
        result = dict(attempt(replace(ask, model=str(path), mode=None if _is_tflite(path) else ask.mode)))
        yield Tried(name, **{**result, "missing": tuple(Missing(**each) for each in result.get("missing", ()))})


def in_child(ask: Request, timeout_s: int, module: str = CHILD, grace_s: int = GRACE_SECONDS) -> Mapping[str, Any]:
    """What attempt.py finds out about a file; if it hangs or crashes, what it had found by then, and how it ended.

    ``module`` replaces attempt.py.
    """
    with tempfile.TemporaryDirectory(prefix="kerf-survey-") as directory:
        result = Path(directory) / "result.json"
        arguments = (json.dumps(asdict(ask)), str(timeout_s), str(result))
        try:
            done = child.run(module, *arguments, timeout_s=timeout_s + grace_s)
            code, said = done.returncode, done.stderr.strip().splitlines()
        except subprocess.TimeoutExpired:
            code, said = TIMED_OUT, []
        found = files.read_json(result)
    if code == 0:
        return found
    if code == TIMED_OUT:
        return stopped(found, f"it took more than {timeout_s} s: give a longer --timeout")
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    words = f": {said[-1]}" if said else ""
    return stopped(found, f"kerf crashed on it ({how}{words}); please report it")


def stopped(found: Mapping[str, Any], reason: str) -> Mapping[str, Any]:
    """The fields of Tried for a file whose next stage ended with neither a result nor one of kerf's errors."""
    stage = next((each for each in STAGES if each not in found), STAGES[-1])
    return {**found, stage: False, "reason": reason}
