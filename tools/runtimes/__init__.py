"""One module per runtime, found by file name: a .tflite and a Target → the files of a project.

A runtime module is a Runtime: it says what it can run, checks a model against that, and prints the project's sources.
Nothing outside of it knows which one it is.
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
    """What the firmware reports as one piece: its layers' names, its operators' kinds, and the tensor that it shows.

    ``tensor`` is None for a piece that has nothing to show."""

    name: str
    kind: str
    tensor: Tensor | None


@dataclass(frozen=True, eq=False)
class Program:
    """A model on its way to one runtime, checked.

    ``reported`` are its pieces in the order in which they run. ``plan`` is None where the runtime lays out its memory
    on the device; then its size is found by trying. ``schedule`` is what it was compiled to, None for an interpreter,
    which reads ``tflite`` itself. ``goal`` is what it was optimized for, None where the runtime leaves no choice.
    """

    tflite: bytes
    graph: Graph
    reported: tuple[Reported, ...]
    schedule: Schedule | None = None
    plan: Plan | None = None
    goal: str | None = None

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """(name, kind) of what the firmware reports, in order."""
        return tuple((each.name, each.kind) for each in self.reported)

    @property
    def constants_bytes(self) -> int:
        """Flash for constants: those that the kernels read, packed as they are stored, or all of the graph's."""
        tensors = self.graph.tensors
        if self.schedule is None:
            return sum(tensor.bytes for tensor in tensors if tensor.data is not None)
        calls = [step.call for step in self.schedule.steps]
        named = {i for call in calls for i in call.reads if tensors[i].data is not None}
        computed = sum(int(a.data.nbytes) for call in calls for a in call.arguments if isinstance(a, Constant))
        state = sum(tensor.bytes for tensor in self.graph.states)
        return computed + state + sum(tensors[i].bytes for i in named)


@dataclass(frozen=True)
class Sources:
    """What a runtime adds to a project: path → contents, and options of its platformio.ini (lines are added to those
    that the target has).

    ``kernels`` names the kernels for people; ``kernel_symbols`` maps the beginning of a function's name to the kernels
    that run where the linked firmware has such a function.
    """

    files: Mapping[str, bytes]
    kernels: str
    kernel_symbols: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def library(self) -> str:
        """What PlatformIO must fetch, "" for nothing."""
        return self.options.get("lib_deps", "")


class Runtime(Protocol):
    """The interface of each module in this folder."""

    SUMMARY: str

    def types(self) -> Mapping[str, tuple[str, ...]]:
        """Operator → the types it has kernels for, as `inv ops` shows them."""

    def goals(self) -> Sequence[str]:
        """What it can optimize for, the default first; none where its library leaves no choice."""

    def compile(self, tflite: bytes, name: str, target: Target, goal: str | None = None) -> Program:
        """``goal`` is one of goals(), None for the default.

        Raises UnsupportedModel, naming the layer and the way out, for what cannot run there.
        """

    def why_not(self, graph: Graph, target: Target) -> tuple[Refusal, ...]:
        """Everything in a file's graph, before any pass, that cannot run there; () where `compile` takes it."""

    def sources(self, program: Program, target: Target, arena: Arena, *, mode: str) -> Sources:
        """Same arguments, same kerf: same bytes."""

    def library(self, target: Target) -> str:
        """The published package that the project is built with, "" for none."""

    def interprets(self, target: Target) -> bool:
        """Whether there is no firmware for this target: the .tflite runs in an interpreter on this machine."""

    def takes_per_channel_dense(self, target: Target) -> bool:
        """Whether dense layers may have one scale per channel of their weights."""


def known() -> tuple[str, ...]:
    """Names of all runtimes, sorted."""
    return registry.names("runtimes")


def find(name: str) -> Runtime:
    """A runtime by its name; UnknownName when there is none."""
    runtime: Runtime = registry.find("runtimes", name, "runtime")
    return runtime
