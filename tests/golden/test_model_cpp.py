"""The whole text that a model becomes, so that a change of any template or number is seen in review."""

from collections.abc import Callable
from pathlib import Path

from tools.graph.plan import plan
from tools.graph.read import read
from tools.runtimes import aot

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"


def test_flatten_int8(golden: Callable[[str, bytes], None]) -> None:
    graph = read(FLATTEN.read_bytes(), "flatten")
    calls = aot.lower(graph)
    sources = aot.files(graph, calls, plan(graph, calls), mode="int8")
    assert list(sources) == ["src/model.cpp"]
    golden("flatten_int8.cpp", sources["src/model.cpp"])
