"""The graph a model becomes once it is read: tensors, operators, and the kernel call each operator lowers to.

Everything here is a frozen value. ``read.py`` makes a Graph, ``ops/<op>.py`` checks and lowers one Op,
``plan.py`` places its tensors in the arena, and ``runtimes/`` print it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt


class DType(Enum):
    """Element types; the value is numpy's name for it, but for INT4, which numpy has not and holds as int8."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT4 = "int4"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    BOOL = "bool"

    @property
    def numpy(self) -> str:
        """The type of an array that holds such elements."""
        return "int8" if self is DType.INT4 else self.value

    @property
    def bits(self) -> int:
        """Size of one element in bits; only INT4 is no whole number of bytes."""
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

    ``data`` is set for constants, with the tensor's shape and its dtype's ``numpy``.
    ``kept`` are the positions along the file's last dimension that are left of it, None where all are.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    data: npt.NDArray[Any] | None = None
    kept: tuple[int, ...] | None = None

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Size in the file and in memory: two INT4 to the byte."""
        return (self.elements * self.dtype.bits + 7) // 8

    @property
    def scale(self) -> float:
        """The per-tensor scale; ModelError's business (ops check first) if there is none."""
        assert self.quantization is not None and not self.quantization.per_channel
        return self.quantization.scales[0]

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point, 0 for a tensor that is not quantized."""
        return self.quantization.zero_points[0] if self.quantization else 0


@dataclass(frozen=True)
class Op:
    """One operator. Tensor positions index Graph.tensors; an absent optional input is None.

    ``kind`` is TFLite's name (``CONV_2D``), ``name`` the layer name a user recognises, ``attributes`` the
    frozen dataclass that ops/<kind>.py parsed from the file.
    """

    index: int
    kind: str
    name: str
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    attributes: Any = None

    @property
    def where(self) -> str:
        """How errors name this operator: ``operator 3 CONV_2D 'block1/conv'``."""
        return f"operator {self.index} {self.kind} {self.name!r}"


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole model, operators in execution order."""

    name: str
    sha256: str
    model_bytes: int
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

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


@dataclass(frozen=True)
class TensorRef:
    """Kernel argument: a pointer to a tensor, in the arena or among the constants; None prints nullptr."""

    index: int | None


@dataclass(frozen=True, eq=False)
class Constant:
    """Kernel argument: an array computed at lowering (multipliers, look-up tables), stored in flash."""

    suffix: str
    data: npt.NDArray[Any]


@dataclass(frozen=True)
class Scratch:
    """Kernel argument: a pointer to ``bytes`` of working memory, free again after the call."""

    bytes: int


Argument = TensorRef | Constant | Scratch


@dataclass(frozen=True)
class KernelCall:
    """What an operator lowers to: ``function(params, arguments…)`` from firmware/kernels/<header>.

    ``params`` maps the fields of the C++ struct ``params_type``, in their order, to int, float (float32),
    bool or tuples of these. A call without params_type passes the arguments alone.
    """

    header: str
    function: str
    params_type: str | None
    params: Mapping[str, Any]
    arguments: tuple[Argument, ...]
    kernels: str = "portable"


@dataclass(frozen=True)
class Placement:
    """Where a buffer lies in the arena and from which to which operator (inclusive) it is live."""

    offset: int
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """The static memory plan: a placement per arena tensor and per (operator, scratch number)."""

    arena_bytes: int
    tensors: Mapping[int, Placement]
    scratch: Mapping[tuple[int, int], Placement] = field(default_factory=dict)
