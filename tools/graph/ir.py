"""The values of the compiler: Graph (the model), Step (a kernel call), Plan (the addresses of tensors in the arena).

Everything here is frozen. ``read.py`` makes a Graph, ``passes/`` rewrite it, ``schedule.py`` turns it into Steps,
``plan.py`` assigns arena offsets to their tensors, and ``runtimes/`` print them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt


class DType(Enum):
    """Element types. The value is NumPy's name of the type, except for INT4, which arrays store as int8, and RESOURCE,
    the handle of a variable, which has no elements."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    FLOAT64 = "float64"
    INT4 = "int4"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    BOOL = "bool"
    COMPLEX64 = "complex64"
    RESOURCE = "resource"

    @property
    def numpy(self) -> str:
        """The dtype of an array of such elements."""
        return {DType.INT4: "int8", DType.RESOURCE: "V0"}.get(self, self.value)

    @property
    def bits(self) -> int:
        """Size of one element in bits; INT4 is the only one that does not fill whole bytes."""
        return 4 if self is DType.INT4 else 8 * self.bytes

    @property
    def bytes(self) -> int:
        """Size of one element of an array in bytes."""
        return np.dtype(self.numpy).itemsize


@dataclass(frozen=True)
class Quantization:
    """real = scale * (quantized - zero_point), per tensor (one scale) or per channel along ``axis``.

    Scales are float32 values held exactly in Python floats (TFLite quantization specification).
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        return len(self.scales) > 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor; ``index`` is its position in Graph.tensors.

    ``data`` is set for constants: an array of the tensor's shape, of type ``dtype.numpy``. ``initial`` is set for
    state, which keeps its value from one inference to the next: the value before the first inference. ``kept`` are the
    channels (positions along the file's last dimension) that pruning kept, None if it removed none.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    data: npt.NDArray[Any] | None = None
    initial: npt.NDArray[Any] | None = None
    kept: tuple[int, ...] | None = None

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Size in the file and in memory: two INT4 per byte."""
        return (self.elements * self.dtype.bits + 7) // 8

    @property
    def scale(self) -> float:
        """The per-tensor scale; the operator's check ensures that there is one."""
        assert self.quantization is not None and not self.quantization.per_channel
        return self.quantization.scales[0]

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point, 0 for a tensor that is not quantized."""
        return self.quantization.zero_points[0] if self.quantization else 0


@dataclass(frozen=True)
class Op:
    """One operator. Tensor positions index Graph.tensors; an absent optional input is None.

    ``kind`` is TFLite's name (``CONV_2D``), ``name`` the layer name that a user recognizes, ``attributes`` the frozen
    dataclass that ops/<kind>.py parsed from the file. ``position`` is its position in the file, which no pass changes;
    -1 for an operator that is not from a file. ``blocks`` are the graphs that it runs: a loop's condition and body.
    """

    index: int
    kind: str
    name: str
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    attributes: Any = None
    position: int = -1
    blocks: tuple["Graph", ...] = ()

    @property
    def where(self) -> str:
        """The operator as errors name it: ``operator 3 CONV_2D 'block1/conv'``."""
        return f"operator {self.index} {self.kind} {self.name!r}"


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole model, with its operators in execution order. ``subgraphs`` are the file's other subgraphs, which
    operators refer to by number: the file's second subgraph is number 1. Their own ``subgraphs`` are empty."""

    name: str
    sha256: str
    model_bytes: int
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: tuple["Graph", ...] = ()

    @property
    def states(self) -> tuple[Tensor, ...]:
        """The tensors that keep their value from one inference to the next."""
        return tuple(tensor for tensor in self.tensors if tensor.initial is not None)

    @property
    def nested(self) -> Iterator[tuple[Op, "Graph"]]:
        """All operators in order, those of blocks after the operator that runs them, each with its graph."""
        for op in self.ops:
            yield op, self
            for block in op.blocks:
                yield from block.nested

    def input(self, op: Op, position: int) -> Tensor:
        """The tensor at an input position that must be present."""
        index = op.inputs[position]
        assert index is not None, f"{op.where} has no input {position}"
        return self.tensors[index]

    def optional_input(self, op: Op, position: int) -> Tensor | None:
        """The tensor at an input position that may be absent."""
        index = op.inputs[position] if position < len(op.inputs) else None
        return None if index is None else self.tensors[index]

    def output(self, op: Op, position: int = 0) -> Tensor:
        return self.tensors[op.outputs[position]]


# --- kernel calls -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Params:
    """A C++ struct of numbers known at compile time: its type and its fields in order.

    A field is an int, a float (float32), a bool, or a tuple of these.
    """

    type: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Read:
    """Kernel argument: a pointer to a tensor that the kernel reads; None becomes nullptr."""

    tensor: int | None


@dataclass(frozen=True)
class Write:
    """Kernel argument: a pointer to the tensor that the kernel writes.

    ``trails`` maps the inputs that may overlap this tensor to a distance in bytes: if this tensor starts at least that
    far before the input, no input element is overwritten before its last use. 0 allows both to start at the same
    address. ``in_place`` are inputs that may overlap it only if both start at the same address.
    """

    tensor: int
    trails: Mapping[int, int] = field(default_factory=dict)
    in_place: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Constant:
    """Kernel argument: an array computed by the compiler (multipliers, tables, repacked weights), kept in flash.

    ``replaces`` is the tensor that it is a repacked form of, None if there is none.
    """

    suffix: str
    data: npt.NDArray[Any]
    replaces: int | None = None


@dataclass(frozen=True)
class Scratch:
    """Kernel argument: a pointer to ``bytes`` of scratch memory, used only during the call.

    ``needed`` is the constexpr function in the kernel's header that returns the number of bytes needed. It takes the
    kernel's template arguments and params.
    """

    bytes: int
    needed: str = ""


Argument = Read | Write | Constant | Scratch


@dataclass(frozen=True, eq=False)
class Block:
    """A graph that a kernel calls as a function.

    ``inputs`` and ``outputs`` are the tensors of the graph around it that its own inputs and outputs stand for. A block
    without ``outputs`` returns its only output, a bool.
    """

    name: str
    graph: Graph
    inputs: tuple[int, ...]
    outputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class KernelCall:
    """``function<template…>(params…, arguments…)`` from firmware/kernels/<header>.

    With ``constexpr_params``, the params are the first template arguments instead, so that the C++ compiler can unroll
    the kernel's loops. ``by_rows``: with params for fewer output rows, the kernel computes only those, top to bottom.
    ``headers`` are the headers of other kernels that it calls. ``blocks`` are functions that it calls, its last
    template arguments; ``copies`` are made before it runs: (to, from). ``unseen`` is what blocks and copies read and
    write, and the blocks' memory, none of which are arguments of the kernel.
    """

    header: str
    function: str
    params: tuple[Params, ...]
    arguments: tuple[Argument, ...]
    template: tuple[str | int, ...] = ()
    constexpr_params: bool = False
    by_rows: bool = False
    headers: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    copies: tuple[tuple[int, int], ...] = ()
    unseen: tuple[Argument, ...] = ()

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields of the first params."""
        return self.params[0].fields

    @property
    def reads(self) -> tuple[int, ...]:
        """The tensors that the kernel reads."""
        return tuple(a.tensor for a in (*self.arguments, *self.unseen) if isinstance(a, Read) and a.tensor is not None)

    @property
    def writes(self) -> tuple[Write, ...]:
        """The tensors that the kernel writes."""
        return tuple(a for a in (*self.arguments, *self.unseen) if isinstance(a, Write))

    @property
    def scratch(self) -> tuple[Scratch, ...]:
        return tuple(a for a in (*self.arguments, *self.unseen) if isinstance(a, Scratch))


@dataclass(frozen=True, eq=False)
class Inner:
    """A block's steps and its memory plan, which lies in the last Scratch of the step that runs it.

    ``shared`` are its inputs that need no memory, as they only exist in the graph around: (own, around). ``entering``
    are copied before it runs: (own, around), ``leaving`` after it ran: (around, own).
    """

    block: Block
    schedule: "Schedule"
    plan: "Plan"
    shared: Mapping[int, int]
    entering: tuple[tuple[int, int], ...]
    leaving: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Step:
    """One kernel call and the operators that it computes, in execution order. ``variant`` names the chosen kernel.

    ``inner`` are the blocks that the kernel runs.
    """

    ops: tuple[Op, ...]
    call: KernelCall
    variant: str
    inner: tuple[Inner, ...] = ()

    @property
    def name(self) -> str:
        """The names of its layers."""
        return " + ".join(op.name for op in self.ops)

    @property
    def kind(self) -> str:
        """The kinds of its operators."""
        return " + ".join(op.kind for op in self.ops)

    @property
    def output(self) -> int:
        """The tensor that is captured for the step: the first that it writes."""
        return self.call.writes[0].tensor


@dataclass(frozen=True, eq=False)
class Schedule:
    """The steps of one inference in order.

    ``views`` maps each tensor that is a reshaped view to the tensor whose memory it uses.
    """

    graph: Graph
    steps: tuple[Step, ...]
    views: Mapping[int, int] = field(default_factory=dict)

    def storage_of(self, tensor: int) -> int:
        """The tensor whose memory a tensor uses: itself, unless it is a view."""
        return self.views.get(tensor, tensor)

    @property
    def variants(self) -> tuple[str, ...]:
        """The chosen kernels, each once, sorted."""
        return tuple(sorted({step.variant for each in self.nested for step in each.steps if not step.inner}))

    @property
    def nested(self) -> Iterator["Schedule"]:
        """This schedule, and those of all blocks."""
        yield self
        for step in self.steps:
            for inner in step.inner:
                yield from inner.schedule.nested


# --- memory -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Placement:
    """A buffer's offset in the arena, and the first and last step (inclusive) in which it is live."""

    offset: int
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """The static memory plan: a placement per arena tensor and per (step, scratch number).

    No plan for the same steps can be smaller than ``lower_bound``.
    """

    arena_bytes: int
    tensors: Mapping[int, Placement]
    scratch: Mapping[tuple[int, int], Placement] = field(default_factory=dict)
    lower_bound: int = 0
