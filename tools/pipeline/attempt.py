"""The survey's child process, one per file: takes a model through the pipeline as far as it gets, and reports."""

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import crash, files, interrupts
from ..errors import KerfError, ModelError, of_system
from ..graph import read
from ..progress import Progress
from ..report import wording
from ..values import Request
from . import places
from .choices import choose
from .origin import is_tflite, quantize, tflite_of
from .runs import run_choice
from .survey import TIMED_OUT, stopped


def steps(ask: Request, progress: Progress) -> Iterator[Mapping[str, Any]]:
    """What each stage adds to the fields of survey.Tried. Raises only for bugs, and for a full disk and the like."""
    choice = choose(ask)
    try:
        tflite, name = tflite_of(choice.conversion, progress)
        graph = read.read(tflite, name)
    except KerfError as error:
        if not is_tflite(ask):  # converting it includes running it on the oracle, whose errors are ModelErrors
            is_converted = isinstance(error, ModelError)
            yield {"read": is_converted, "oracle": False if is_converted else None, "reason": str(error)}
            return
        yield {"read": False, "reason": str(error)}
    else:
        refused = choice.runtime.why_not(graph, choice.target)
        reasons = {graph.ops[r.position].kind: r.reason for r in reversed(refused) if r.position is not None}
        missing = [{"operator": kind, "reason": reason} for kind, reason in sorted(reasons.items())]
        yield {"read": True, "missing": missing}
    try:
        quantized = quantize(choice.conversion, progress)
    except KerfError as error:
        yield {"oracle": False, "reason": str(error)}
        return
    yield {"oracle": True}
    try:
        outcome = run_choice(choice, progress, keep=False)
    except KerfError as error:
        yield {"runs": False, "reason": str(error)}
        return
    m = outcome.measurement
    if m.mismatches == 0:
        yield {"runs": True, "equal": True}
        return
    in_steps = m.extra.get(wording.STEPS)
    sentence, _ = wording.verdict(m, quantized.vectors.oracle, in_steps)
    yield {"runs": True, "equal": False if in_steps is None else None, "reason": sentence}


def main(asked: str, timeout_s: str, result: str) -> None:
    """Writes the fields to the file ``result`` after each stage. Exits with TIMED_OUT after ``timeout_s`` seconds."""
    interrupts.take("SIGALRM")  # kerf then ends what it has started
    if hasattr(signal, "alarm"):
        signal.alarm(int(timeout_s))
    found: dict[str, Any] = {}
    try:
        with interrupts.kept():
            for more in steps(Request(**json.loads(asked)), Progress()):
                found = {**more, **found}  # the first reason is the one that counts
                files.write(Path(result), json.dumps(found).encode())
        return
    except KeyboardInterrupt:
        sys.exit(TIMED_OUT)
    except OSError as error:
        reason = str(of_system(error))
    except MemoryError:
        reason = crash.OUT_OF_MEMORY
    except Exception as error:
        reason = crash.report(error, places.BUILD)
    files.write(Path(result), json.dumps(stopped(found, reason)).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
