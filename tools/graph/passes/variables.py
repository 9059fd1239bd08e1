"""Graph → Graph in which every variable is a state tensor, which keeps its value from one inference to the next.

In the file, a variable is a name. Operators refer to it by handles, a subgraph that is called once assigns its initial
value, and other operators read it or assign to it. Here it becomes a tensor with ``initial`` set. Assigning copies into
it; reading copies from it, or uses the tensor itself if nothing is assigned to it before the last use.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ModelError, UnsupportedModel
from .. import ops
from ..edit import compact, live
from ..ir import Graph, Op, Tensor
from ..operator import StateRole
from ..state import role_of
from .fold import fold


def resolve(graph: Graph) -> Graph:
    """The same model without handles and initialization, or ``graph`` itself if there are no variables.

    Raises ModelError if the file is inconsistent about a variable, UnsupportedModel if an initial value is not a
    constant.
    """
    if not any(role_of(op) for op in graph.ops):
        return graph
    variables = _Variables(graph, _initial_values(graph))
    kept = [rewritten for op in graph.ops if (rewritten := variables.rewrite(op))]
    tensors = tuple(variables.tensors)
    kept = list(_without_copies(kept, tensors, graph.outputs))
    return compact(replace(graph, tensors=tensors, ops=live(kept, _kept_alive(graph, tensors)), subgraphs=()))


def _kept_alive(graph: Graph, tensors: tuple[Tensor, ...]) -> tuple[int, ...]:
    """The tensors that must be computed: the outputs, and the state for the next inference."""
    return (*graph.outputs, *(t.index for t in tensors if t.initial is not None))


def _initial_values(graph: Graph) -> dict[Any, Tensor]:
    """Variable → the constant that is assigned to it before the first inference."""
    found: dict[Any, Tensor] = {}
    for op in graph.ops:
        if role_of(op) is not StateRole.INITIALIZE:
            continue
        number = op.attributes.subgraph
        if not 0 < number <= len(graph.subgraphs):
            raise ModelError(f"{op.where} calls subgraph {number} of {len(graph.subgraphs) + 1}; convert it again")
        found |= dict(_assignments(op, fold(graph.subgraphs[number - 1])))
    return found


def _assignments(caller: Op, subgraph: Graph) -> Iterator[tuple[Any, Tensor]]:
    """The variables that a subgraph assigns to, with the assigned values."""
    handles = {op.outputs[0]: op.attributes for op in subgraph.ops if role_of(op) is StateRole.HANDLE}
    for op in subgraph.ops:
        if role_of(op) is StateRole.HANDLE:
            continue
        value = subgraph.input(op, 1) if role_of(op) is StateRole.ASSIGN and _has_two_inputs(op) else None
        if value is None or value.data is None or op.inputs[0] not in handles:
            raise UnsupportedModel(
                f"{caller.where} does more than assign constants to variables ({op.where}); give the variables "
                "constant initial values and convert the model again"
            )
        yield handles[op.inputs[0]], value


def _has_two_inputs(op: Op) -> bool:
    return len(op.inputs) == 2 and None not in op.inputs


@dataclass
class _Variables:
    """The variables of a graph while its operators are rewritten in order; ``tensors`` grows by one for each."""

    graph: Graph
    initial: Mapping[Any, Tensor]
    tensors: list[Tensor] = field(init=False)
    handles: dict[int, Any] = field(default_factory=dict)  # resource tensor → variable
    state: dict[Any, int] = field(default_factory=dict)  # variable → its tensor

    def __post_init__(self) -> None:
        self.tensors = list(self.graph.tensors)

    def rewrite(self, op: Op) -> Op | None:
        """The operator with tensors instead of variables; None if it is no longer needed."""
        role = role_of(op)
        if role is StateRole.HANDLE:
            self.handles[op.outputs[0]] = op.attributes
        elif role is StateRole.READ:
            if len(op.inputs) != 1 or len(op.outputs) != 1:
                raise ModelError(f"{op.where} must have one input and one output; convert the model again")
            return replace(op, inputs=(self._state_of(op, self.graph.output(op)),))
        elif role is StateRole.ASSIGN:
            if not _has_two_inputs(op) or op.outputs:
                raise ModelError(f"{op.where} must have two inputs and no output; convert the model again")
            return replace(op, inputs=op.inputs[1:], outputs=(self._state_of(op, self.graph.input(op, 1)),))
        return op if role is None else None

    def _state_of(self, op: Op, value: Tensor) -> int:
        """The state tensor of an operator's variable. It has the type of ``value``, which the operator reads from or
        assigns to the variable."""
        variable = self.handles.get(op.inputs[0] or 0) if op.inputs[0] is not None else None
        if variable is None:
            raise ModelError(f"{op.where} has no variable handle as its first input; convert the model again")
        if variable not in self.state:
            initial = self.initial.get(variable)
            data = _zero(value) if initial is None else initial.data
            assert data is not None
            if initial is not None and (initial.dtype, initial.shape) != (value.dtype, value.shape):
                raise ModelError(
                    f"{op.where}: its variable is a {value.dtype.value} of shape {value.shape}, but its initial value "
                    f"is a {initial.dtype.value} of shape {initial.shape}; convert the model again"
                )
            self.state[variable] = len(self.tensors)
            name = variable.name or f"variable {len(self.state)}"
            self.tensors.append(
                Tensor(len(self.tensors), name, value.shape, value.dtype, value.quantization, initial=data)
            )
        return self.state[variable]


def _zero(value: Tensor) -> npt.NDArray[Any]:
    """The initial value of a variable that has none in the file: TFLM fills it with bytes of the zero point
    (MicroResourceVariables::Allocate)."""
    return np.full(value.bytes, value.zero_point & 0xFF, np.uint8).view(value.dtype.numpy).reshape(value.shape)


def _without_copies(kept: list[Op], tensors: tuple[Tensor, ...], outputs: tuple[int, ...]) -> Iterator[Op]:
    """Removes the copies of a variable whose last use comes before any assignment to it."""
    same: dict[int, int] = {}  # copy → the variable's tensor
    for at, op in enumerate(kept):
        if role_of(op) is not StateRole.READ or op.outputs[0] in outputs:
            continue
        variable = op.inputs[0]
        assert variable is not None
        users = [i for i, other in enumerate(kept) if op.outputs[0] in other.inputs]
        assigned = [i for i, other in enumerate(kept) if variable in other.outputs and i > at]
        # A view shares the variable's memory, so its later uses would see the new value.
        views = any((found := ops.lookup(kept[i].kind)) and found.view for i in users)
        if not views and (not users or not assigned or max(users) <= min(assigned)):
            same[op.outputs[0]] = variable
    for op in kept:
        if role_of(op) is StateRole.READ and op.outputs[0] in same:
            continue
        yield replace(op, inputs=tuple(None if i is None else same.get(i, i) for i in op.inputs))
