"""One module per operator, found by file name: ops/conv_2d.py holds everything that kerf knows about CONV_2D.

Each module assigns an Operator (graph/operator.py) to OPERATOR, and no other code imports one by name. Modules that
start with _ are shared by several operators.
"""

import re
from functools import cache
from importlib import import_module

import tflite

from ... import registry
from ..operator import Operator

BUILT_IN = {name for name in vars(tflite.BuiltinOperator) if name.isupper()}


def known() -> tuple[str, ...]:
    """TFLite names of all operators that have a module, sorted."""
    return tuple(name.upper() for name in registry.names("graph.ops"))


@cache
def find(kind: str) -> Operator:
    """The Operator of a kind that has a module; KeyError for other kinds (see `known()`)."""
    if kind not in known():
        raise KeyError(kind)
    operator: Operator = import_module(f"{__name__}.{kind.lower()}").OPERATOR
    return operator


def lookup(kind: str) -> Operator | None:
    """The Operator of a kind, with or without a kernel; None for an unknown kind."""
    return find(kind) if kind in known() else None


def custom(name: str) -> str | None:
    """The kind of a custom operator that has a module: SIGNAL_WINDOW for ``SignalWindow``; None if it has none."""
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
    return kind if kind in known() and kind not in BUILT_IN else None


def with_kernels() -> tuple[str, ...]:
    """TFLite names of the operators that have kernels."""
    return tuple(kind for kind in known() if find(kind).variants)
