"""What `inv inspect` says of constants that no trained model has."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tools import inspect
from tools.graph import read
from tools.graph.ir import DType

MODEL = Path(__file__).with_name("flatten.tflite")


def test_weights_that_are_all_the_same_huge_number() -> None:
    graph = read.read(MODEL.read_bytes(), "flatten")
    at = next(i for i, tensor in enumerate(graph.tensors) if tensor.data is not None)
    data = np.full(graph.tensors[at].shape, 3e38, np.float32)
    tensors = list(graph.tensors)
    tensors[at] = replace(tensors[at], dtype=DType.FLOAT32, quantization=None, data=data)
    histogram = inspect.inspect(replace(graph, tensors=tuple(tensors)), None)["tensors"][at]["histogram"]
    assert max(histogram["counts"]) == data.size and histogram["min"] < 3e38 < histogram["max"]
