"""The interface of an operator module: everything that kerf knows about one operator, as one value.

``ops/<op>.py`` assigns an Operator to OPERATOR; ``ops/__init__.py`` finds it by file name. Reading, passes, scheduling,
planning and reports use it, so that none of them needs a list of operator names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import numpy.typing as npt

from ..cores import Core
from .ir import DType, Graph, KernelCall, Op, Tensor

# Position along a tensor's last dimension → the stored number that it always has.
Constants = Mapping[int, int]


def _always(op: Op, graph: Graph, core: Core) -> bool:
    return True


@dataclass(frozen=True)
class Variant:
    """One kernel of an operator, and the condition for using it.

    ``lean``: it takes less scratch memory than the kernels that are preferred, but more time or flash. It is only used
    for steps whose scratch decides how much RAM the model takes (graph/schedule.py).

    ``accepts`` may depend on the operator (types, shapes, weights) and the core. ``call`` requires check(); it computes
    exact numbers but no C++ text. The first of an operator's variants that accepts and is not lean is chosen.
    """

    name: str
    call: Callable[[Op, Graph], KernelCall]
    accepts: Callable[[Op, Graph, Core], bool] = _always
    lean: bool = False


PORTABLE = "portable"


def portable(call: Callable[[Op, Graph], KernelCall]) -> tuple[Variant]:
    """The variants of an operator with a single kernel, which runs on every core."""
    return (Variant(PORTABLE, call),)


class Channels(Protocol):
    """How an operator treats individual channels (positions along the last dimension), for passes/prune.py."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        """The output's constant channels, given the constant channels ``source`` of input 0."""

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        """The constant channels of input 0 that it does not need if channels ``gone`` of its output are removed."""

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        """The channels of its output that it can drop if channels ``lost`` of input 0 are removed."""

    def without(self, op: Op, graph: Graph, lost: Constants, gone: set[int]) -> Sequence[Tensor]:
        """Its constants, adapted to an input without channels ``lost`` and an output without channels ``gone``."""


class NoChannels:
    """The default for an operator: no channel is constant, and all are needed."""

    def constant(self, op: Op, graph: Graph, source: Constants) -> Constants:
        return {}

    def spared(self, op: Op, graph: Graph, gone: set[int], source: Constants) -> set[int]:
        return set()

    def carried(self, op: Op, graph: Graph, lost: set[int]) -> set[int]:
        return set()

    def without(self, op: Op, graph: Graph, lost: Constants, gone: set[int]) -> Sequence[Tensor]:
        return ()


class StateRole(Enum):
    """What an operator does with a variable. passes/variables.py turns variables into state tensors."""

    INITIALIZE = "runs a subgraph that assigns initial values, before the first inference"
    HANDLE = "creates the handle of a variable"
    READ = "reads a variable"
    ASSIGN = "assigns to a variable"


# What is wrong with an operator, as the end of a sentence; None if it is fine.
Objection = Callable[[Op, Graph], str | None]
# The shape and type of the state that an operator keeps for itself.
OwnState = Callable[[Op, Graph], tuple[tuple[int, ...], DType]]
EVERY_INPUT = (-1,)


def no_options(operator: Any) -> None:
    """``parse`` of an operator without options."""


def _never(op: Op, graph: Graph) -> bool:
    return False


def _no_macs(op: Op, graph: Graph) -> int:
    return 0


def _no_scratch(op: Op, graph: Graph, core: Core) -> int:
    return 0


def _no_blocks(attributes: Any) -> tuple[int, ...]:
    return ()


def _not_known(op: Op, tensors: Sequence[Tensor]) -> None:
    return None


@dataclass(frozen=True)
class Operator:
    """Everything that kerf knows about one operator.

    summary         one line for `inv ops`
    types           type combinations that it has kernels for: "int8", "float32", …; () for none
    check           types, shapes, quantization; raises ModelError or UnsupportedModel for what no variant supports
    variants        its kernels in order of preference; the last one accepts everything that passes check()
    parse           the options of a tflite.Operator as a frozen dataclass, None without options; raises ModelError
    roles           input position → the name of the constant there: "weights", "bias"
    channel_axis    dimension of the weights that runs over output channels
    macs            multiply-accumulates of one inference, 0 for operators without any
    keeps_range     its output has the quantization of its input
    converts        it changes how numbers are stored, not their values
    fixed_range     its integer output has the range 0 … 1, regardless of calibration
    channels        how it treats individual channels
    evaluate        the value of its only output if it follows from the inputs' values (or shapes), else None; raises
                    ValueError or IndexError if these contradict each other
    evaluate_all    the values of all its outputs instead, for an operator that may have several
    leaves          last components of TensorFlow's tensor names that identify it, in lower case; () for its own name
    view            its output is input 0 with another shape or name: the same bytes in the same order
    vendor_scratch  the most bytes of scratch memory that TFLM's optimized kernels may request on a core
    one_quantization  inputs that must have the output's quantization, as no kernel converts them; EVERY_INPUT for all
    left_out_by_tflm  what TFLM's kernel omits and LiteRT's does not, so that only LiteRT's integers match the file
    litert_alone    LiteRT's reference kernels have it, but TFLM does not
    crash           why interpreters abort on it, as the end of a sentence that starts with the layer
    state           what it does with a variable, None for operators that do not use variables
    copies_state    the input, a state tensor, that is copied to its output, None for operators without any
    updates_output  its output is a variable in the file, whose earlier value it reads
    whole_sequence  it computes several steps of a sequence in one inference, so that a sample is a whole sequence
    row_count       the output that counts the defined rows (dimension 1) of the others; kerf sets the rest to 0, where
                    interpreters leave what was in memory (graph/rows.py)
    blocks          the numbers of the subgraphs that it runs, given its options; () for operators that run none
    own_state       the state that it keeps without a tensor in the file, zeros at first; passes/own_states.py makes it
                    the last input
    """

    summary: str
    types: tuple[str, ...]
    check: Callable[[Op, Graph], None]
    variants: tuple[Variant, ...]
    parse: Callable[[Any], Any] = no_options
    roles: Mapping[int, str] = field(default_factory=dict)
    channel_axis: int | None = None
    macs: Callable[[Op, Graph], int] = _no_macs
    keeps_range: bool = False
    converts: bool = False
    fixed_range: bool = False
    channels: Channels = field(default_factory=NoChannels)
    evaluate: Callable[[Op, Sequence[Tensor]], npt.NDArray[Any] | None] = _not_known
    evaluate_all: Callable[[Op, Sequence[Tensor]], tuple[npt.NDArray[Any], ...] | None] | None = None
    leaves: tuple[str, ...] = ()
    view: bool = False
    vendor_scratch: Callable[[Op, Graph, Core], int] = _no_scratch
    one_quantization: tuple[int, ...] = ()
    left_out_by_tflm: Objection | None = None
    litert_alone: bool = False
    crash: Objection | None = None
    state: StateRole | None = None
    copies_state: int | None = None
    updates_output: bool = False
    whole_sequence: Callable[[Op, Graph], bool] = _never
    own_state: OwnState | None = None
    row_count: int | None = None
    blocks: Callable[[Any], tuple[int, ...]] = _no_blocks

    def variant(self, op: Op, graph: Graph, core: Core) -> Variant:
        """The first variant that accepts the operator on this core and is not lean; requires check()."""
        return next(variant for variant in self.variants if not variant.lean and variant.accepts(op, graph, core))

    def lean_variant(self, op: Op, graph: Graph, core: Core) -> Variant | None:
        """The first lean variant that accepts the operator on this core, None if there is none; requires check()."""
        return next((variant for variant in self.variants if variant.lean and variant.accepts(op, graph, core)), None)
