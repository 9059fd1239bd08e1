"""What an operator module declares: everything that kerf knows of one operator, as one value.

``ops/<op>.py`` assigns an Operator to OPERATOR; ``ops/__init__.py`` finds it by file name. Reading, passes, schedule,
planning and reports ask it, so that none of them has a list of operator names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy.typing as npt

from ..cores import Core
from .ir import Graph, KernelCall, Op, Tensor

# Position along a tensor's last dimension → the stored number that is always there.
Constants = Mapping[int, int]


def _always(op: Op, graph: Graph, core: Core) -> bool:
    return True


@dataclass(frozen=True)
class Variant:
    """One kernel of an operator, and where it can be used.

    ``accepts`` may look at the operator (types, shapes, weights) and at the core; ``call`` comes after check(), and
    computes exact numbers but no C++ text. Of an operator's variants the first that accepts is chosen, unless there is
    one that is for the goal: one of schedule.GOALS, None for no more one than another.
    """

    name: str
    call: Callable[[Op, Graph], KernelCall]
    accepts: Callable[[Op, Graph, Core], bool] = _always
    goal: str | None = None


PORTABLE = "portable"


def portable(call: Callable[[Op, Graph], KernelCall]) -> tuple[Variant]:
    """The variants of an operator with one kernel, which runs everywhere."""
    return (Variant(PORTABLE, call),)


class Channels(Protocol):
    """How an operator treats single channels, the positions along the last dimension: what passes/prune.py asks."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        """Channels of the output that are the same number whatever the input, if ``source`` are those of input 0."""

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        """Of the constant channels of input 0 those that it can do without, were channels ``gone`` of its output
        removed."""

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        """Channels of its output that it can leave out, were channels ``lost`` of input 0 removed."""

    def without(self, op: Op, graph: Graph, lost: Constants, gone: set[int]) -> Sequence[Tensor]:
        """Its constants, changed for an input without channels ``lost`` and an output without channels ``gone``."""


class NoChannels:
    """An operator about whose channels nothing is known: none is constant, and all are needed."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        return {}

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        return set()

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        return set()

    def without(self, op: Op, graph: Graph, lost: Constants, gone: set[int]) -> Sequence[Tensor]:
        return ()


class StateRole(Enum):
    """What an operator on a variable does: passes/variables.py replaces variables by tensors that keep their value."""

    INITIALIZE = "runs a subgraph that assigns initial values, before the first inference"
    HANDLE = "makes the handle of a variable"
    READ = "reads a variable"
    ASSIGN = "assigns to a variable"


# What is wrong with an operator, as the end of a sentence; None where nothing is.
Objection = Callable[[Op, Graph], str | None]
EVERY_INPUT = (-1,)


def _no_options(operator: Any) -> None:
    return None


def _no_macs(op: Op, graph: Graph) -> int:
    return 0


def _not_known(op: Op, tensors: Sequence[Tensor]) -> None:
    return None


@dataclass(frozen=True)
class Operator:
    """All that kerf knows of one operator.

    summary         one line for `inv ops`
    types           type combinations that it has kernels for: "int8", "float32", …; () for none
    check           types, shapes, quantization; raises ModelError or UnsupportedModel for what no variant takes
    variants        its kernels, the preferred first; the last accepts everything that passes check()
    parse           options of a tflite.Operator as a frozen dataclass, None without options; raises ModelError
    roles           input position → "weights", "bias": what the constants there are called
    channel_axis    dimension of the weights along which output channels lie
    macs            multiply-accumulates of one inference, 0 for operators that are not counted in them
    keeps_range     its output has the quantization of its input
    converts        it changes how numbers are stored, not which they are
    fixed_range     its integer output has the range 0 … 1, whatever calibration found
    channels        how it treats single channels
    evaluate        the value of its only output where the inputs' values (or shapes) are enough, else None; raises
                    ValueError or IndexError where they contradict each other
    leaves          last components of TensorFlow's tensor names that stand for it, in lower case; () for its own name
    view            its output is input 0 under another shape or name: the same bytes in the same order
    vendor_scratch  bytes of working memory that TFLM's optimized kernels may ask for, at most
    one_quantization  inputs that no kernel converts from: they must have the output's quantization; EVERY_INPUT for all
    left_out_by_tflm  where the integers of TFLM's kernel are not those that the file asks for, and LiteRT's are
    litert_alone    TFLM does not have it, and LiteRT's reference kernels do
    crash           why interpreters abort on it, as the end of a sentence that begins with the layer
    state           what it does with a variable, None for operators that have nothing to do with them
    """

    summary: str
    types: tuple[str, ...]
    check: Callable[[Op, Graph], None]
    variants: tuple[Variant, ...]
    parse: Callable[[Any], Any] = _no_options
    roles: Mapping[int, str] = field(default_factory=dict)
    channel_axis: int | None = None
    macs: Callable[[Op, Graph], int] = _no_macs
    keeps_range: bool = False
    converts: bool = False
    fixed_range: bool = False
    channels: Channels = field(default_factory=NoChannels)
    evaluate: Callable[[Op, Sequence[Tensor]], npt.NDArray[Any] | None] = _not_known
    leaves: tuple[str, ...] = ()
    view: bool = False
    vendor_scratch: Callable[[Op, Graph], int] = _no_macs
    one_quantization: tuple[int, ...] = ()
    left_out_by_tflm: Objection | None = None
    litert_alone: bool = False
    crash: Objection | None = None
    state: StateRole | None = None

    def variant(self, op: Op, graph: Graph, core: Core, goal: str) -> Variant:
        """The variant for the operator on this core; after check()."""
        preferred = sorted(self.variants, key=lambda variant: variant.goal != goal)
        return next(variant for variant in preferred if variant.accepts(op, graph, core))
