"""The pipeline as jobs for a cluster's workers: trainings anywhere, each measurement where its board or emulator is.

A job takes and returns values, and never raises: a failure is a value that the jobs after it pass on. Workers do not
record; the process that gave them the work does, so that each measurement is recorded once, whatever becomes of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import bench, child, cluster, crash, files, ports
from ..cluster import Cluster, Future
from ..errors import KerfError, TransportError, of_system
from ..progress import Progress
from ..values import Measurement, Quantized, Request
from . import places
from .choices import Choice, choose
from .firmware import compile_choice, render
from .origin import folder, outline, prepare, quantize, stages
from .runs import Outcome, run_choice

LOG = ".log"


@dataclass(frozen=True, eq=False)
class Failure:
    """A failed run and its error."""

    ask: Request
    error: KerfError

    def row(self) -> dict[str, str]:
        return {**named(self.ask), "error": str(self.error)}


@dataclass(frozen=True)
class LeftOut:
    """A configuration that is not measured because it cannot be within the limits."""

    ask: Request
    reason: str

    def row(self) -> dict[str, str]:
        return {**named(self.ask), "left out": self.reason}


@dataclass(frozen=True)
class Known:
    """A configuration that has a record, the one with this `key`."""

    key: tuple[Any, ...]


@dataclass(frozen=True)
class Limits:
    """What a firmware may need at most, and its accuracy at least; None for no limit.

    ``time`` is in the unit of the target's clock.
    """

    flash: int | None = None
    ram: int | None = None
    time: int | None = None
    accuracy: float | None = None

    def exceeded(
        self, flash: int | None = None, ram: int | None = None, time: int | None = None, accuracy: float | None = None
    ) -> str:
        """Which limits these exceed, as words; "" for none. None is unknown."""
        most = (("flash", flash, self.flash), ("RAM", ram, self.ram), ("time", time, self.time))
        over = [f"{what} {value:,} > {limit:,}" for what, value, limit in most if value and limit and value > limit]
        if accuracy is not None and self.accuracy is not None and accuracy < self.accuracy:
            over.append(f"accuracy {accuracy:.4f} < {self.accuracy:g}")
        return ", ".join(over)


@dataclass(frozen=True, eq=False)
class Task:
    """A configuration to measure. ``known`` are the keys of records that make it superfluous.

    ``settings`` are the remaining arguments of `run_choice`.
    """

    ask: Request
    known: frozenset[tuple[Any, ...]] = frozenset()
    limits: Limits = Limits()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Done:
    """What a job returned, and what it warned of. ``files`` are those in build/ that the next jobs need, for workers
    that do not share it."""

    value: Any = None
    warnings: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


class _Warnings(Progress):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def warn(self, text: str) -> None:
        if self.is_news(text):
            self.texts.append(text)


def named(ask: Request) -> dict[str, str]:
    """What a configuration is called in tables."""
    mode = " ".join([ask.mode or "", *([f"calibration {ask.calibration}"] if ask.calibration != "balanced" else [])])
    runtime = f"{ask.runtime} for {ask.optimize}" if ask.optimize else ask.runtime
    return {"model": ask.model, "mode": mode, "runtime": runtime, "target": ask.target}


def key(m: Measurement) -> tuple[Any, ...]:
    """What two measurements of the same configuration and firmware have in common."""
    of_model = (m.model, m.mode, m.model_sha256)
    where = (m.runtime, m.optimize, m.target, m.emulator)
    return (*of_model, *where, m.samples, m.data_sha256, m.device and m.device["build"])


def _key_of(choice: Choice) -> tuple[Any, ...]:
    """The `key` of the measurement that this would be."""
    compiled = compile_choice(choice, Progress())
    quantized, line = compiled.quantized, choice.line
    who = None if choice.interprets else render(compiled, Progress()).project.identity
    goal = compiled.program.goal if who else None
    target = who.target if who else choice.target.name
    of_model = (quantized.model, quantized.mode, quantized.sha256)
    where = (choice.ask.runtime, goal, target, getattr(line, "emulator", None))
    return (*of_model, *where, quantized.vectors.samples, quantized.data_sha256, who and who.build)


def needs(choice: Choice) -> str | None:
    """The board or emulator that a measurement needs; None if any worker will do."""
    ask, target = choice.ask, choice.target
    if ask.port:
        return target.name
    if choice.interprets or (ports.find(target.port).is_here and not ask.emulator):
        return None
    return emulated(target.name, ask.emulator or next(iter(target.emulators)))


def offers(tasks: Iterable[Task], workers: int) -> list[set[str]]:
    """What each of the workers of this machine has: every emulator, and its share of the boards."""
    choices = [choose(task.ask) for task in tasks]
    boards = list(dict.fromkeys(choice.target.name for choice in choices if choice.ask.port))
    emulators = {name for choice in choices if not choice.ask.port and (name := needs(choice))}
    return [emulators | set(boards[number::workers]) for number in range(workers)]


def emulated(target: str, emulator: str) -> str:
    """The name of a target in an emulator, which is another resource than the board."""
    return f"{target}/{emulator}"


def submit(cluster: Cluster, tasks: Sequence[Task]) -> dict[Future, Task | None]:
    """Submits what it takes to measure each task; what several have in common is done once.

    None stands for a training whose result is brought back from a worker that does not share this build/.
    """
    prepared: dict[Request, Future] = {}
    converted: dict[Request, Future] = {}
    submitted: dict[Future, Task | None] = {}
    for task in tasks:
        choice = choose(task.ask)
        after: Any = _brought(choice.ask, cluster)
        for name in stages(choice.ask.model):
            ask = Request(model=name, data=choice.ask.data, skip_bad=choice.ask.skip_bad, pixels=choice.ask.pixels)
            if ask not in prepared:
                prepared[ask] = cluster.submit(_prepare, ask, after, cluster.is_here)
                submitted |= {} if cluster.is_here else {prepared[ask]: None}
            after = prepared[ask]
        conversion = _conversion(choice)
        if conversion not in converted:
            converted[conversion] = cluster.submit(_convert, conversion, after)
        submitted[cluster.submit(_measure, task, converted[conversion], needs=needs(choice))] = task
    return submitted


def foresee(cluster: Cluster, tasks: Sequence[Task]) -> dict[Future, Task | None]:
    """Submits what tells of each task, before anything is trained, whether it is within the limit of RAM."""
    outlined: dict[Request, Future] = {}
    submitted: dict[Future, Task | None] = {}
    for task in tasks:
        conversion = _conversion(choose(task.ask))
        if conversion not in outlined:
            outlined[conversion] = cluster.submit(_outline, conversion)
        submitted[cluster.submit(_foresee, task, outlined[conversion])] = task
    return submitted


def _conversion(choice: Choice) -> Request:
    """The Request for the conversion, which says nothing of the target."""
    plain = Request()
    told = {name: getattr(plain, name) for name in ("runtime", "target", "emulator", "port", "optimize")}
    return replace(choice.conversion, **told)


def results(cluster: Cluster, submitted: dict[Future, Task | None], progress: Progress) -> Iterator[tuple[Task, Any]]:
    """Each task with its Outcome, Known, LeftOut or Failure, as they finish; from `foresee`, only LeftOut counts."""
    for future in cluster.finished(submitted, progress):
        task = submitted.pop(future)  # or Dask would keep the result, and have it made again if a worker is lost
        try:
            done = cluster.result(future)
        except TransportError:
            raise
        except KerfError as error:
            done = Done(Failure(task.ask if task else Request(), error))
        for text in done.warnings:
            progress.warn(text)
        if task is None:
            _unpack(done.files)
        else:
            yield task, done.value


def _job(ask: Request, after: Done, work: Callable[[Progress], Any], carried: Iterable[Path] = ()) -> Done:
    """Does the work unless what it needs has failed."""
    if isinstance(after.value, Failure):
        return Done(replace(after.value, ask=ask))
    progress = _Warnings()
    try:
        _unpack(after.files)
        value = work(progress)
        found = {**after.files, **_packed(carried)}
    except KerfError as error:
        value, found = Failure(ask, KerfError(str(error))), {}  # of a class that Dask can send
    except OSError as error:
        value, found = Failure(ask, of_system(error)), {}
    except MemoryError:
        value, found = Failure(ask, KerfError(crash.OUT_OF_MEMORY)), {}
    except Exception as error:
        value, found = Failure(ask, KerfError(crash.report(error, places.BUILD))), {}
    return Done(value, tuple(progress.texts), found)


def _prepare(ask: Request, after: Done, is_here: bool) -> Done:
    """Trains in a process of its own, so that the model is the same as that of `inv train`, byte for byte.

    Keras takes its seeds from Python's global random numbers, which the threads of Dask also draw from.
    """
    try:
        done: Done = child.call(_prepare_alone, places.BUILD, ask, after, is_here)
    except KerfError as error:
        return Done(Failure(ask, KerfError(f"{ask.model} cannot be trained: {error}; try `inv train` alone")))
    return done


def _prepare_alone(build: Path, ask: Request, after: Done, is_here: bool) -> Done:
    places.BUILD = build
    return _job(ask, after, lambda progress: prepare(ask, progress), () if is_here else [folder(ask)])


def _convert(ask: Request, after: Done) -> Done:
    return replace(_job(ask, after, lambda progress: quantize(ask, progress)), files={})


def _outline(ask: Request) -> Done:
    return _job(ask, Done(), lambda progress: outline(ask, progress))


def _foresee(task: Task, outlined: Done) -> Done:
    """LeftOut, or something else: what goes wrong here does so again later, where it is reported."""
    if not isinstance(outlined.value, Quantized):
        return Done()
    return Done(_job(task.ask, outlined, lambda progress: _within(task, outlined.value, progress)).value)


def _within(task: Task, quantized: Quantized, progress: Progress, *, is_trained: bool = False) -> LeftOut | None:
    """Whether the memory plan, and after training the weights and the accuracy, allow a firmware within the limits.

    Training decides how much flash the weights need: zeros are stored in less.
    """
    program = compile_choice(replace(choose(task.ask), quantized=quantized), progress).program
    arena, vectors = program.plan.arena_bytes if program.plan else None, quantized.vectors
    if is_trained:
        right = bench.accuracy(vectors, vectors.expected)
        over = task.limits.exceeded(program.constants_bytes, arena, accuracy=right)
    else:
        over = task.limits.exceeded(ram=arena)
    when = "known before it was built" if is_trained else "known before it was trained"
    return LeftOut(task.ask, f"{over}, {when}") if over else None


def _measure(task: Task, converted: Done) -> Done:
    return _job(task.ask, converted, lambda progress: _attempt(task, converted.value, progress))


def _attempt(task: Task, quantized: Quantized, progress: Progress) -> Outcome | Known | LeftOut:
    ask = replace(task.ask, port=task.ask.port and (cluster.own_port(task.ask.target) or task.ask.port))
    path = places.BUILD / quantized.path.parent.name / quantized.path.name  # in this worker's build/
    quantized = replace(quantized, path=path)
    choice = replace(choose(ask), quantized=quantized)
    if task.limits != Limits() and (out := _within(task, quantized, progress, is_trained=True)):
        return out
    if task.known and (found := _key_of(choice)) in task.known:
        return Known(found)
    return replace(run_choice(choice, progress, keep=False, **task.settings), built=None)


def _brought(ask: Request, cluster: Cluster) -> Done:
    """What this machine's build/ has of the models, so that workers elsewhere do not train them again."""
    return Done() if cluster.is_here else Done(files=_packed(folder(replace(ask, model=m)) for m in stages(ask.model)))


def _packed(folders: Iterable[Path]) -> dict[str, bytes]:
    """The files in folders of build/, by their path in it."""
    found = {}
    for each in folders:
        with places.locked(each, Progress(), f"copying {each.name}"):
            for path in sorted(each.glob("*")):
                if path.is_file() and path.suffix != LOG and not path.name.startswith("."):
                    found[path.relative_to(places.BUILD).as_posix()] = path.read_bytes()
    return found


def _unpack(packed: Mapping[str, bytes]) -> None:
    """Writes files of another build/ to this one."""
    for name, data in packed.items():
        path = places.BUILD / name
        with places.locked(path.parent, Progress(), f"copying {path.parent.name}"):
            if not path.is_file() or path.read_bytes() != data:
                files.write(path, data)
