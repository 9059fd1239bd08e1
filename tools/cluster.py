"""Jobs on several processes, here or on other machines; the only user of Dask.

A worker is one process with one thread: a training fills its memory, and a board runs one firmware at a time. It offers
its boards and emulators as Dask resources, one of each, and a job that needs one is only given to a worker that has it.
Dask gives the jobs of a worker that was lost to others.
"""

import asyncio
import logging
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from .errors import KerfError, TransportError, UsageError
from .progress import Progress

CONNECT_SECONDS = 10
_LOOK_SECONDS = 5  # how often to look whether a worker is missing
_QUIET = logging.CRITICAL + 1
_ports: dict[str, str] = {}  # of the boards of this worker, by target

Future = Any  # distributed.Future, which has no type hints


class Cluster:
    """A connection to a scheduler and its workers."""

    def __init__(self, client: Any, *, is_here: bool) -> None:
        self._client = client
        self._needs: dict[str, str] = {}
        self.is_here = is_here
        """Whether all workers are processes of this machine, in this checkout."""

    def offered(self) -> set[str]:
        """The boards and emulators of all workers."""
        found = self._client.sync(self._client.scheduler.identity, n_workers=-1)
        return {name for worker in found["workers"].values() for name in worker["resources"]}

    def submit(self, function: Callable[..., Any], *arguments: Any, needs: str | None = None) -> Future:
        """Calls a module's function in a worker that has what it ``needs``; arguments may be futures of other jobs.

        Jobs are begun in the order in which they were submitted, as far as possible.
        """
        resources = {needs: 1} if needs else None
        future = self._client.submit(function, *arguments, pure=False, resources=resources, retries=0)
        if needs:
            self._needs[future.key] = needs
        return future

    def finished(self, futures: Collection[Future], progress: Progress) -> Iterator[Future]:
        """The futures as their jobs finish. Warns if no worker has what a job needs, and waits for one.

        A future that nobody refers to any more is forgotten; what is remembered is made again if its worker is lost.
        """
        from distributed import CancelledError, wait

        pending = set(futures)
        while pending:
            try:
                with self._client.as_current():
                    done = wait(pending, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED").done
            except CancelledError:
                raise _lost() from None
            except TimeoutError:
                missing = {self._needs[each.key] for each in pending if each.key in self._needs} - self.offered()
                if missing:
                    progress.warn(
                        f"waiting for a worker with {' and '.join(sorted(missing))}: start one, or press Ctrl-C"
                    )
                continue
            pending -= done
            while done:
                yield done.pop()

    def result(self, future: Future) -> Any:
        """What a job returned. Raises KerfError if its workers were lost again and again, or the scheduler was."""
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        try:
            return future.result()
        except KilledWorker as error:
            raise KerfError(f"the workers that tried this ended, {error.allowed_failures + 1} in a row") from None
        except (CancelledError, CommClosedError, OSError):
            raise _lost() from None


@contextmanager
def connected(scheduler: str, offers: Sequence[Collection[str]]) -> Iterator[Cluster]:
    """The cluster at a scheduler's address; for "", one of this machine with a worker for each of ``offers``.

    Raises TransportError if no scheduler answers there.
    """
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    _silence()
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"temporary-directory": tempfile.gettempdir()}))
        if scheduler:
            yield Cluster(stack.enter_context(_client(scheduler)), is_here=False)
            return
        common = {"nthreads": 1, "memory_limit": 0, "silence_logs": _QUIET, "host": "127.0.0.1"}
        workers = {
            number: {"cls": Nanny, "options": common | {"resources": dict.fromkeys(offer, 1)}}
            for number, offer in enumerate(offers)
        }
        address = {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}
        here = {"cls": Scheduler, "options": {"dashboard": False, **address}}
        cluster = stack.enter_context(SpecCluster(workers=workers, scheduler=here, silence_logs=_QUIET))
        yield Cluster(stack.enter_context(Client(cluster, set_as_default=False)), is_here=True)


def _lost() -> TransportError:
    return TransportError(
        "the connection to the scheduler is lost; start it and its workers, and run the same command to go on"
    )


def _silence() -> None:
    """Hides what Dask logs: kerf says it."""
    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(_QUIET)


def suitable() -> int:
    """How many workers suit this machine: one for two cores, as a training uses several, but at least two."""
    return max(2, (os.cpu_count() or 1) // 2)


def check_address(scheduler: str) -> None:
    """Raises UsageError for something other than a scheduler's address."""
    if not re.fullmatch(r"(tcp|tls|wss?)://[^/]+:[0-9]{1,5}", scheduler):
        raise UsageError(f"--scheduler {scheduler!r} is not an address such as tcp://192.168.1.7:8786")


def _client(scheduler: str) -> Any:
    from distributed import Client

    try:
        return Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        raise _no_scheduler(scheduler) from error


def _no_scheduler(address: str) -> TransportError:
    return TransportError(f"no Dask scheduler answers at {address}; start one there with `.venv/bin/dask scheduler`")


def serve(scheduler: str, offer: Collection[str], ports: Mapping[str, str], started: Callable[[], None]) -> None:
    """Works for a scheduler until it ends, or until Ctrl-C. ``ports`` are those of the boards on offer, by target.

    Raises as `connected`.
    """
    from distributed import Worker

    _silence()
    _ports.update(ports)

    async def work() -> None:
        worker = Worker(
            scheduler,
            nthreads=1,
            memory_limit=0,
            resources=dict.fromkeys(offer, 1),
            local_directory=tempfile.gettempdir(),
            death_timeout=CONNECT_SECONDS,
        )
        try:
            await worker
            started()
            await worker.finished()
        finally:
            await worker.close(executor_wait=False, nanny=False)

    try:
        asyncio.run(work())
    except (OSError, TimeoutError) as error:
        raise _no_scheduler(scheduler) from error


def own_port(target: str) -> str | None:
    """The serial port of this worker's board; None if it was not told one."""
    return _ports.get(target)
