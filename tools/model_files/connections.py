"""The connections between the layers in a .keras or .h5. Keras waits without end for some that are damaged."""

from collections.abc import Iterator, Mapping
from typing import Any

from .architecture import within

_WRAPPED = "__keras_tensor__"  # how Keras 3 writes a connection; Keras 2 writes the list alone
_NESTED = ("Functional", "Model", "Sequential")  # their call number 0 is their own graph, or there is none


def are_numbered(nodes: Any) -> bool:
    """Whether the inputs of a layer of Keras 2 are [layer, call, tensor, …] with numbers; for text, it never ends."""
    if not isinstance(nodes, list):
        return True
    if len(nodes) > 2 and isinstance(nodes[0], str):
        return type(nodes[1]) is int and type(nodes[2]) is int
    return all(are_numbered(each) for each in nodes)


def waiting(layers: Any) -> str:
    """The first layer of a network that gets an output of a layer that is never called, or called too seldom; "" if
    there is none.

    As Keras does, calls every layer as soon as its inputs are there, until all are called; unlike Keras, stops when
    none can be.
    """
    described = [each for each in layers if isinstance(each, dict)] if isinstance(layers, list) else []
    calls: dict[str, list[list[tuple[str, int]]]] = {}
    made: dict[str, int] = {}
    for layer in described:
        name, nodes = str(layer.get("name")), layer.get("inbound_nodes")
        calls.setdefault(name, []).extend([*_inputs(node)] for node in (nodes if isinstance(nodes, list) else ()))
        made[name] = int(layer.get("class_name") in ("InputLayer", *_NESTED))
    is_calling = True
    while is_calling:
        is_calling = False
        for name, left in calls.items():
            while left and all(0 <= call < made[source] for source, call in left[0] if source in made):
                left.pop(0)
                made[name] += 1
                is_calling = True
    return next((name for name, left in calls.items() if left), "")


def _inputs(node: Any) -> Iterator[tuple[str, int]]:
    """The (layer, number of its call) that a call gets outputs of."""
    if isinstance(node, Mapping) and node.get("class_name") == _WRAPPED:
        config = node.get("config")
        node = config.get("keras_history") if isinstance(config, Mapping) else None
    if isinstance(node, list) and len(node) > 2 and isinstance(node[0], str) and type(node[1]) is int:
        yield node[0], node[1]
        node = node[3:]
    for inner in within(node):
        yield from _inputs(inner)
