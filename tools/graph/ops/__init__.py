"""One module per operator, found by file name: CONV_2D is ops/conv_2d.py, and holds all that kerf knows of it.

Each assigns an Operator (graph/operator.py) to OPERATOR, and nothing else of kerf imports one by name. Modules that
start with _ are what several of them share.
"""

from functools import cache
from importlib import import_module

from ... import registry
from ..operator import Operator
from . import _without_kernel


def known() -> tuple[str, ...]:
    """TFLite names of all operators there is a module for, sorted."""
    return tuple(name.upper() for name in registry.names("graph.ops"))


@cache
def find(kind: str) -> Operator:
    """What kerf knows of an operator; KeyError when there is no module (ask `known()` first)."""
    if kind not in known():
        raise KeyError(kind)
    operator: Operator = import_module(f"{__name__}.{kind.lower()}").OPERATOR
    return operator


def lookup(kind: str) -> Operator | None:
    """What kerf knows of an operator, with or without a kernel; None for one it does not know at all."""
    return find(kind) if kind in known() else _without_kernel.OPERATORS.get(kind)


def with_kernels() -> tuple[str, ...]:
    """TFLite names of the operators that have kernels."""
    return tuple(kind for kind in known() if find(kind).variants)
