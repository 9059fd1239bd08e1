"""Files that Keras 2 wrote: they compute the same as in Keras 2, and no code in them runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tools import compress, convert, model_files
from tools.compress import Recipe, Step, network
from tools.errors import QuantizeError
from tools.models import Data
from tools.quiet import quiet, without_warnings
from tools.values import Trained

pytestmark = pytest.mark.tf


Build = Callable[[Any], Any]  # Keras → a model


@pytest.fixture(scope="session")
def keras_2(tmp_path_factory: pytest.TempPathFactory) -> Any:
    log = tmp_path_factory.mktemp("tf") / "log"
    model_files.import_tensorflow(log)
    with quiet(log):
        import tf_keras
    tf_keras.utils.set_random_seed(1)
    return tf_keras


def plain(keras: Any) -> Any:
    """Without an Input, as in older tutorials."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.ZeroPadding2D(1, input_shape=(8, 8, 1)),
            layers.Conv2D(4, 3, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.1),
            layers.AveragePooling2D(),
            layers.Flatten(),
            layers.Dropout(0.1),
            layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )


def one_dimension(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [layers.InputLayer((10, 3)), layers.Conv1D(4, 3), layers.GlobalMaxPooling1D(), layers.Dense(2)]
    )


def separable(keras: Any) -> Any:
    layers = keras.layers
    image = keras.Input((8, 8, 3))
    left = layers.SeparableConv2D(6, 3, padding="same")(image)
    right = layers.Conv2D(6, 1)(layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(image))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Add()([left, right])))
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def transposed(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [layers.InputLayer((4, 4, 1)), layers.UpSampling2D(), layers.Conv2DTranspose(2, 3, strides=2), layers.Flatten()]
    )


def recurrent(keras: Any) -> Any:
    return keras.Sequential([keras.layers.InputLayer((5, 3)), keras.layers.LSTM(4), keras.layers.Dense(2)])


def preprocessing(keras: Any) -> Any:
    layers = keras.layers
    scaled = layers.Normalization(mean=[1, 2, 3], variance=[1, 1, 4])
    return keras.Sequential(
        [layers.InputLayer((8, 8, 3)), layers.Rescaling(1 / 255), layers.RandomFlip(), scaled, layers.Conv2D(2, 3)]
    )


def initialized(keras: Any) -> Any:
    """Like EfficientNetV2's last layer."""
    import tensorflow

    start = tensorflow.constant_initializer(0.5)
    return keras.Sequential([keras.layers.InputLayer((4,)), keras.layers.Dense(2, bias_initializer=start)])


def compiled(keras: Any) -> Any:
    """A nested model keeps its trained weights."""
    inner = plain(keras)
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    inner.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(), ["accuracy"])
    return keras.Sequential([keras.Input((8, 8, 1)), inner, keras.layers.Dense(2)])


def chain_in_a_chain(keras: Any) -> Any:
    return keras.Sequential([keras.Input((8, 8, 1)), plain(keras), keras.layers.Dense(2)])


def chain_in_a_graph(keras: Any) -> Any:
    image = keras.Input((8, 8, 1))
    return keras.Model(image, keras.layers.Dense(2)(plain(keras)(image)))


def transfer(keras: Any) -> Any:
    layers = keras.layers
    base = keras.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, weights=None, include_top=False)
    return keras.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")])


def with_preprocess_input(keras: Any, application: str) -> Any:
    image = keras.Input((8, 8, 3))
    x = getattr(keras.applications, application).preprocess_input(image)
    return keras.Model(image, keras.layers.Dense(2)(separable(keras)(x, training=False)))


def divided(keras: Any) -> Any:
    return with_preprocess_input(keras, "mobilenet_v2")  # TFOpLambda: math.truediv, math.subtract


def swapped(keras: Any) -> Any:
    return with_preprocess_input(keras, "resnet50")  # SlicingOpLambda, TFOpLambda: nn.bias_add


def save(model: Any, path: Path) -> Path:
    with without_warnings():
        model.save(path)
    return path


BUILDS = (plain, one_dimension, separable, transposed, recurrent, preprocessing, initialized)
NESTED_BUILDS = (chain_in_a_chain, chain_in_a_graph, transfer, divided, swapped)


@pytest.mark.parametrize(
    ("build", "suffix"),
    [
        *((build, ".h5") for build in (*BUILDS, *NESTED_BUILDS)),
        *((build, ".keras") for build in (plain, separable, initialized, compiled, chain_in_a_graph, divided)),
    ],
)
def test_computes_what_it_did_in_keras_2(keras_2: Any, tmp_path: Path, build: Build, suffix: str) -> None:
    model = build(keras_2)
    random = np.random.default_rng(0)
    for weights in model.weights:
        if weights.dtype == "float32":  # normalization that does nothing would prove nothing
            weights.assign(weights + 0.1 * random.random(weights.shape, np.float32))
    path = save(model, tmp_path / f"m{suffix}")
    convert.serve(path, "float32", tmp_path, tmp_path / "log", per_tensor_dense=False)
    assert not (tmp_path / "refusal.txt").exists(), (tmp_path / "refusal.txt").read_text()
    x = random.random((3, *model.input_shape[1:]), np.float32) * (255 if build in (divided, swapped) else 1)
    np.testing.assert_allclose(run(tmp_path / "model.tflite", x), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def run(path: Path, x: Any) -> Any:
    tf = model_files.import_tensorflow(path.with_suffix(".log"))
    with quiet(path.with_suffix(".log")):
        interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    outputs = []
    for sample in x:
        interpreter.reset_all_variables()  # each sample is a whole sequence
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample[np.newaxis])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(outputs)


@pytest.mark.parametrize("build", [separable, transfer])
def test_is_the_same_network_in_keras_3(keras_2: Any, tmp_path: Path, build: Build) -> None:
    model = build(keras_2)
    path = save(model, tmp_path / "m.h5")
    network.dump(network.read(model_files.load_keras(path, tmp_path / "log"), "m.h5"), tmp_path / "m.npz")
    again = network.build(network.load(tmp_path / "m.npz"), model_files.import_tensorflow(tmp_path / "log").keras)
    x = np.random.default_rng(0).random((3, *model.input_shape[1:]), np.float32)
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def test_can_be_compressed(keras_2: Any, tmp_path: Path) -> None:
    inner = separable(keras_2)
    path = save(keras_2.Sequential([inner, keras_2.layers.Dense(3, activation="softmax")]), tmp_path / "mine.h5")
    random = np.random.default_rng(0)
    x, y = random.random((48, 8, 8, 3), np.float32), random.integers(0, 3, 48)
    data = Data(x[:32], y[:32], x[32:], y[32:], classes=("a", "b", "c"))
    made = compress.compress(Trained("mine", path, None), Step("channels", 0.5), data, Recipe(1), tmp_path / "out")
    assert made.parameters[1] < made.parameters[0] and made.trained.path.suffix == ".keras"


# --- what is refused ------------------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(QuantizeError) as caught:
        model_files.load(path, path.with_suffix(".log"))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path} ")


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Changes the layers of a Sequential in an .h5, all of them."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            change(layer)
        file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file that only code in a model could create."""
    return tmp_path / "trap"


def lambda_layer(keras: Any, trap: Path) -> Any:
    return keras.layers.Lambda(lambda x, name: open(name, "w").close() or x, arguments={"name": str(trap)}, name="evil")


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_code_of_a_lambda_does_not_run(keras_2: Any, tmp_path: Path, trap: Path, depth: int, suffix: str) -> None:
    model = keras_2.Sequential([keras_2.layers.InputLayer((4,)), lambda_layer(keras_2, trap), keras_2.layers.Dense(2)])
    for _ in range(depth):
        model = keras_2.Sequential([keras_2.layers.InputLayer((4,)), model])
    path = save(model, tmp_path / f"m{suffix}")
    if suffix == ".h5":
        trap.unlink()
        keras_2.models.load_model(path, compile=False)
        assert trap.exists(), "Keras 2 runs it"
    trap.unlink()
    assert refused(path) == "has the Lambda layer 'evil', which is Python code: use Keras' own layers"
    assert not trap.exists()


def test_code_of_a_wrapped_cell_does_not_run(keras_2: Any, tmp_path: Path) -> None:
    """Keras 2 unmarshals the functions of some wrappers, which its public layers do not have."""
    cell = {"class_name": "ResidualWrapper", "config": {"residual_fn": ["4wAA", None, None], "name": "evil"}}

    def change(layer: dict[str, Any]) -> None:
        if layer["class_name"] == "LSTM":
            layer.update(class_name="RNN", config={"name": "rnn", "cell": cell})

    assert "the layer 'evil' of the custom class ResidualWrapper" in refused(
        edit(save(recurrent(keras_2), tmp_path / "m.h5"), change)
    )


@pytest.mark.parametrize("name", ["keras>Lambda", "Custom>Lambda", "lambda", "layers.Lambda", "TensorFlowOpLayer"])
@pytest.mark.parametrize("module", [None, "keras.layers", "tf_keras.src.layers.core.lambda_layer"])
def test_code_under_another_name_does_not_run(
    keras_2: Any, tmp_path: Path, trap: Path, name: str, module: str | None
) -> None:
    path = save(keras_2.Sequential([keras_2.layers.InputLayer((4,)), lambda_layer(keras_2, trap)]), tmp_path / "m.h5")
    trap.unlink()

    def change(layer: dict[str, Any]) -> None:
        if layer["class_name"] == "Lambda":
            layer.update(class_name=name, module=module, registered_name=name)

    assert refused(edit(path, change)) == f"has the layer 'evil' of the custom class {name}: use Keras' own layers"
    assert not trap.exists()


@pytest.mark.parametrize(
    "function",
    ["io.write_file", "py_function", "numpy_function", "raw_ops.WriteFile", "math", "", "keras.models.load_model"],
)
def test_functions_that_do_more_than_compute(keras_2: Any, tmp_path: Path, function: str) -> None:
    image = keras_2.Input((4,))
    path = save(keras_2.Model(image, keras_2.layers.Dense(2)(image / 255.0)), tmp_path / "m.h5")

    def change(layer: dict[str, Any]) -> None:
        if layer["class_name"] == "TFOpLambda":
            layer["config"].update(function=function, name="evil")

    assert refused(edit(path, change)) == (
        f"calls tf.{function} in the layer 'evil', which is not allowed: use Keras' own layers"
    )


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_custom_layers_are_named(keras_2: Any, tmp_path: Path, suffix: str) -> None:
    class Mine(keras_2.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 2

    path = save(keras_2.Sequential([keras_2.layers.InputLayer((4,)), Mine(name="twice")]), tmp_path / f"m{suffix}")
    assert refused(path) == "has the layer 'twice' of the custom class Mine: use Keras' own layers"


@pytest.mark.parametrize("is_bare", [False, True])
def test_custom_activations_are_named(keras_2: Any, tmp_path: Path, is_bare: bool) -> None:
    def mine(x: Any) -> Any:
        return x * 2

    dense = keras_2.layers.Dense(2, activation=mine, name="scores")
    path = save(keras_2.Sequential([keras_2.layers.InputLayer((4,)), dense]), tmp_path / "m.h5")

    def change(layer: dict[str, Any]) -> None:
        if is_bare and "activation" in layer["config"]:  # as older versions wrote it
            layer["config"]["activation"] = "mine"

    assert refused(edit(path, change)) == (
        "has the function 'mine' in the layer 'scores', which is Python code: use Keras' functions"
    )


def test_without_an_input(keras_2: Any, tmp_path: Path) -> None:
    path = save(keras_2.Sequential([keras_2.layers.Dense(2)]), tmp_path / "m.keras")
    assert refused(path).startswith("has no defined input")
