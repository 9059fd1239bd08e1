"""Writes stream.tflite: an int8 convolution over the last eight frames. It keeps seven of them in a resource variable,
whose initial value is not zero. Run it manually.

    python tests/unit/stream_tflite.py
"""

from pathlib import Path

import numpy as np
import tensorflow as tf

WINDOW, BANDS = 8, 4


class Stream(tf.Module):
    """Takes a frame, returns six numbers."""

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(3)
        before = random.normal(size=(1, WINDOW - 1, 1, BANDS)).astype(np.float32)
        self.ring = tf.Variable(before, trainable=False)
        self.filters = tf.constant(random.normal(size=(WINDOW, 1, BANDS, 6)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec((1, 1, 1, BANDS), tf.float32)])
    def __call__(self, frame: tf.Tensor) -> tf.Tensor:
        frames = tf.concat([self.ring, frame], axis=1)
        self.ring.assign(frames[:, 1:])
        return tf.nn.relu(tf.nn.conv2d(frames, self.filters, 1, "VALID"))


if __name__ == "__main__":
    stream = Stream()
    frames = np.random.default_rng(4).normal(size=(200, 1, 1, BANDS)).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([stream.__call__.get_concrete_function()], stream)
    converter.experimental_enable_resource_variables = True
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([frame[None]] for frame in frames)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    Path(__file__).with_name("stream.tflite").write_bytes(converter.convert())
