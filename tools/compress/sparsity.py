"""Magnitude pruning: the smallest weights become zero little by little, and stay zero, while the rest trains on."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .network import Array, Layer, Network

# Layer → its kernel. A depthwise convolution keeps its weights: they are few, and each of them is a ninth of all a
# channel has (Zhu & Gupta, "To prune, or not to prune", 2017, leave them out, too).
KERNELS = {"Conv2D": "kernel", "Dense": "kernel", "SeparableConv2D": "pointwise_kernel"}
RAMP = 0.5  # of the training during which weights are taken; after that, what remains recovers
UPDATES = 40  # times at which weights are taken


def at(step: int, steps: int, final: float) -> float:
    """The sparsity after ``step`` of ``steps``: final * (1 - (1 - t)^3), t = 0 … 1 (Zhu & Gupta, equation 1)."""
    t = min(step / max(steps, 1), 1.0)
    return float(final * (1 - (1 - t) ** 3))


def masks(kernels: Sequence[Array], sparsity: float) -> list[Array]:
    """For each kernel 1 where a weight stays, 0 for the ``sparsity`` (0 … 1) of all weights that matter least.

    What counts is a weight's square by the sum of the squares of its layer's weights that are at least as large (Lee et
    al., "Layer-adaptive sparsity for the magnitude-based pruning", 2021, equation 4). Within a layer that is the order
    of magnitudes; between layers, small ones keep more, and every layer keeps its largest weight before any loses it.
    """
    scores = np.concatenate([_scores(kernel) for kernel in kernels])
    remains = np.ones(scores.size, np.float32)
    remains[np.argsort(scores, kind="stable")[: round(sparsity * scores.size)]] = 0
    ends = np.cumsum([kernel.size for kernel in kernels])
    return [part.reshape(kernel.shape) for part, kernel in zip(np.split(remains, ends[:-1]), kernels, strict=True)]


def _scores(kernel: Array) -> npt.NDArray[np.float64]:
    squares = np.square(kernel.astype(np.float64)).reshape(-1)
    order = np.argsort(squares, kind="stable")
    not_smaller = np.cumsum(squares[order][::-1])[::-1]
    scores = np.zeros(squares.size)
    scores[order] = np.divide(squares[order], not_smaller, out=np.zeros(squares.size), where=not_smaller > 0)
    return scores


def kernels_of(network: Network) -> Iterator[tuple[Layer, Array]]:
    """The layers that can be sparse, and their kernels."""
    for layer in network.layers:
        if layer.kind in KERNELS:
            yield layer, layer.weights[1 if layer.kind == "SeparableConv2D" else 0]


def pruning(keras: Any, model: Any, network: Network, final: float, steps: int) -> Any:
    """The callback that takes weights from ``model`` while it trains ``steps`` batches, along the schedule."""
    variables = [getattr(model.get_layer(layer.name), KERNELS[layer.kind]) for layer, _ in kernels_of(network)]
    return _callback(keras, variables, final, max(int(steps * RAMP), 1))


def keeping_zeros(keras: Any, variables: list[Any]) -> Any:
    """The callback that keeps zeros what is zero now."""
    return _callback(keras, variables, None, 1)


def _callback(keras: Any, variables: list[Any], final: float | None, ramp: int) -> Any:
    every = max(ramp // UPDATES, 1)
    remaining = [(variable.numpy() != 0).astype(np.float32) for variable in variables]
    done = 0

    def on_train_batch_end(batch: int, logs: Any) -> None:
        nonlocal done
        done += 1
        if final is not None and done <= ramp and (done % every == 0 or done == ramp):
            remaining[:] = masks([variable.numpy() for variable in variables], at(done, ramp, final))
        for variable, remains in zip(variables, remaining, strict=True):
            variable.assign(variable * remains)

    return keras.callbacks.LambdaCallback(on_train_batch_end=on_train_batch_end)
