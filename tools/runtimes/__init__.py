"""One module per runtime, found by file name: a .tflite and a Target → the files of a project.

A runtime module implements Runtime: it declares what it can run, checks a model against that, and prints the project's
sources. No code outside this package depends on a particular runtime.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .. import registry
from ..arena import Arena
from ..graph.check import Refusal
from ..graph.ir import Constant, Graph, Plan, Schedule, Tensor
from ..values import Target


@dataclass(frozen=True)
class Reported:
    """A unit that the firmware times and reports: its layer names, its operator kinds, and its output tensor.

    ``tensor`` is None for a unit without an output to capture."""

    name: str
    kind: str
    tensor: Tensor | None


@dataclass(frozen=True, eq=False)
class Program:
    """A model, checked and compiled for one runtime.

    ``reported`` are its units in execution order. ``plan`` is None if the runtime plans its memory on the device; the
    arena size is then found by trial. ``schedule`` is None for an interpreter, which reads ``tflite`` itself. ``goal``
    is the optimization goal, None for a runtime without goals. If it ``is_guarded``, it reports writes beside tensors.
    """

    tflite: bytes
    graph: Graph
    reported: tuple[Reported, ...]
    schedule: Schedule | None = None
    plan: Plan | None = None
    goal: str | None = None
    is_guarded: bool = False

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """(name, kind) of each reported unit, in order."""
        return tuple((each.name, each.kind) for each in self.reported)

    @property
    def constants_bytes(self) -> int:
        """Flash for constants: those that the kernels read, as packed; without a schedule, all of the graph's."""
        if self.schedule is None:
            return sum(tensor.bytes for tensor in self.graph.tensors if tensor.data is not None)
        state = sum(tensor.bytes for tensor in self.graph.states)
        return state + sum(_constants_bytes(each) for each in self.schedule.nested)


def _constants_bytes(schedule: Schedule) -> int:
    tensors, calls = schedule.graph.tensors, [step.call for step in schedule.steps]
    named = {i for call in calls for i in call.reads if tensors[i].data is not None}
    computed = sum(int(a.data.nbytes) for call in calls for a in call.arguments if isinstance(a, Constant))
    return computed + sum(tensors[i].bytes for i in named)


@dataclass(frozen=True)
class Symbols:
    """The prefix of a rendered model's C symbols, and the macros before its constants and arena that tell the linker
    where to place them. The defaults are those of the bench firmware."""

    prefix: str = "kerf"
    constant_attribute: str = ""
    arena_attribute: str = ""


OWN_SYMBOLS = Symbols()


@dataclass(frozen=True)
class Dependency:
    """A library that a program with the rendered sources is built with, in the words of each build system.

    ``name`` is the runtime's, ``title`` the library's with its version, for people. ``manifest`` is an entry of
    `dependencies` in PlatformIO's library.json, ``arduino`` the name and the main header of an Arduino library,
    ``component`` the lines under `dependencies` in ESP-IDF's idf_component.yml, ``zephyr`` a module and then the
    Kconfig symbols that it needs. A field is empty if the library is not available to that build system.
    """

    name: str
    title: str
    manifest: Mapping[str, str] = field(default_factory=dict)
    arduino: Sequence[str] = ()
    component: Sequence[str] = ()
    zephyr: Sequence[str] = ()


@dataclass(frozen=True)
class Sources:
    """What a runtime adds to a project: ``files`` (path → contents), and ``options`` of platformio.ini, which are
    appended to the target's.

    ``kernels`` is the display name of the kernels. ``kernel_symbols`` maps function name prefixes to the kernels that
    run if the linked firmware has such a function. ``dependency`` is the library that the sources need, if any.
    """

    files: Mapping[str, bytes]
    kernels: str
    kernel_symbols: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    dependency: Dependency | None = None

    @property
    def library(self) -> str:
        """The library that PlatformIO must fetch, "" if there is none."""
        return self.options.get("lib_deps", "")


class Runtime(Protocol):
    """The interface of each module in this folder."""

    SUMMARY: str

    def types(self) -> Mapping[str, tuple[str, ...]]:
        """Operator → the types it has kernels for, as `inv ops` shows them."""

    def goals(self) -> Sequence[str]:
        """The goals it can optimize for, the default first; empty if its library determines the kernels."""

    PLACES_TENSORS: bool
    """Whether kerf plans the arena, so that `compile` can leave guards between the tensors."""

    def compile(
        self, tflite: bytes, name: str, target: Target, goal: str | None = None, guarded: bool = False
    ) -> Program:
        """Compiles a model; ``goal`` is one of goals(), None for the default. ``guarded``, which only a runtime that
        PLACES_TENSORS takes, is for `inv run --check-arena`: guards around the tensors show whether a step writes
        outside of its own.

        Raises UnsupportedModel, with the layer and a remedy, for a model that cannot run on the target.
        """

    def why_not(self, graph: Graph, target: Target) -> tuple[Refusal, ...]:
        """Every reason why a file's graph, before any pass, cannot run on the target; () if `compile` accepts it."""

    def sources(
        self, program: Program, target: Target, arena: Arena, *, mode: str, symbols: Symbols = OWN_SYMBOLS
    ) -> Sources:
        """The project's sources, byte for byte the same for the same arguments and kerf version."""

    def library(self, target: Target) -> Dependency | None:
        """The published library that the sources are built with, None if they need none."""

    def interprets(self, target: Target) -> bool:
        """Whether the target has no firmware and the .tflite runs in an interpreter on the host instead."""

    def takes_per_channel_dense(self, target: Target) -> bool:
        """Whether the runtime supports dense layers with per-channel weights."""


def known() -> tuple[str, ...]:
    """Names of all runtimes, sorted."""
    return registry.names("runtimes")


def find(name: str) -> Runtime:
    """A runtime by its name; UnknownName if there is no such runtime."""
    runtime: Runtime = registry.find("runtimes", name, "runtime")
    return runtime
