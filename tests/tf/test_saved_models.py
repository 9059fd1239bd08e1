"""SavedModels: networks are loaded, and nothing that is not part of a network reaches TensorFlow's loader.

Each attack here would read or write a file of this machine, or run code, when the model is loaded or converted.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import convert, model_files
from tools.errors import QuantizeError
from tools.model_files import operators
from tools.quiet import quiet

pytestmark = pytest.mark.tf


@pytest.fixture(scope="session")
def tf(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_files.import_tensorflow(tmp_path_factory.mktemp("tf") / "log")


@pytest.fixture
def effects(tmp_path: Path) -> Iterator[Path]:
    """A folder that attacks try to write to: it must stay empty."""
    folder = tmp_path / "effects"
    folder.mkdir()
    yield folder
    assert list(folder.rglob("*")) == []


@pytest.fixture
def loader(tf: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What TensorFlow's loader was asked to load."""
    seen: list[Any] = []
    load = tf.saved_model.load

    def listen(path: str) -> Any:
        seen.append(path)
        return load(path)

    monkeypatch.setattr(tf.saved_model, "load", listen)
    return seen


def save(tf: Any, module: Any, path: Path, **options: Any) -> Path:
    with quiet(path.with_suffix(".log")):
        tf.saved_model.save(module, str(path), signatures=module.serve, **options)
    return path


def refused(path: Path) -> str:
    with pytest.raises(QuantizeError) as caught:
        model_files.load(path, path.with_suffix(".log"))
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path} ")


# --- networks ---------------------------------------------------------------------------------------------------------


def module(tf: Any) -> Any:
    class Module(tf.Module):  # type: ignore[misc]
        """Variables, constants, a loop, a branch, a call, an assertion, and a gradient of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2))
            self.parts = [tf.Variable(1.0), tf.constant([1.0, 2.0])]

        @tf.function(jit_compile=True)  # type: ignore[misc]
        def twice(self, x: Any) -> Any:
            return x * 2

        @tf.custom_gradient  # type: ignore[misc]
        def sign(self, x: Any) -> Any:
            return tf.sign(x), lambda dy: dy

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])  # type: ignore[misc]
        def serve(self, x: Any) -> Any:
            y = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, self.twice(y)), (0, x))[1]
            y = tf.cond(tf.reduce_sum(y) > 0, lambda: y, lambda: -y)
            tf.debugging.assert_greater(tf.shape(y)[0], 0)
            return {"y": self.sign(y) @ self.weights * self.parts[0] + self.parts[1]}

    return Module()


@pytest.fixture(scope="session")
def saved(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel that is harmless."""
    return save(tf, module(tf), tmp_path_factory.mktemp("saved") / "m")


def convolutional(keras: Any) -> Any:
    layers = keras.layers
    image = keras.Input((12, 12, 3), name="image")
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Resizing(8, 8)(x)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x))
    x = layers.MaxPooling2D()(layers.DepthwiseConv2D(3, padding="same")(x))
    return keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(layers.Dropout(0.1)(x))))


def recurrent(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((5, 3)), layers.LSTM(4, return_sequences=True), layers.GRU(3), layers.Dense(2)]
    )


def attentive(keras: Any) -> Any:
    words = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(20, 8)(words)
    x = keras.layers.LayerNormalization()(keras.layers.MultiHeadAttention(2, 4)(x, x) + x)
    return keras.Model(words, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(x)))


def written_by(way: str, tf: Any, model: Any, path: Path) -> Path:
    with quiet(path.with_suffix(".log")):
        if way == "export":
            model.export(str(path))
        elif way == "save":
            model.save(str(path), save_format="tf")
        else:
            tf.saved_model.save(model, str(path))
    return path


@pytest.mark.parametrize("build", [convolutional, recurrent, attentive])
@pytest.mark.parametrize(
    "way", ["3 export", "3 saved", "2 save", pytest.param("2 saved", marks=pytest.mark.soak), "2 export"]
)
def test_networks_of_keras_compute_what_they_did(
    tf: Any, tmp_path: Path, build: Callable[[Any], Any], way: str
) -> None:
    import tf_keras

    keras = tf.keras if way[0] == "3" else tf_keras
    keras.utils.set_random_seed(1)
    path = written_by(way[2:], tf, build(keras), tmp_path / "m")
    loaded = model_files.load(path, tmp_path / "log")
    x = np.random.default_rng(0).integers(0, 20, (1, *loaded.shapes[0])).astype(loaded.dtypes[0])
    with quiet(tmp_path / "log"):
        as_it_is = tf.saved_model.load(str(path)).signatures["serving_default"]
    (name,) = as_it_is.structured_input_signature[1]
    (expected,) = as_it_is(**{name: tf.constant(x)}).values()
    np.testing.assert_allclose(loaded.function(tf.constant(x))[0], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"experimental_custom_gradients": True}, {"save_debug_info": True}])
def test_modules_compute_what_they_did(tf: Any, tmp_path: Path, options: dict[str, bool]) -> None:
    path = save(tf, module(tf), tmp_path / "m", options=tf.saved_model.SaveOptions(**options))
    x = np.array([[1, -1, 2, 0]], np.float32)
    expected = np.sign(x) @ np.arange(8, dtype=np.float32).reshape(4, 2) + [1, 2]
    np.testing.assert_array_equal(
        model_files.load(path, tmp_path / "log").function(tf.constant(x))[0], expected.astype(np.float32)
    )
    convert.serve(path, "float32", tmp_path, tmp_path / "log", per_tensor_dense=False)
    assert not (tmp_path / "refusal.txt").exists(), (tmp_path / "refusal.txt").read_text()


def test_a_compiled_model_brings_its_optimizer(tf: Any, tmp_path: Path) -> None:
    import tf_keras

    model = tf_keras.Sequential([tf_keras.layers.InputLayer((4,)), tf_keras.layers.Dense(2)])
    model.compile(tf_keras.optimizers.legacy.Adam(), "mse", metrics=["accuracy"])
    model.fit(np.zeros((8, 4)), np.zeros((8, 2)), verbose=0)
    assert model_files.load(written_by("save", tf, model, tmp_path / "m"), tmp_path / "log").shapes == ((4,),)


def test_no_allowed_operator_takes_the_name_of_a_file(tf: Any) -> None:
    """Text that the operators take: names of functions, equations, messages, and names of objects in the process."""
    from tensorflow.core.framework.types_pb2 import DT_STRING
    from tensorflow.python.framework import op_def_registry

    known = {op: op_def_registry.get(op) for op in operators.NETWORK}
    assert [op for op, definition in known.items() if definition is None] == []
    assert [op for op, definition in known.items() if any(i.type == DT_STRING for i in definition.input_arg)] == []
    texts = {
        attribute.name
        for definition in known.values()
        for attribute in definition.attr
        if "string" in attribute.type and not attribute.HasField("allowed_values")
    }
    computing = {"equation", "interpolation", "fill_mode", "kernel_type", "noise", "bad_indices_policy", "message"}
    naming = {"container", "shared_name", "debug_name", "allowed_devices", "frame_name", "tensor_array_name"}
    dropped = {"config", "config_proto", "executor_type"}
    assert texts == computing | naming | dropped


# --- what runs when a model is loaded ---------------------------------------------------------------------------------


def with_initializer(tf: Any, path: Path, effect: Callable[[], Any]) -> Path:
    """A SavedModel that runs ``effect`` when it is loaded, as tables of words do to be filled."""

    class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
        def _create_resource(self) -> Any:
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="r")

        def _initialize(self) -> None:
            effect()

    model = module(tf)
    model.resource = Resource()
    return save(tf, model, path)


def prints(tf: Any, to: Path) -> None:
    tf.raw_ops.PrintV2(input=tf.constant("effect"), output_stream=f"file://{to}/print")


def reads(tf: Any, to: Path) -> None:
    queue = tf.raw_ops.FIFOQueueV2(component_types=[tf.string])
    tf.raw_ops.QueueEnqueueV2(handle=queue, components=["/etc/hostname"])
    _, text = tf.raw_ops.ReaderReadV2(reader_handle=tf.raw_ops.WholeFileReaderV2(), queue_handle=queue)
    tf.raw_ops.PrintV2(input=text, output_stream=f"file://{to}/stolen")


def summarizes(tf: Any, to: Path) -> None:
    writer = tf.raw_ops.SummaryWriter(shared_name="s")
    tf.raw_ops.CreateSummaryFileWriter(
        writer=writer, logdir=f"{to}/summary", max_queue=1, flush_millis=1, filename_suffix="x"
    )


def dumps(tf: Any, to: Path) -> None:
    tf.raw_ops.DebugIdentityV2(
        input=tf.constant(1.0),
        tfdbg_context_id="a",
        op_name="b",
        output_slot=0,
        tensor_debug_mode=8,
        debug_urls=[f"file://{to}/debug"],
    )


def saves(tf: Any, to: Path) -> None:
    tf.raw_ops.SaveV2(prefix=f"{to}/saved", tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)])


def restores(tf: Any, to: Path) -> None:
    tf.raw_ops.RestoreV2(prefix=f"{to}/saved", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])


INITIALIZERS = {
    prints: "has the operator PrintV2 (node ",
    reads: "has the operator FIFOQueueV2 (node ",
    summarizes: "has the operator SummaryWriter (node ",
    dumps: "has the operator DebugIdentityV2 (node ",
    # A SavedModel has these for the C++ loader, and nothing that is loaded may call them.
    saves: "contains an object of kind 'resource'",
    restores: "contains an object of kind 'resource'",
}


def test_the_attacks_are_attacks(tf: Any, tmp_path: Path) -> None:
    """Otherwise the other tests would prove nothing."""
    for effect in (prints, reads, summarizes, dumps):
        path = with_initializer(tf, tmp_path / effect.__name__, lambda effect=effect: effect(tf, tmp_path / "effects"))
        shutil.rmtree(tmp_path / "effects", ignore_errors=True)  # saving may have run it
        (tmp_path / "effects").mkdir()
        with quiet(tmp_path / "log"):
            tf.saved_model.load(str(path))
        assert list((tmp_path / "effects").iterdir()), effect.__name__


@pytest.mark.parametrize("effect", INITIALIZERS, ids=lambda effect: effect.__name__)
def test_initializers_do_not_run(
    tf: Any, tmp_path: Path, effects: Path, loader: list[Any], effect: Callable[[Any, Path], None]
) -> None:
    path = with_initializer(tf, tmp_path / "m", lambda: effect(tf, effects))
    for left_by_saving in effects.iterdir():
        left_by_saving.unlink() if left_by_saving.is_file() else shutil.rmtree(left_by_saving)
    message = refused(path)
    assert message.startswith(INITIALIZERS[effect])
    assert "_initialize" in message or "resource" in message
    assert message.endswith(", which is not part of a network: save the Keras model itself, model.save('name.keras')")
    assert loader == []


def test_harmless_initializers_do_not_run_either(tf: Any, tmp_path: Path, loader: list[Any]) -> None:
    path = with_initializer(tf, tmp_path / "m", lambda: None)
    assert refused(path).startswith("contains an object of kind 'resource', which is not part of a network")
    assert loader == []


# --- in any place of the file -----------------------------------------------------------------------------------------


def edit(tf: Any, saved: Path, path: Path, change: Callable[[Any], None]) -> Path:
    """A copy of ``saved`` whose meta graph is changed."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    shutil.copytree(saved, path)
    program = SavedModel.FromString((path / "saved_model.pb").read_bytes())
    change(program.meta_graphs[0])
    (path / "saved_model.pb").write_bytes(program.SerializeToString())
    return path


def function(meta: Any, part: str) -> Any:
    return next(f for f in meta.graph_def.library.function if part in f.signature.name)


def in_graph(meta: Any) -> Any:
    return meta.graph_def.node


def in_signature(meta: Any) -> Any:
    return function(meta, "signature_wrapper").node_def


def in_loop(meta: Any) -> Any:
    return function(meta, "while_body").node_def


def in_saver(meta: Any) -> Any:
    return function(meta, "traced_restore").node_def


def uncalled(meta: Any) -> Any:
    added = meta.graph_def.library.function.add()
    added.signature.name = "__inference_uncalled_1"
    return added.node_def


@pytest.mark.parametrize("place", [in_graph, in_signature, in_loop, in_saver, uncalled])
def test_operators_in_any_place(
    tf: Any, saved: Path, tmp_path: Path, loader: list[Any], place: Callable[[Any], Any]
) -> None:
    path = edit(tf, saved, tmp_path / "m", lambda meta: place(meta).add(name="evil", op="WriteFile"))
    assert refused(path).startswith("has the operator WriteFile (node 'evil' of the ")
    assert loader == []


@pytest.mark.parametrize(
    "operator",
    [
        *("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "Print", "PrintV2"),
        *("ImmutableConst", "LoadAndRemapMatrix", "GenerateVocabRemapping", "FixedUnigramCandidateSampler"),
        *("RecordInput", "LMDBReader", "TFRecordReaderV2", "TextLineDataset", "TFRecordDatasetV2", "SqlDataset"),
        *("SnapshotDatasetV2", "DataServiceDataset", "GeneratorDataset", "OneShotIterator", "DatasetToTFRecord"),
        *("HashTableV2", "InitializeTableFromTextFileV2", "LookupTableImportV2", "CreateSummaryDbWriter"),
        *("WriteSummary", "DebugIdentity", "DebugNumericSummaryV2", "DebugNanCount", "Save", "SaveSlices", "Restore"),
        *("RestoreSlice", "ShardedFilespec", "DistributedSave", "FileSystemSetConfiguration", "RemoteCall", "Abort"),
        *("_Send", "_HostSend", "XlaCustomCallV2", "XlaHostCompute", "TRTEngineOp", "ParseTensor", "DecodeJpeg"),
        *(
            "SymbolicGradient",
            "LoadLibrary",
            "TfLiteSubgraphExecute",
            "FlexWriteFile",
            "Custom>MyOp",
            "",
            "a\nb\x1b[2J",
        ),
    ],
)
def test_operators_of_no_network(tf: Any, saved: Path, tmp_path: Path, loader: list[Any], operator: str) -> None:
    path = edit(tf, saved, tmp_path / "m", lambda meta: in_loop(meta).add(name="evil", op=operator))
    shown = operator if operator.isidentifier() else repr(operator)
    assert refused(path).startswith(f"has the operator {shown} (node 'evil' of the function ")
    assert loader == []


def test_a_function_cannot_hide_behind_the_name_of_an_operator(
    tf: Any, saved: Path, tmp_path: Path, loader: list[Any]
) -> None:
    def change(meta: Any) -> None:
        function(meta, "while_body").signature.name = "PrintV2"
        in_signature(meta).add(name="evil", op="PrintV2")

    assert refused(edit(tf, saved, tmp_path / "m", change)).startswith("has the operator PrintV2 (node 'evil'")
    assert loader == []


def test_the_saver_is_not_called_by_the_model(tf: Any, saved: Path, tmp_path: Path, loader: list[Any]) -> None:
    """With its own file name, it could read and write any file."""

    def change(meta: Any) -> None:
        call = in_loop(meta).add(name="evil", op="StatefulPartitionedCall")
        call.attr["f"].func.name = function(meta, "traced_save").signature.name

    assert "of the function '__inference__traced_save_" in refused(edit(tf, saved, tmp_path / "m", change))
    assert loader == []


def test_the_saver_does_not_take_the_place_of_a_function(
    tf: Any, saved: Path, tmp_path: Path, effects: Path, loader: list[Any]
) -> None:
    """TensorFlow's optimizer exchanges functions that are said to implement the same: the saver is not in the copy."""

    def change(meta: Any) -> None:
        for part in ("while_body", "traced_save"):
            function(meta, part).attr["api_implements"].s = b"lstm_1"

    path = edit(tf, saved, tmp_path / "m", change)
    model_files.load(path, tmp_path / "log")
    assert len(loader) == 1


def reduced(tf: Any, path: Path, folder: Path) -> Any:
    """The meta graph that TensorFlow gets to see."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model_files.saved_model.copy(path, folder, path.with_suffix(".log"))
    return SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]


def test_only_what_loading_needs_is_loaded(tf: Any, saved: Path, tmp_path: Path) -> None:
    def change(meta: Any) -> None:
        meta.asset_file_def.add(filename="../../../etc/passwd").tensor_info.name = "saver_filename:0"
        function(meta, "while_body").attr["_kernel_of_mine"].s = b"evil"
        function(meta, "while_body").node_def[0].attr["_debug_to"].s = b"file:///evil"
        function(meta, "while_body").node_def[0].device = "/job:elsewhere/task:0"

    path = edit(tf, saved, tmp_path / "m", change)
    for name in ("assets/vocabulary.txt", "assets.extra/x", "debug/saved_model_debug_info.pb", "variables/other"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("evil")
    meta = reduced(tf, path, tmp_path / "copy")
    files = sorted(file.relative_to(tmp_path / "copy").as_posix() for file in (tmp_path / "copy").rglob("*.*"))
    assert files == ["saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index"]
    used = {node.op for f in meta.graph_def.library.function for node in f.node_def}
    assert used <= operators.NETWORK and {node.op for node in meta.graph_def.node} <= {"Const"}
    meta.meta_info_def.ClearField("stripped_op_list")  # descriptions of operators
    text = str(meta)
    assert not [word for word in ("evil", "elsewhere", "passwd", "config_proto", "saver_filename") if word in text]


# --- objects, types, files --------------------------------------------------------------------------------------------


def as_asset(meta: Any) -> None:
    meta.object_graph_def.nodes.add().asset.asset_file_def_index = 0


def as_registered(meta: Any) -> None:
    meta.object_graph_def.nodes.add(registered_name="tf.StaticHashTable").user_object.identifier = "x"


def as_nothing(meta: Any) -> None:
    meta.object_graph_def.nodes.add()


@pytest.mark.parametrize(
    ("change", "kind"), [(as_asset, "asset"), (as_registered, "tf.StaticHashTable"), (as_nothing, None)]
)
def test_objects_of_no_network(
    tf: Any, saved: Path, tmp_path: Path, loader: list[Any], change: Callable[[Any], None], kind: str | None
) -> None:
    message = refused(edit(tf, saved, tmp_path / "m", change))
    assert message.startswith(f"contains an object of kind {kind!r}, which is not part of a network")
    assert loader == []


@pytest.mark.parametrize("dtype", ["DT_VARIANT", "DT_RESOURCE"])
def test_objects_written_out_as_bytes(tf: Any, saved: Path, tmp_path: Path, loader: list[Any], dtype: str) -> None:
    from tensorflow.core.framework.types_pb2 import DataType

    def as_constant(meta: Any) -> None:
        added = in_loop(meta).add(name="evil", op="Const")
        added.attr["value"].tensor.dtype = DataType.Value(dtype)

    def as_variable(meta: Any) -> None:
        meta.object_graph_def.nodes.add().variable.dtype = DataType.Value(dtype)

    message = refused(edit(tf, saved, tmp_path / "constant", as_constant))
    assert message.startswith("has the constant 'evil' of the function ") and f" of type {dtype}, which is" in message
    assert f"of type {dtype}" in refused(edit(tf, saved, tmp_path / "variable", as_variable))
    assert loader == []


def test_programs_of_tensorflow_1(tf: Any, saved: Path, tmp_path: Path, loader: list[Any]) -> None:
    path = edit(tf, saved, tmp_path / "m", lambda meta: meta.ClearField("object_graph_def"))
    assert refused(path).startswith("is a SavedModel of TensorFlow 1, which kerf does not support")
    assert loader == []


@pytest.mark.parametrize("part", ["variables", "variables/variables.index", "assets", "saved_model.pb"])
def test_links_to_other_files(tf: Any, saved: Path, tmp_path: Path, loader: list[Any], part: str) -> None:
    path = edit(tf, saved, tmp_path / "m", lambda meta: None)
    if (path / part).exists():
        (path / part).rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir(exist_ok=True) if part == "assets" else None
    if (path / part).is_dir():
        (path / part).rmdir()
    (path / part).symlink_to(tmp_path / "elsewhere")
    assert refused(path) == (
        f"{path / part} is a link out of the SavedModel: replace it with a copy of the file"
    ).removeprefix(f"{path} ")
    assert loader == []


def test_what_is_no_file(tf: Any, saved: Path, tmp_path: Path) -> None:
    """Reading a pipe would never end."""
    path = edit(tf, saved, tmp_path / "m", lambda meta: None)
    os.mkfifo(path / "variables" / "variables.data-00001-of-00002")
    with pytest.raises(QuantizeError, match="is neither a file nor a folder"):
        model_files.check_path(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_off(tf: Any, saved: Path, tmp_path: Path, share: float) -> None:
    path = edit(tf, saved, tmp_path / "m", lambda meta: None)
    whole = (path / "saved_model.pb").read_bytes()
    (path / "saved_model.pb").write_bytes(whole[: int(len(whole) * share)])
    assert refused(path).startswith("TensorFlow cannot read the SavedModel ")


def as_variables(meta: Any) -> None:
    """The signatures have another type."""
    root = meta.object_graph_def.nodes[0]
    other = next(i for i, item in enumerate(meta.object_graph_def.nodes) if item.WhichOneof("kind") == "variable")
    next(child for child in root.children if child.local_name == "signatures").node_id = other


def as_none(meta: Any) -> None:
    root = meta.object_graph_def.nodes[0]
    kept = [child for child in root.children if child.local_name != "signatures"]
    del root.children[:]
    root.children.extend(kept)


@pytest.mark.parametrize("change", [as_variables, as_none])
def test_strange_signatures(tf: Any, saved: Path, tmp_path: Path, change: Callable[[Any], None]) -> None:
    refused(edit(tf, saved, tmp_path / "m", change))
