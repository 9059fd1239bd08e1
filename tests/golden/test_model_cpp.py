"""The whole text that a model becomes, so that a change of any template or number is seen in review."""

from collections.abc import Callable
from pathlib import Path

from tools.cores import HOST
from tools.runtimes import aot

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"


def test_flatten_int8(golden: Callable[[str, bytes], None]) -> None:
    sources = aot.files(aot.lower(FLATTEN.read_bytes(), "flatten", HOST), mode="int8")
    assert list(sources) == ["src/model.cpp"]
    golden("flatten_int8.cpp", sources["src/model.cpp"])
