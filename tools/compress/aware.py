"""The process that runs quantization-aware training, in which ``tf.keras`` is Keras 2; only qat.py starts it."""

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import files
from ..errors import CompressError
from ..model_files import import_tensorflow
from ..models import Augmentation, Data
from ..oracle import signature
from ..progress import Step
from ..quiet import failures_as
from . import network as networks
from . import sparsity, tuning
from .network import Network
from .qat import ARRAYS
from .tuning import Recipe

VALIDATION_SHARE = 0.1  # of the training set, to choose the best epoch
CALIBRATION_SAMPLES = 500
CALIBRATION_PASSES = 20  # at most; each settles the range of one more layer
EMA_DECAY = 0.999  # of tensorflow-model-optimization's moving ranges (quant_ops.MovingAvgQuantize)


def _serve(folder: Path, log: Path) -> None:
    """The files that `qat.train_aware` wrote to ``folder`` → model.tflite, score.json; or a reason in refusal.txt."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")  # to the parent; the output of libraries goes to the log

    def step(done: int, note: str) -> None:
        print(done, note, file=output, flush=True)

    network = networks.load(folder / "network.npz")
    recipe = json.loads((folder / "recipe.json").read_text())
    recipe = Recipe(**{**recipe, "augmentation": Augmentation(**recipe["augmentation"])})
    data = Data(*(np.load(folder / f"{array}.npy", mmap_mode="r") for array in ARRAYS))
    try:
        with failures_as(CompressError, f"quantization-aware training of {network.name} failed", log):
            tflite = _trained(network, data, recipe, log, step)
            found = tuning.score(network, lambda x: _run(tflite, x, log), data)
    except CompressError as error:
        files.write(folder / "refusal.txt", str(error).encode())
    else:
        files.write(folder / "model.tflite", tflite)
        files.write(folder / "score.json", json.dumps(found).encode())


def _trained(network: Network, data: Data, recipe: Recipe, log: Path, step: Step) -> bytes:
    tf = import_tensorflow(log)
    keras = tf.keras
    tuning.seed(tf)
    train, validation = _split(data)
    model = _rounding(network, keras)
    _calibrate(model, train.train_x)
    best = _Best(keras, model, network, validation)
    kernels = [variable for variable in model.trainable_variables if "kernel" in variable.name]
    callbacks = [sparsity.keeping_zeros(keras, kernels), best.callback]
    tuning.fit(keras, model, network, train, recipe, callbacks, step, validation)
    model.set_weights(best.weights)
    return _convert(tf, model, network, log)


def _rounding(network: Network, keras: Any) -> Any:
    """The model with fake quantization inserted. Raises CompressError for a layer that does not support it."""
    from tensorflow_model_optimization.quantization.keras import quantize_model

    model = networks.build(_steady(network), keras)
    try:
        return quantize_model(model)
    except RuntimeError as error:
        named = re.match("Layer (.+?):<class ", str(error))
        refused = [layer for layer in network.layers if named and layer.name == named[1]]
        if not refused:
            raise
        (layer,) = refused
        remedy = "put it directly after a convolution" if layer.kind == "BatchNormalization" else "remove it"
        raise CompressError(
            f"layer {layer.name!r} ({layer.kind}) of {network.name} does not support quantization-aware training where "
            f"it is: {remedy}, or convert without training, `inv quantize --mode int8`"
        ) from None


def _steady(network: Network) -> Network:
    """The network without dropout, which scales values up and would widen the ranges."""
    passed: dict[str, str] = {}
    layers = []
    for layer in network.layers:
        inputs = tuple(passed.get(name, name) for name in layer.inputs)
        if layer.kind in ("Dropout", "SpatialDropout2D"):
            passed[layer.name] = inputs[0]
        else:
            layers.append(replace(layer, inputs=inputs))
    return Network(network.name, tuple(layers))


def _split(data: Data) -> tuple[Data, Data]:
    """Splits off a validation set: the same data twice, with the larger and the smaller part of the training set."""
    order = np.random.default_rng(tuning.SEED).permutation(len(data.train_x))
    count = max(int(VALIDATION_SHARE * len(order)), 1)
    parts = [np.sort(order[count:]), np.sort(order[:count])]
    if not len(parts[0]):
        raise CompressError("one training sample is not enough: give more data")
    rest, taken = (
        replace(data, train_x=np.asarray(data.train_x[part]), train_y=np.asarray(data.train_y[part])) for part in parts
    )
    return rest, taken


def _calibrate(model: Any, x: Any) -> None:
    """Sets the activation ranges from real samples, because they start at ±6 and only move by a thousandth per step.

    A training pass moves each range 1 - EMA_DECAY of the way to the observed one, so the observed range can be computed
    from the range before and after. A layer's range is right once those of all layers before it are, hence several
    passes. The moving statistics of batch normalization, which a training pass also updates, are restored after each.
    """
    picked = np.random.default_rng(tuning.SEED).permutation(len(x))[:CALIBRATION_SAMPLES]
    chosen = np.asarray(x[np.sort(picked)])
    ranges = [v for v in model.non_trainable_variables if _is_range(v.name)]
    others = [v for v in model.non_trainable_variables if "moving_" in v.name]
    kept = [v.numpy() for v in others]
    for _ in range(CALIBRATION_PASSES):
        before = [v.numpy() for v in ranges]
        model(chosen, training=True)
        largest = 0.0
        for variable, was in zip(ranges, before, strict=True):
            seen = was + (variable.numpy() - was) / (1 - EMA_DECAY)
            largest = max(largest, float(np.max(np.abs(seen - was) / (np.abs(seen) + 1e-3))))
            variable.assign(seen)
        for variable, was in zip(others, kept, strict=True):
            variable.assign(was)
        if largest < 0.01:
            return


def _is_range(name: str) -> bool:
    """Whether a variable is one end of a moving range; the ranges of kernels and of the input adapt immediately."""
    return name.split(":")[0].endswith(("_min", "_max")) and "kernel" not in name and "quantize_layer" not in name


class _Best:
    """Keeps the weights of the epoch with the smallest loss on the validation set.

    The network was trained from scratch on that set, too, which favours the initial weights: they are kept unless
    fine-tuning clearly gains something.
    """

    def __init__(self, keras: Any, model: Any, network: Network, validation: Data) -> None:
        self.callback = keras.callbacks.LambdaCallback(on_epoch_end=self._judge)
        self.weights = model.get_weights()
        self._model = model
        loss, metrics = tuning.objective(keras, network, validation)
        model.compile(loss=loss, metrics=metrics)
        judged = model.evaluate(validation.train_x, validation.train_y, verbose=0, return_dict=True)
        self._loss = judged["loss"]

    def _judge(self, epoch: int, logs: dict[str, float]) -> None:
        if logs["val_loss"] < self._loss:
            self._loss, self.weights = logs["val_loss"], self._model.get_weights()


def _convert(tf: Any, model: Any, network: Network, log: Path) -> bytes:
    """The .tflite at batch size 1, as quantize would make it, with the original layer names."""
    for layer in model.layers:
        layer._name = layer.name.removeprefix("quant_")
    name = network.layers[0].name
    spec = tf.TensorSpec([1, *network.layers[0].shape], tf.float32, name=name)
    function = tf.function(lambda x: model(x, training=False), input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    tflite = bytes(converter.convert())
    if not signature.read(tflite, network.name).is_integer:
        raise CompressError(
            f"{network.name} has a layer that stays float after quantization-aware training: convert it without "
            "training, `inv quantize --mode int8`"
        )
    return tflite


def _run(tflite: bytes, x: Any, log: Path) -> Any:
    """The real outputs of an int8 .tflite for real inputs, computed by LiteRT."""
    tf = import_tensorflow(log)
    ports = signature.read(tflite, "model.tflite")
    interpreter = tf.lite.Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    entry, exit_ = (side[0]["index"] for side in (interpreter.get_input_details(), interpreter.get_output_details()))
    outputs = []
    for sample in ports.inputs[0].quantize(np.asarray(x)):
        interpreter.set_tensor(entry, sample[np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(exit_)[0])
    return ports.outputs[0].dequantize(np.stack(outputs))


if __name__ == "__main__":
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow is imported
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
