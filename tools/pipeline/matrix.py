"""Models x modes x runtimes x targets x goals: one run for each, one after the other or several at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from .. import cluster, footprint
from ..errors import KerfError, Mismatch, UsageError, counted, of_system
from ..progress import Progress
from ..report import records, wording
from ..targets import load
from ..values import Request
from . import jobs as working
from . import places
from .choices import Choice, Line, choose, choose_goals, choose_line, choose_modes, split
from .firmware import build
from .jobs import Failure, Task
from .origin import brings_mode, check_name
from .runs import Outcome, record, run_choice

EMPTY = "empty"  # the model whose firmware is little more than the bench


def bench_all(
    ask: Request,
    model: str,
    mode: str,
    runtime: str,
    target: str,
    progress: Progress,
    optimize: str = "",
    cycles: bool = False,
    jobs: int = 1,
) -> tuple[Outcome | Failure, ...]:
    """A run for each combination of the comma-separated names (for modes, also all). All names are checked first.

    A failed run does not stop the others. ``jobs`` of them run at the same time.

    All runs of one model and mode use the same .tflite: if one of them needs per-tensor dense layers, all get them.
    With ``cycles``, the cycles of each run are estimated, as far as possible (cycles.py).

    For each emulated target of a runtime with goals, a firmware with an empty model is built too: its code is that of
    the bench.
    """
    runtimes, targets = split("runtimes", runtime), split("targets", target)
    if ask.any_firmware and len(runtimes) * len(targets) > 1:
        raise UsageError("--any-firmware measures a single firmware: give one runtime and one target")
    if ask.power and jobs > 1:
        raise UsageError("--power measures one board at a time: omit --jobs")
    asks = [
        replace(ask, model=a, mode=b, runtime=c, target=d, optimize=e)
        for a in split("models", model)
        for b, c, d in product(choose_modes("modes", mode, brings_mode(a)), runtimes, targets)
        for e in choose_goals("optimize", optimize, c)
    ]
    known = load()
    choices = [choose(each, known) for each in asks]
    for each in choices:
        choose_line(each)
        check_name(each.ask)
    per_tensor_dense = any(each.conversion.per_tensor_dense for each in choices)
    bench_code = {key: key and _bench_code_bytes(*key, progress) for key in dict.fromkeys(map(_code_key, choices))}
    same = [choice.instead(per_tensor_dense=per_tensor_dense) for choice in choices]
    settings = [{"bench_code_bytes": bench_code[_code_key(choice)], "counts": cycles} for choice in choices]

    def attempt(choice: Choice, how: Mapping[str, Any]) -> Outcome | Failure:
        try:
            return run_choice(choice, progress, **how)
        except KerfError as error:
            return Failure(choice.ask, error)
        except OSError as error:
            return Failure(choice.ask, of_system(error))

    if jobs == 1:
        return tuple(map(attempt, same, settings))
    tasks = [Task(choice.ask, settings=how) for choice, how in zip(same, settings, strict=True)]
    return _at_once(tasks, jobs, progress)


def _at_once(tasks: Sequence[Task], jobs: int, progress: Progress) -> tuple[Outcome | Failure, ...]:
    """The result of each task, recorded as soon as it is known."""
    records.check(places.records())
    found: dict[Task, Outcome | Failure] = {}
    with cluster.connected("", working.offers(tasks, jobs)) as workers:
        submitted = working.submit(workers, tasks)
        with progress.bar("measuring", len(tasks)) as step:
            for task, result in working.results(workers, submitted, progress):
                if isinstance(result, Outcome):
                    record(result, progress)
                found[task] = result
                step(len(found), " ".join(working.named(task.ask).values()))
    return tuple(found[task] for task in tasks)


def _code_key(choice: Choice) -> tuple[str, str] | None:
    """The runtime and target of a choice, if the model's code can be told from the bench's; else None.

    A runtime without goals is a library, and an empty model needs almost as much of it as any other model.
    """
    line = choice.line
    is_emulated = isinstance(line, Line) and line.emulator is not None
    return (choice.ask.runtime, choice.target.name) if is_emulated and choice.runtime.goals() else None


def _bench_code_bytes(runtime: str, target: str, progress: Progress) -> int | None:
    """The code that a firmware has whatever its model; None, with a warning, if it cannot be determined."""
    try:
        built = build(Request(model=EMPTY, mode="int8", runtime=runtime, target=target), progress)
        return footprint.bench_code_bytes(built.image)
    except KerfError as error:
        progress.warn(f"the code of the models is not shown, because the model {EMPTY} cannot be built: {error}")
        return None


def require_match(outcomes: Sequence[Outcome | Failure]) -> None:
    """Raises KerfError if a run failed, and Mismatch if any output of any run differs from the oracle's.

    Where LiteRT stands in for TFLM, its integer results may differ legitimately, so a difference is only reported.
    """
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failed:
        others = "; the others are recorded" if len(failed) < len(outcomes) else ""
        raise KerfError(f"{len(failed)} of {counted(len(outcomes), 'run')} failed (see the table){others}")
    for outcome in outcomes:
        assert isinstance(outcome, Outcome)
        m = outcome.measurement
        if m.mismatches and wording.STEPS not in m.extra:
            raise Mismatch(
                f"{m.mismatches} of {m.samples} samples of {m.model} {m.mode} on {m.target} differ from "
                f"{outcome.oracle} ({m.runtime}, {m.kernels} kernels): `inv compare` shows the first layer that "
                "differs; the measurement is recorded"
            )
