"""Shared by TFLM's operators for audio features, which are custom operators with options in a flexbuffer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...errors import ModelError
from ..ir import Argument, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, OwnState, portable
from ._custom import parse
from ._quantized import check_arity, check_not_empty, check_present, check_shape, check_types, describe

Fields = Mapping[str, int | bool]
MAX_KEPT = 1 << 24


@dataclass(frozen=True)
class Signal:
    """One operator: the types of its inputs and outputs, and which of the inputs must be ``constants``.

    ``fields`` gives the kernel's params, ``sizes`` the outputs' shapes, ``tables`` additional constants. ``own_state``
    is a tensor that the kernel gets as its last argument. ``instead`` are types that all its tensors may have instead.
    """

    summary: str
    inputs: tuple[DType, ...]
    outputs: tuple[DType, ...]
    fields: Callable[[Op, Graph], Fields]
    sizes: Callable[[Op, Graph], Sequence[tuple[int, ...]]]
    constants: tuple[int, ...] = ()
    own_state: OwnState | None = None
    tables: Callable[[Op, Graph], tuple[Argument, ...]] = lambda op, graph: ()
    check: Callable[[Op, Graph], None] = lambda op, graph: None
    instead: tuple[DType, ...] = ()

    def operator(self) -> Operator:
        """The Operator, with the kernel in kernels/signal.h that has its name."""
        return Operator(
            summary=self.summary,
            types=tuple(dtype.value for dtype in (self.inputs[0], *self.instead)),
            check=self._check,
            variants=portable(self._call),
            parse=parse,
            own_state=self.own_state,
        )

    def _check(self, op: Op, graph: Graph) -> None:
        last = graph.optional_input(op, len(op.inputs) - 1) if op.inputs else None
        has_state = self.own_state is not None and last is not None and last.initial is not None  # from own_states.py
        in_file = replace(op, inputs=op.inputs[:-1]) if has_state else op
        check_arity(in_file, (len(self.inputs),), outputs=len(self.outputs))
        check_present(op, *range(len(self.inputs)))
        sources = [graph.input(op, i) for i in range(len(self.inputs))]
        outputs = [graph.output(op, i) for i in range(len(self.outputs))]
        for tensor, dtype in zip((*sources, *outputs), (*self.inputs, *self.outputs), strict=True):
            other = sources[0].dtype if sources[0].dtype in self.instead else dtype
            check_types(op, tensor, allowed=(other,))
            check_not_empty(op, tensor)
        for position in self.constants:
            if sources[position].data is None:
                raise ModelError(
                    f"{op.where}: {describe(sources[position])} is not a constant; convert the model again"
                )
        self.check(op, graph)
        self.fields(op, graph)
        for tensor, shape in zip(outputs, self.sizes(op, graph), strict=True):
            check_shape(op, tensor, shape)

    def _call(self, op: Op, graph: Graph) -> KernelCall:
        name = op.kind.lower()
        params = Params(f"{name.title().replace('_', '')}Params", self.fields(op, graph))
        reads = tuple(Read(graph.input(op, i).index) for i in range(len(self.inputs)))
        writes = tuple(Write(graph.output(op, i).index) for i in range(len(self.outputs)))
        state = () if self.own_state is None else (Write(graph.input(op, len(self.inputs)).index),)
        return KernelCall("signal.h", name, (params,), (*reads, *self.tables(op, graph), *writes, *state))


def same_size(op: Op, graph: Graph) -> Sequence[tuple[int, ...]]:
    """Every output has the shape of the first input."""
    return (graph.input(op, 0).shape,) * len(op.outputs)


def count(op: Op, graph: Graph) -> Fields:
    """The only param is the number of elements."""
    return {"count": graph.input(op, 0).elements}


def kept(op: Op, rows: int, size: int, dtype: DType = DType.INT16) -> tuple[tuple[int, ...], DType]:
    """State of ``size`` elements for each row. Raises ModelError if no microcontroller has that much memory."""
    if rows * size > MAX_KEPT:
        raise ModelError(f"{op.where} keeps {rows * size:,} elements; convert the model again with smaller frames")
    return (rows, max(size, 1)), dtype


def rows(shape: tuple[int, ...], dimensions: int) -> int:
    """The product of all but the last ``dimensions`` of a shape."""
    return math.prod(shape[: max(len(shape) - dimensions, 0)])
