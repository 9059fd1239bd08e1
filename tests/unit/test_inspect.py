"""What `inv inspect` shows about constants."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tools import inspect, report
from tools.graph import passes, read
from tools.graph.ir import DType, Graph, Op, Placement, Plan, Tensor
from tools.report import inspect_page

MODEL = Path(__file__).with_name("flatten.tflite")


def with_weights(word: int) -> tuple[Graph, int]:
    """A graph and the index of a float32 constant in it, each of whose values has these bits."""
    graph = passes.run(read.read(MODEL.read_bytes(), "flatten"))
    at = next(i for i, tensor in enumerate(graph.tensors) if tensor.data is not None)
    data = np.full(graph.tensors[at].shape, word, np.uint32).view(np.float32)
    tensors = list(graph.tensors)
    tensors[at] = replace(tensors[at], dtype=DType.FLOAT32, quantization=None, data=data)
    return replace(graph, tensors=tuple(tensors)), at


def test_weights_that_are_signalling_nans() -> None:
    graph, at = with_weights(0x7F800001)  # a cast of such a value warns, which fails this test
    assert inspect.inspect(graph, None)["tensors"][at]["histogram"] is None


def test_weights_that_are_all_the_same_huge_number() -> None:
    graph, at = with_weights(0x7F61B1E6)  # 3e38
    tensors, data = list(graph.tensors), graph.tensors[at].data
    assert data is not None
    histogram = inspect.inspect(graph, None)["tensors"][at]["histogram"]
    assert histogram["counts"] == [data.size] and histogram["min"] == histogram["max"] == float(data.flat[0])
    tensors[at] = replace(tensors[at], data=np.zeros_like(data))
    found = inspect.inspect(replace(graph, tensors=tuple(tensors)), None)
    assert found["tensors"][at]["histogram"] == {"min": 0, "max": 0, "counts": [data.size]}
    assert "all 0" in inspect_page.html(found)
    text = StringIO()
    report.show_inspection(found, False, Console(file=text, width=200))
    assert "all 0" in text.getvalue() and "-0.5" not in text.getvalue()


def test_the_arena_is_told_in_words() -> None:
    graph = passes.run(read.read(MODEL.read_bytes(), "flatten"))
    last = len(graph.ops)
    places = {graph.inputs[0]: Placement(16, 36, -1, 0), graph.outputs[0]: Placement(0, 3, last - 1, last)}
    found = inspect.inspect(graph, Plan(64, places, {}))
    text = StringIO()
    report.show_inspection(found, False, Console(file=text, width=200))
    assert "16, input to #0" in text.getvalue() and f"0, #{last - 1} to output" in text.getvalue()


def test_the_page_says_which_layer_a_tensor_belongs_to() -> None:
    """A constant to its reader, any other tensor to its maker; the converter's joined names are cut short."""
    graph = passes.run(read.read(MODEL.read_bytes(), "flatten"))
    dense = next(op for op in graph.ops if op.kind == "FULLY_CONNECTED")
    weights = dense.inputs[1]
    joined = tuple(replace(t, name="a/b;c;d") if t.index == weights else t for t in graph.tensors)
    text = inspect_page.html(inspect.inspect(replace(graph, tensors=joined), None))
    assert f'<td title="a/b;c;d">{dense.name}<br><span class="faint small">a/b; 2 more</span></td>' in text
    made = graph.tensors[dense.outputs[0]].name
    assert f'<td title="{made}">{dense.name}<br>' in text
    given = graph.tensors[graph.inputs[0]].name
    assert f'<td title="{given}"><span class="faint small">{given}<' in text


def parameters(graph: Graph) -> dict[str, int]:
    return {layer["op"]: layer["parameters"] for layer in inspect.inspect(graph, None)["layers"]}


def test_parameters_are_weights_and_biases_of_any_type_and_no_shapes() -> None:
    graph = passes.run(read.read(MODEL.read_bytes(), "flatten"))
    counted = parameters(graph)
    dense = next(op for op in graph.ops if op.kind == "FULLY_CONNECTED")
    constants = [graph.tensors[i] for i in dense.inputs[1:] if i is not None]
    assert counted["FULLY_CONNECTED"] == sum(tensor.elements for tensor in constants) > 0
    assert counted["RESHAPE"] == 0
    types = {dense.inputs[1]: DType.INT4, dense.inputs[2]: DType.INT64}
    tensors = tuple(replace(t, dtype=types.get(t.index, t.dtype)) for t in graph.tensors)
    assert parameters(replace(graph, tensors=tensors)) == counted, "weights of 4 bits, bias of 64"


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
@pytest.mark.parametrize("weights", [None, ()], ids=["no weights", "scalar weights"])
def test_a_layer_that_no_kernel_takes_is_shown_all_the_same(kind: str, weights: tuple[int, ...] | None) -> None:
    names = ("x", "y") if weights is None else ("x", "y", "w")
    shapes = {"x": (1, 4), "y": (1, 4), "w": weights}
    tensors = tuple(Tensor(i, name, shapes[name] or (), DType.INT8) for i, name in enumerate(names))
    op = Op(0, kind, "layer", (0,) if weights is None else (0, 2), (1,))
    (layer,) = inspect.inspect(Graph("m", "", 0, tensors, (op,), (0,), (1,)), None)["layers"]
    assert layer["op"] == kind and layer["macs"] == (0 if weights is None else 4)
