"""Connections between layers for which Keras would wait without end."""

from typing import Any

import pytest

from tools.model_files.connections import are_numbered, waiting


def layer(name: str, *nodes: Any, kind: str = "Dense") -> dict[str, Any]:
    return {"class_name": kind, "name": name, "inbound_nodes": [*nodes]}


def keras_2(*sources: tuple[str, int], **options: Any) -> list[Any]:
    return [[name, call, 0, options] for name, call in sources]


def keras_3(*sources: tuple[str, int]) -> dict[str, Any]:
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [*each, 0]}} for each in sources]
    return {"args": [tensors], "kwargs": {}}


INPUT = layer("in", kind="InputLayer")


@pytest.mark.parametrize("node", [keras_2, keras_3])
def test_who_waits(node: Any) -> None:
    a, b = layer("a", node(("in", 0))), layer("b", node(("a", 0)))
    assert waiting([INPUT, a, b]) == waiting([b, a, INPUT]) == ""
    assert waiting([INPUT, layer("a"), b]) == "b"
    assert waiting([INPUT, a, layer("b", node(("a", 1)))]) == "b"
    assert waiting([INPUT, a, layer("b", node(("a", -1)))]) == "b"
    assert waiting([INPUT, a, layer("add", node(("in", 0), ("add", 0)))]) == "add"
    assert waiting([INPUT, layer("a", node(("b", 0))), b]) == "a"
    shared = layer("a", node(("in", 0)), node(("b", 0)))  # a(b(a(in)))
    assert waiting([INPUT, shared, b, layer("c", node(("a", 1)))]) == ""
    assert waiting([INPUT, shared, layer("c", node(("a", 1)))]) == ""
    nested = layer("net", node(("in", 0)), kind="Functional")
    assert waiting([INPUT, nested, layer("c", node(("net", 1)))]) == ""
    assert waiting([INPUT, nested, layer("c", node(("net", 2)))]) == "c"


def test_what_is_no_connection() -> None:
    operand = layer("add", ["in", 0, 0, {"y": ["a", 0, 0]}], kind="TFOpLambda")
    assert waiting([INPUT, layer("a", keras_2(("in", 0))), operand]) == ""
    assert waiting([INPUT, layer("a"), operand]) == "add"
    assert waiting([INPUT, layer("a", [["_CONSTANT_VALUE", -1, 3.0, {}], ["in", 0, 0, {}]])]) == ""
    for nothing in (None, 3, "layers", [], [3, None], [{"inbound_nodes": 7}], [{"class_name": "Dense"}]):
        assert waiting(nothing) == ""


@pytest.mark.parametrize(("nodes", "good"), [([[["a", 0, 0, {}]]], True), ([[["a", "0", 0]]], False), (None, True)])
def test_numbers(nodes: Any, good: bool) -> None:
    assert are_numbered(nodes) is good
