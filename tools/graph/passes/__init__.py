"""Graph → Graph: one rewrite per module, each bit-exact and testable by itself."""

from collections.abc import Callable

from ..check import check
from ..ir import Graph
from .blocks import blocks
from .fold import fold
from .own_states import own_states
from .prune import prune
from .rename import rename
from .variables import resolve

Pass = Callable[[Graph], Graph]

# Some run before the kernel check, since they remove operators without kernels; others after it, since they rely on it.
BEFORE_CHECK: tuple[Pass, ...] = (fold, blocks, resolve, own_states, rename)
AFTER_CHECK: tuple[Pass, ...] = (prune,)


def run(graph: Graph) -> Graph:
    """Applies all passes. Raises UnsupportedModel if an operator has no kernel."""
    graph = simplify(graph)
    check(graph)
    for rewrite in AFTER_CHECK:
        graph = rewrite(graph)
    return graph


def simplify(graph: Graph) -> Graph:
    """Folds known values and resolves variables; operators without a kernel are kept."""
    for rewrite in BEFORE_CHECK:
        graph = rewrite(graph)
    return graph
