"""Scales and shapes that no converter writes: an operator computes them, or refuses them in a sentence."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest
from test_ops_elementwise import ACCEPTED, make
from test_ops_quantized import average_pool, conv, dense, depthwise, max_pool

from tools.cores import HOST
from tools.errors import ModelError, UnsupportedModel
from tools.graph import ops
from tools.graph.ir import Graph, Op, Quantization, Tensor
from tools.graph.ops import _quantized as q

F32 = np.finfo(np.float32)
# Of the float32 values that the gate lets through as scales: the smallest and the largest.
SCALES = (float(F32.smallest_subnormal), 1.0, float(F32.max))
SHAPES = ((), (0,), (1,), (1, 1, 1, 1), (3, 1), (2, 0, 3), (1, 1, 1, 1, 1, 1, 1, 1))
BUILDERS = (conv, depthwise, dense, max_pool, average_pool)


def operators() -> Iterator[tuple[Op, Graph]]:
    """One operator of each kind and type, from the cases that other tests accept."""
    for builder in BUILDERS:
        yield builder()
    for kind, inputs, outputs, attributes in ACCEPTED:
        _, op, graph = make(kind, inputs, outputs, attributes)
        yield op, graph


def outcome(op: Op, graph: Graph) -> str:
    """How an operator ends; raises any exception that is not a KerfError."""
    module = ops.find(op.kind)
    try:
        module.check(op, graph)
    except ModelError as error:
        assert op.where in str(error)
        return "refused"
    call = module.variant(op, graph, HOST).call(op, graph)
    values = [value for params in call.params for value in params.fields.values()]
    numbers = [n for value in values for n in (value if isinstance(value, tuple) else (value,))]
    assert all((isinstance(n, (int, float)) and abs(n) < 2**31) or n == -(2**31) or abs(n) == F32.max for n in numbers)
    return "accepted"


def changed(graph: Graph, change: Callable[[int, Tensor], Tensor]) -> Graph:
    return replace(graph, tensors=tuple(change(i, tensor) for i, tensor in enumerate(graph.tensors)))


def rescaled(tensor: Tensor, scale: float) -> Tensor:
    found = tensor.quantization
    if found is None:
        return tensor
    return replace(tensor, quantization=Quantization((scale,) * len(found.scales), found.zero_points, found.axis))


def reshaped(position: int, shape: tuple[int, ...], i: int, tensor: Tensor) -> Tensor:
    """The tensor, in that shape if it is at the position."""
    if i != position:
        return tensor
    data = None if tensor.data is None else np.resize(tensor.data, int(np.prod(shape))).reshape(shape)
    return replace(tensor, shape=shape, data=data)


def test_every_combination_of_extreme_scales_is_computed_or_refused() -> None:
    seen = set()
    for op, graph in operators():
        for scales in product(SCALES, repeat=len(graph.tensors)):
            seen.add(outcome(op, changed(graph, lambda i, tensor, s=scales: rescaled(tensor, s[i]))))
    assert seen == {"accepted", "refused"}


def test_every_tensor_in_every_shape_is_computed_or_refused() -> None:
    seen = set()
    for op, graph in operators():
        for position, shape in product(range(len(graph.tensors)), SHAPES):
            seen.add(outcome(op, changed(graph, partial(reshaped, position, shape))))
    assert seen == {"accepted", "refused"}


@pytest.mark.parametrize("real", [-1.0, float("nan"), float("inf"), float("-inf"), 2.0**30, 1e300])
def test_a_factor_that_no_kernel_multiplies_by(real: float) -> None:
    op, _ = conv()
    with pytest.raises(UnsupportedModel, match="beyond 2"):
        q.multiplier_and_shift(op, real)
