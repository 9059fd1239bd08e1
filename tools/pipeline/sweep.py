"""Many configurations on a cluster: what they cost, and which of them no other beats."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from .. import boards, cluster, targets, transports
from ..cluster import Cluster
from ..errors import KerfError, MissingTool, UsageError, counted
from ..progress import Progress
from ..report import front, kept, records, wording
from ..values import Measurement, Request, Target
from . import jobs, places
from .choices import Choice, choose, choose_line, split
from .grid import Axes, configurations
from .jobs import Failure, Known, LeftOut, Limits, Task
from .matrix import require_match
from .origin import check_name
from .runs import Outcome, record

Result = Outcome | LeftOut | Failure


@dataclass(frozen=True, eq=False)
class Swept:
    """The result of each configuration, in the order of the grid."""

    results: tuple[Result, ...]
    limits: Limits

    @property
    def measured(self) -> list[Outcome]:
        return [each for each in self.results if isinstance(each, Outcome)]

    @property
    def front(self) -> list[Measurement]:
        """The measurements within the limits that no other one beats."""
        within = [m for each in self.measured if not over(m := each.measurement, self.limits)]
        return sorted((within[i] for i in front.front(within)), key=lambda m: (front.place(m), front.costs(m)))


def over(m: Measurement, limits: Limits) -> str:
    """Which limits a measurement exceeds, as words; "" for none."""
    sizes = (m.flash_bytes["total"] if m.flash_bytes else None, m.ram_bytes["total"] if m.ram_bytes else None)
    return limits.exceeded(*sizes, m.invoke.median, m.accuracy["device"] if m.accuracy else None)


def sweep(
    ask: Request,
    axes: Axes,
    progress: Progress,
    count: int = 0,
    seed: int = 1,
    limits: Limits = Limits(),  # noqa: B008 it is frozen
    scheduler: str = "",
    workers: int = 0,
) -> Swept:
    """Measures each configuration of the axes, or ``count`` of them at random, unless it has a record.

    ``scheduler`` is the address of a Dask cluster; without one, ``workers`` processes of this machine do the work (0:
    as many as suit it). A configuration that exceeds the limits is left out as early as that is known. A failure does
    not stop the others.

    Raises UsageError for names, values and targets that cannot be, before anything starts; TransportError if there is
    no scheduler, or it is lost.
    """
    if scheduler:
        cluster.check_address(scheduler)
    records.check(places.records())
    tasks = _tasks(ask, axes, progress, count, seed, limits, bool(scheduler))
    offers = jobs.offers(tasks, workers or min(cluster.suitable(), len(tasks)))
    progress.say(f"{counted(len(tasks), 'configuration')} on {scheduler or counted(len(offers), 'worker')}")
    found: dict[Task, Result] = {}
    try:
        with cluster.connected(scheduler, offers) as workforce:
            if scheduler:
                _require(tasks, workforce.offered(), scheduler)
            _work(workforce, tasks, limits, found, progress)
    except KeyboardInterrupt:
        progress.say(f"interrupted after {len(found)} of {len(tasks)}; the same command goes on from there")
        raise
    return Swept(tuple(found[task] for task in tasks), limits)


def _tasks(
    ask: Request, axes: Axes, progress: Progress, count: int, seed: int, limits: Limits, is_elsewhere: bool
) -> list[Task]:
    known = targets.load()
    choices = [choose(each, known) for each in configurations(ask, axes, count, seed)]
    for choice in choices:
        check_name(choice.ask)
        _check_line(choice, is_elsewhere)
    per_tensor_dense = any(each.conversion.per_tensor_dense for each in choices)
    recorded = frozenset(jobs.key(m) for m in records.load(places.records(), progress.warn))
    return [Task(replace(each.ask, per_tensor_dense=per_tensor_dense), recorded, limits) for each in choices]


def _check_line(choice: Choice, is_elsewhere: bool) -> None:
    """Raises what `choose_line` does, unless it is another machine that needs the emulator or the board."""
    if is_elsewhere and choice.ask.port:
        boards.require_board(choice.target)
        if choice.ask.port != boards.AUTO:
            raise UsageError("--port is a port of this machine: with --scheduler, give --port auto for boards anywhere")
        return
    try:
        choose_line(choice)
    except MissingTool:
        if not is_elsewhere:
            raise


def _require(tasks: Collection[Task], offered: set[str], scheduler: str) -> None:
    """Raises KerfError if no worker has what a task needs."""
    wanted = {name for task in tasks if (name := jobs.needs(choose(task.ask)))}
    if missing := sorted(wanted - offered):
        others = f"they have {', '.join(sorted(offered))}" if offered else "there is none yet, or it has nothing"
        raise KerfError(
            f"no worker of {scheduler} has {' or '.join(missing)}; {others}; start one with "
            f"`inv worker --scheduler {scheduler}`"
        )


def _work(
    workforce: Cluster, tasks: Sequence[Task], limits: Limits, found: dict[Task, Result], progress: Progress
) -> None:
    """Adds the result of each task to ``found``, and records what is measured."""
    history = _recorded()
    with progress.bar("sweep", len(tasks)) as step:
        foreseen = jobs.foresee(workforce, tasks) if limits.ram else {}
        early = [each for each in jobs.results(workforce, foreseen, progress) if isinstance(each[1], LeftOut)]
        out = {task for task, _ in early}
        submitted = jobs.submit(workforce, [task for task in tasks if task not in out])
        for task, result in chain(early, jobs.results(workforce, submitted, progress)):
            if isinstance(result, Outcome):
                record(result, progress)
            elif isinstance(result, Known):
                if result.key not in history:  # another kerf has recorded it meanwhile
                    history = _recorded()
                result = _remembered(history[result.key])
            found[task] = result
            so_far = Swept(tuple(found.values()), limits)
            progress.say(f"{len(found)}/{len(tasks)} {_told(task.ask, result, so_far)}")
            step(len(found), f"{counted(len(so_far.front), 'configuration')} on the front")


def _recorded() -> dict[tuple[Any, ...], Measurement]:
    return {jobs.key(m): m for m in records.load(places.records(), lambda _: None)}


def _told(ask: Request, result: Result, so_far: Swept) -> str:
    """A result in one line, and the front of its kind if it is on it."""
    name = " ".join(filter(None, jobs.named(ask).values()))
    if isinstance(result, Failure):
        return f"{name}: failed: {result.error}"
    if isinstance(result, LeftOut):
        return f"{name}: left out: {result.reason}"
    m, best = result.measurement, so_far.front
    said = f"{name}: {wording.costs(m)}"
    if excess := over(m, so_far.limits):
        return f"{said}; over the limit: {excess}"
    if m not in best:
        return said
    others = [each for each in best if front.place(each) == front.place(m) and each is not m]
    names = [f"{each.model} {each.mode} {each.runtime}{wording.optimized(each)}" for each in others]
    return f"{said}; on the front" + (f" with {' | '.join(names)}" if names else "")


def _remembered(m: Measurement) -> Outcome:
    """A measurement that is recorded already."""
    details = kept.read(places.details(), kept.DETAILS, m) or {}
    steps = details.get(wording.STEPS)
    oracle = str(details.get("oracle", "the oracle"))
    extra = {wording.ORACLE: oracle} | ({} if steps is None else {wording.STEPS: steps})
    return Outcome(replace(m, extra=extra), oracle, details, 0)


def require(swept: Swept) -> None:
    """Raises KerfError if a configuration failed, Mismatch if an output of any differs from the oracle's."""
    require_match([each for each in swept.results if not isinstance(each, LeftOut)])


def work(scheduler: str, port: str, wanted: str, progress: Progress) -> None:
    """Works for a scheduler, with this machine's emulators and, with --port, its boards, until it ends or Ctrl-C.

    ``wanted`` limits what is offered to these comma-separated targets. Raises UsageError if there is nothing to offer.
    """
    if not scheduler:
        raise UsageError("give the address of a scheduler, such as --scheduler tcp://192.168.1.7:8786")
    cluster.check_address(scheduler)
    known = targets.load()
    chosen = [targets.find(name, known) for name in split("targets", wanted)] if wanted else list(known.values())
    ports = _ports(port, chosen, is_named=bool(wanted))
    offer = [*ports, *_emulated(chosen)]
    if wanted and not offer:
        raise UsageError(f"this machine has neither an emulator for {wanted} nor, with --port, such a board")

    def started() -> None:
        progress.say(f"working for {scheduler}, with {', '.join(offer) or 'no board or emulator'}; Ctrl-C ends it")

    cluster.serve(scheduler, offer, ports, started)
    progress.say(f"the scheduler at {scheduler} has ended")


def _ports(port: str, chosen: Sequence[Target], is_named: bool) -> Mapping[str, str]:
    """The serial ports of the boards, by target."""
    if not port:
        return {}
    if port != boards.AUTO:
        if not is_named or len(chosen) != 1:
            raise UsageError("--port names one board: give its --targets, or --port auto")
        boards.require_board(chosen[0])
        return {chosen[0].name: port}
    plugged = boards.plugged_in()
    fitting = [each for each in chosen if any(board.usb_id in each.usb_ids for board in plugged)]
    return {each.name: boards.resolve(port, each, plugged) for each in fitting}


def _emulated(chosen: Sequence[Target]) -> list[str]:
    return [
        jobs.emulated(target.name, name)
        for target in chosen
        for name, emulator in target.emulators.items()
        if _is_installed(transports.tool(emulator).find)
    ]


def _is_installed(find: Callable[[], Any]) -> bool:
    try:
        return find() is not None
    except MissingTool:
        return False
