"""One module per runtime, found by file name: a .tflite and a Target → the files of a project.

A runtime module is a Runtime: it says what it can run, checks a model against that, and prints the project's sources.
Nothing outside of it knows which one it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..arena import Arena
from ..graph.ir import Constant, Graph, KernelCall, Plan, TensorRef
from ..values import Target


@dataclass(frozen=True, eq=False)
class Program:
    """A model on its way to one runtime, checked: the operators it will run, in order.

    ``plan`` is None where the runtime lays out its memory on the device; then its size is found by trying. ``calls``
    are the kernels it is compiled to, () for an interpreter, which reads ``tflite`` itself.
    """

    tflite: bytes
    graph: Graph
    plan: Plan | None
    calls: tuple[KernelCall, ...] = ()

    @property
    def constants_bytes(self) -> int:
        """Flash for constants: those that the calls name, packed as they are stored, or all of the graph's."""
        tensors = self.graph.tensors
        if not self.calls:
            return sum(tensor.bytes for tensor in tensors if tensor.data is not None)
        arguments = [argument for call in self.calls for argument in call.arguments]
        named = {a.index for a in arguments if isinstance(a, TensorRef) and a.index is not None}
        computed = sum(int(a.data.nbytes) for a in arguments if isinstance(a, Constant))
        return computed + sum(tensors[i].bytes for i in named if tensors[i].data is not None)


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


class Runtime(Protocol):
    """The interface of each module in this folder."""

    SUMMARY: str

    def types(self) -> Mapping[str, tuple[str, ...]]:
        """Operator → the types it has kernels for, as `inv ops` shows them."""

    def compile(self, tflite: bytes, name: str, target: Target) -> Program:
        """Raises UnsupportedModel, naming the layer and the way out, for what cannot run there."""

    def sources(self, program: Program, target: Target, arena: Arena, *, mode: str) -> Sources:
        """Same arguments, same kerf: same bytes."""

    def library(self, target: Target) -> str:
        """The published package that the project is built with, "" for none."""

    def interprets(self, target: Target) -> bool:
        """Whether there is no firmware for this target: the .tflite runs in an interpreter on this machine."""

    def takes_per_channel_dense(self, target: Target) -> bool:
        """Whether dense layers may have one scale per channel of their weights."""
