"""Writes flatten.tflite: a Conv2D, a Flatten and a Dense, int8, with an open batch dimension. Run it by hand.

flatten_per_tensor.tflite is the same with one scale for the weights of the Dense, which a TFLM of mid-2024 needs.

    python tests/unit/flatten_tflite.py

TensorFlow 2.21.0 leaves SHAPE, STRIDED_SLICE and PACK in front of the RESHAPE.
"""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3, activation="relu", name="conv"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(3, name="dense"),
        ]
    )
    rng = np.random.default_rng(1)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.random((1, 6, 6, 1), np.float32)] for _ in range(16))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    for name, per_tensor in (("flatten", False), ("flatten_per_tensor", True)):
        converter._experimental_disable_per_channel_quantization_for_dense_layers = per_tensor
        Path(__file__).with_name(f"{name}.tflite").write_bytes(converter.convert())
