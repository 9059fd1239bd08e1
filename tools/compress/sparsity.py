"""Magnitude pruning: gradually sets the smallest weights to zero, where they stay while the others are fine-tuned."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .network import Array, Layer, Network

# Layer → its kernel. Depthwise convolutions are not pruned: they have few weights, of which each is a ninth of its
# channel's in a 3x3 filter (Zhu & Gupta, "To prune, or not to prune", 2017, leave them out, too).
KERNELS = {"Conv2D": "kernel", "Dense": "kernel", "SeparableConv2D": "pointwise_kernel"}
RAMP = 0.5  # the fraction of training during which weights are pruned; after that, the others recover
UPDATES = 40  # how many times weights are pruned


def at(step: int, steps: int, final: float) -> float:
    """The sparsity after ``step`` of ``steps``: final * (1 - (1 - t)^3), t = 0 … 1 (Zhu & Gupta, equation 1)."""
    t = min(step / max(steps, 1), 1.0)
    return float(final * (1 - (1 - t) ** 3))


def masks(kernels: Sequence[Array], sparsity: float) -> list[Array]:
    """A mask per kernel: 0 for the fraction ``sparsity`` (0 … 1) of all weights that matter least, 1 for the others.

    A weight's score is its square divided by the sum of squares of all weights in its layer that are at least as large
    (Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", 2021, equation 4). Within a layer this
    orders weights by magnitude; across layers, small layers keep more, and no layer loses its largest weight before all
    others have lost everything else.
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
    """The layers that can be pruned, and their kernels."""
    for layer in network.layers:
        if layer.kind in KERNELS:
            yield layer, layer.weights[1 if layer.kind == "SeparableConv2D" else 0]


def pruning(keras: Any, model: Any, network: Network, final: float, steps: int) -> Any:
    """The callback that prunes ``model`` along the schedule while it trains for ``steps`` batches."""
    variables = [getattr(model.get_layer(layer.name), KERNELS[layer.kind]) for layer, _ in kernels_of(network)]
    return _callback(keras, variables, final, max(int(steps * RAMP), 1))


def keeping_zeros(keras: Any, variables: list[Any]) -> Any:
    """The callback that keeps weights at zero which are zero now."""
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
