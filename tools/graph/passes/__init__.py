"""Graph → Graph: one rewrite per module, each bit-exact and testable by itself, in the order of PASSES."""

from collections.abc import Callable

from ..check import check
from ..ir import Graph
from .fold import fold
from .prune import prune
from .rename import rename
from .variables import resolve

Pass = Callable[[Graph], Graph]

# Some run before the kernel check, because what they remove needs no kernel, others after it, because they rely on it.
BEFORE_CHECK: tuple[Pass, ...] = (fold, resolve, rename)
AFTER_CHECK: tuple[Pass, ...] = (prune,)


def run(graph: Graph) -> Graph:
    """The model as it will be compiled. Raises UnsupportedModel if an operator has no kernel."""
    graph = simplify(graph)
    check(graph)
    for rewrite in AFTER_CHECK:
        graph = rewrite(graph)
    return graph


def simplify(graph: Graph) -> Graph:
    """The model without what is known before it runs; operators without a kernel are kept."""
    for rewrite in BEFORE_CHECK:
        graph = rewrite(graph)
    return graph
