"""One module per operator, found by file name: CONV_2D is ops/conv_2d.py.

An operator module has

    SUMMARY: str                                one line for `inv ops`
    VARIANTS: tuple[str, ...]                   the type combinations `lower` has a kernel for: "int8", "float32", …
    parse(operator: tflite.Operator) -> Attributes | None
                                                options as a frozen dataclass; raises ModelError
    check(op: Op, graph: Graph) -> None         types, shapes, quantization; raises ModelError or UnsupportedModel
    lower(op: Op, graph: Graph) -> KernelCall   after check(); exact numbers, no C++ text
    in_place(op: Op, graph: Graph) -> tuple[int, ...]
                                                input positions whose memory the output may take over

and nothing else of kerf imports one by name.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from ..ir import Graph, KernelCall, Op


class OperatorModule(Protocol):
    """The interface each module of this folder has."""

    SUMMARY: str
    VARIANTS: tuple[str, ...]

    def parse(self, operator: Any) -> Any: ...
    def check(self, op: Op, graph: Graph) -> None: ...
    def lower(self, op: Op, graph: Graph) -> KernelCall: ...
    def in_place(self, op: Op, graph: Graph) -> tuple[int, ...]: ...


@cache
def known() -> tuple[str, ...]:
    """TFLite names of all operators there is a module for, sorted. Modules that start with _ are helpers."""
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(f.stem.upper() for f in files if not f.stem.startswith("_")))


@cache
def find(kind: str) -> OperatorModule:
    """The module of an operator; KeyError when there is none (ask `known()` first)."""
    if kind not in known():
        raise KeyError(kind)
    module: Any = import_module(f"{__name__}.{kind.lower()}")
    checked: OperatorModule = module
    return checked
