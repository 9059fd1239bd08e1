"""Random Keras networks: layers of all kinds, odd shapes, several inputs and outputs, extreme weights."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MOST_VALUES = 3000  # of a tensor, so that a model runs in milliseconds
ACTIVATIONS = (None, None, "relu", "relu6", "tanh", "sigmoid", "elu", "hard_swish", "leaky_relu", "softmax", "gelu")

Grow = Callable[[Any, random.Random, Any], Any]  # (keras.layers, random numbers, tensor) → a new tensor


def network(keras: Any, rng: random.Random) -> Any:
    """A model of one or two inputs and one to three outputs, with weights of its own."""
    layers = keras.layers
    inputs = [keras.Input(shape(rng)) for _ in range(rng.choice((1, 1, 1, 2)))]
    made = list(inputs)
    for _ in range(rng.randint(1, 6)):
        x = made[-1] if rng.random() < 0.7 else rng.choice(made)
        made.append(grown(keras, rng, x, made))
    used: list[Any] = [made[-1]]
    used += [joined(layers, rng, made[-1], inputs[1])] if len(inputs) > 1 else []
    extra = [x for x in made[len(inputs) : -1] if rng.random() < 0.15]
    return weighted(keras.Model(inputs, (used + extra)[:3]), rng)


def stateful(keras: Any, rng: random.Random) -> Any:
    """A model of a sequence that can be computed step by step: each layer reads one step at a time."""
    layers = keras.layers
    x = first = keras.Input((rng.randint(2, 6), rng.randint(1, 8)))
    kinds = [rng.choice(("LSTM", "GRU", "SimpleRNN", "Dense", "LayerNormalization")) for _ in range(rng.randint(0, 2))]
    kinds.insert(rng.randint(0, len(kinds)), rng.choice(("LSTM", "GRU", "SimpleRNN")))
    for kind in kinds:
        if kind == "Dense":
            x = layers.Dense(rng.randint(1, 9), activation(rng))(x)
        elif kind == "LayerNormalization":
            x = layers.LayerNormalization()(x)
        else:
            x = getattr(layers, kind)(rng.randint(1, 8), return_sequences=True)(x)
    return weighted(keras.Model(first, x), rng)


def weighted(model: Any, rng: random.Random) -> Any:
    """The model with weights of its own."""
    numbers = np.random.default_rng(rng.randrange(1 << 32))
    for layer in model.layers:
        drawn = [(weight.name, weights(rng, numbers, weight.shape)) for weight in layer.weights]
        layer.set_weights([np.abs(array) if "variance" in name else array for name, array in drawn])
    return model


def shape(rng: random.Random) -> tuple[int, ...]:
    """A vector, a sequence or an image."""
    rank = rng.choice((1, 2, 2, 3, 3, 3))
    return tuple([rng.randint(1, 11) for _ in range(rank - 1)] + [rng.choice((1, 2, 3, 4, 5, 7, 8, 13))])


def weights(rng: random.Random, numbers: np.random.Generator, size: Sequence[int]) -> np.ndarray:
    """Mostly ordinary weights; some all zero, some tiny or large, some with channels that are."""
    array = numbers.normal(0, 1 / max(1.0, float(np.sqrt(np.prod(size[:-1])))), size)
    kind = rng.random()
    if kind < 0.05:
        array = np.zeros(size)
    elif kind < 0.15:
        array = array * rng.choice((1e-4, 1e-2, 20.0))
    elif kind < 0.3 and array.ndim > 1:
        array = array * numbers.choice([0.0, 1e-3, 1.0, 1.0, 8.0], size[-1])
    return array


def grown(keras: Any, rng: random.Random, x: Any, made: Sequence[Any]) -> Any:
    """One more layer after ``x``, whichever of some drawn ones accepts its shape and stays small."""
    for _ in range(20):
        several = [other for other in made if other is not x and other.shape == x.shape]
        table = [*ANY, *BY_RANK[len(x.shape) - 1]]
        try:
            if several and rng.random() < 0.4:
                y = merged(keras.layers, rng, x, rng.choice(several))
            else:
                y = rng.choice(table)(keras.layers, rng, x)
        except (ValueError, TypeError, ZeroDivisionError):  # a shape that this layer does not accept
            continue
        if None not in y.shape[1:] and 0 < np.prod(y.shape[1:]) <= MOST_VALUES and 2 <= len(y.shape) <= 4:
            return y
    return keras.layers.Flatten()(x)


def merged(layers: Any, rng: random.Random, x: Any, other: Any) -> Any:
    kind = rng.choice(("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate", "Dot"))
    if kind == "Dot":
        return layers.Dot(axes=-1)([x, other])
    return getattr(layers, kind)()([x, other])


def joined(layers: Any, rng: random.Random, x: Any, other: Any) -> Any:
    """Both tensors in one, whatever their shapes."""
    return layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(other)])


def activation(rng: random.Random) -> str | None:
    return rng.choice(ACTIVATIONS[:-2])


def window(rng: random.Random, dimensions: int) -> dict[str, Any]:
    """Options of a convolution."""
    dilated = rng.random() < 0.2
    return {
        "kernel_size": tuple(rng.randint(1, 4) for _ in range(dimensions)),
        "strides": 1 if dilated else rng.choice((1, 1, 2, 3)),
        "dilation_rate": 2 if dilated else 1,
        "padding": rng.choice(("same", "valid")),
        "use_bias": rng.random() < 0.8,
        "activation": activation(rng),
    }


def pooling(rng: random.Random, dimensions: int) -> dict[str, Any]:
    return {
        "pool_size": tuple(rng.randint(1, 3) for _ in range(dimensions)),
        "strides": rng.choice((None, 1, 2)),
        "padding": rng.choice(("same", "valid")),
    }


def permuted(layers: Any, rng: random.Random, x: Any) -> Any:
    axes = list(range(1, len(x.shape)))
    rng.shuffle(axes)
    return layers.Permute(tuple(axes))(x)


def reshaped(layers: Any, rng: random.Random, x: Any) -> Any:
    values = int(np.prod(x.shape[1:]))
    first = rng.choice([n for n in range(1, values + 1) if values % n == 0])
    return layers.Reshape((first, values // first))(x)


def padded(rng: random.Random) -> tuple[tuple[int, int], tuple[int, int]]:
    return (rng.randint(0, 2), rng.randint(0, 2)), (rng.randint(0, 2), rng.randint(0, 2))


def recurrent(kind: str) -> Grow:
    def grow(layers: Any, rng: random.Random, x: Any) -> Any:
        layer = getattr(layers, kind)(
            rng.randint(1, 6), return_sequences=rng.random() < 0.5, go_backwards=rng.random() < 0.2
        )
        return layers.Bidirectional(layer)(x) if rng.random() < 0.2 else layer(x)

    return grow


ANY: tuple[Grow, ...] = (
    lambda layers, rng, x: layers.Activation(rng.choice(ACTIVATIONS[2:]))(x),
    lambda layers, rng, x: layers.Dense(rng.randint(1, 17), activation(rng), use_bias=rng.random() < 0.8)(x),
    lambda layers, rng, x: layers.Dense(rng.randint(1, 17), activation(rng))(x),
    lambda layers, rng, x: layers.BatchNormalization()(x),
    lambda layers, rng, x: layers.LayerNormalization()(x),
    lambda layers, rng, x: layers.PReLU()(x),
    lambda layers, rng, x: layers.Rescaling(rng.choice((0.5, 2.0, -1.0)), rng.choice((0.0, 0.25)))(x),
    lambda layers, rng, x: layers.Flatten()(x),
    permuted,
    reshaped,
)
BY_RANK: dict[int, tuple[Grow, ...]] = {
    1: (
        lambda layers, rng, x: layers.RepeatVector(rng.randint(1, 4))(x),
        lambda layers, rng, x: layers.Softmax()(x),
        lambda layers, rng, x: layers.UnitNormalization()(x),
    ),
    2: (
        lambda layers, rng, x: layers.Conv1D(rng.randint(1, 9), **window(rng, 1))(x),
        lambda layers, rng, x: layers.DepthwiseConv1D(depth_multiplier=rng.randint(1, 2), **window(rng, 1))(x),
        lambda layers, rng, x: layers.SeparableConv1D(rng.randint(1, 6), **window(rng, 1))(x),
        lambda layers, rng, x: layers.MaxPooling1D(**pooling(rng, 1))(x),
        lambda layers, rng, x: layers.AveragePooling1D(**pooling(rng, 1))(x),
        lambda layers, rng, x: layers.GlobalAveragePooling1D()(x),
        lambda layers, rng, x: layers.GlobalMaxPooling1D()(x),
        lambda layers, rng, x: layers.ZeroPadding1D(padded(rng)[0])(x),
        lambda layers, rng, x: layers.Cropping1D((1, rng.randint(0, 1)))(x),
        lambda layers, rng, x: layers.UpSampling1D(2)(x),
        lambda layers, rng, x: layers.MultiHeadAttention(rng.randint(1, 2), rng.randint(1, 4))(x, x),
        recurrent("LSTM"),
        recurrent("LSTM"),
        recurrent("GRU"),
        recurrent("SimpleRNN"),
    ),
    3: (
        lambda layers, rng, x: layers.Conv2D(rng.randint(1, 9), **window(rng, 2))(x),
        lambda layers, rng, x: layers.Conv2D(rng.choice((4, 8)), 3, padding="same", activation="relu")(x),
        lambda layers, rng, x: layers.DepthwiseConv2D(depth_multiplier=rng.randint(1, 2), **window(rng, 2))(x),
        lambda layers, rng, x: layers.DepthwiseConv2D(3, padding="same")(x),
        lambda layers, rng, x: layers.SeparableConv2D(rng.randint(1, 6), 3, padding="same")(x),
        lambda layers, rng, x: layers.Conv2DTranspose(
            rng.randint(1, 5), rng.randint(1, 3), rng.randint(1, 2), padding=rng.choice(("same", "valid"))
        )(x),
        lambda layers, rng, x: layers.MaxPooling2D(**pooling(rng, 2))(x),
        lambda layers, rng, x: layers.AveragePooling2D(**pooling(rng, 2))(x),
        lambda layers, rng, x: layers.GlobalAveragePooling2D(keepdims=rng.random() < 0.5)(x),
        lambda layers, rng, x: layers.GlobalMaxPooling2D()(x),
        lambda layers, rng, x: layers.ZeroPadding2D(padded(rng))(x),
        lambda layers, rng, x: layers.Cropping2D(((1, 0), (0, rng.randint(0, 1))))(x),
        lambda layers, rng, x: layers.UpSampling2D(2, interpolation=rng.choice(("nearest", "bilinear")))(x),
    ),
}
