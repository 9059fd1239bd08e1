"""A Keras file → a .tflite, converted by TensorFlow in a process of its own."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import files, oracle, repair
from .child import run
from .data import samples
from .data.samples import Samples
from .errors import ModelError, QuantizeError
from .graph import ops, read
from .model_files import Loaded, import_tensorflow, load, without_loops
from .oracle import opinion
from .quiet import failures_as, quiet

Tell = Callable[[str], None]

CALIBRATED = ("int8", "int16x8")  # modes that need ranges for activations
FUSED = ("float32", "float16", "int8")  # modes in which an LSTM can be a single operator that TFLM has
SAME = 1e-3  # relative difference between float outputs that rounding over many steps explains


def convert(
    path: Path,
    mode: str,
    provided: Samples | None,
    calibration: int | None,
    per_tensor_dense: bool,
    steps: int,
    log: Path,
    say: Tell,
    warn: Tell,
) -> tuple[bytes, str | None, samples.Array | None]:
    """The .tflite of a Keras model, a description of its calibration samples, and the Keras model's outputs for the
    samples of opinion.chosen(), which are None without data or with several outputs.

    ``steps``: samples are sequences of so many steps, of which the .tflite computes one at a time; 0: whole samples.
    The conversion runs in a process of its own because TensorFlow crashes on some models (LSTM in int8).
    """
    log.unlink(missing_ok=True)
    with files.temporary(log.with_suffix(".convert")) as folder:
        folder.mkdir()
        result, refusal = folder / "model.tflite", folder / "refusal.txt"
        ranges = None
        if mode in CALIBRATED and provided is None:
            ranges = f"{samples.RANDOM_CALIBRATION_SAMPLES} random inputs"
            warn(
                f"no data given: {mode} ranges come from {ranges} between 0 and 1, which costs accuracy; give "
                "--data FILE.npz with an array x of real inputs"
            )
        elif mode in CALIBRATED and provided is not None:
            chosen = samples.choose(provided, calibration)
            ranges = chosen.what
            test = [array[opinion.chosen(len(array))] for array in provided.test]
            for which, arrays in (("calibration", chosen.arrays), ("test", test)):
                packed = files.pack_arrays({str(i): array for i, array in enumerate(arrays)})
                (folder / f"{which}.npz").write_bytes(packed)
        say(f"converting {path.name} to {mode}{f', ranges from {ranges}' if ranges else ''}")
        with log.open("w", encoding="utf-8") as output:
            arguments = (str(path), mode, str(folder), str(log), str(int(per_tensor_dense)), str(steps))
            child = run(__name__, *arguments, stdout=output, stderr=output, temporary=folder)
        if refusal.is_file():
            raise QuantizeError(refusal.read_text(encoding="utf-8"))
        if child.returncode != 0 or not result.is_file():
            raise QuantizeError(
                f"TensorFlow's converter crashed on {path} in mode {mode} (exit code {child.returncode}): "
                f"try another mode; its output is in {log}"
            )
        floats = folder / "floats.npz"
        return result.read_bytes(), ranges, files.unpack_arrays(floats.read_bytes())["0"] if floats.is_file() else None


def serve(path: Path, mode: str, folder: Path, log: Path, per_tensor_dense: bool, steps: int = 0) -> None:
    """The child process: a Keras file and folder/calibration.npz → folder/model.tflite, or the reason in refusal.txt.

    It also writes the Keras model's own output for folder/test.npz to folder/floats.npz.
    """
    try:
        original = load(path, log, steps)
        given = folder / "calibration.npz"
        arrays = tuple(files.unpack_arrays(given.read_bytes()).values()) if given.is_file() else None
        calibration = samples.calibration(arrays, original.shapes, original.dtypes)
        loaded = _without_loops(original, path, mode, calibration, steps, log)
        if steps:
            calibration = samples.in_steps(calibration)
        converter = _converter(loaded, mode, calibration, per_tensor_dense, log)
        with failures_as(QuantizeError, f"TensorFlow cannot convert {path.name} to {mode}", log):
            tflite = bytes(converter.convert())
            if mode == "int4":
                tflite = _int4(tflite, log)
            if mode in CALIBRATED:
                tflite = repair.mend(tflite, path.name)
    except QuantizeError as error:
        files.write(folder / "refusal.txt", str(error).encode())
    else:
        files.write(folder / "model.tflite", tflite)
        if (folder / "test.npz").is_file():
            outputs = _outputs(original, tuple(files.unpack_arrays((folder / "test.npz").read_bytes()).values()), log)
            if len(outputs) == 1:
                files.write(folder / "floats.npz", files.pack_arrays({"0": outputs[0]}))


def _without_loops(
    original: Loaded, path: Path, mode: str, calibration: Sequence[samples.Array], steps: int, log: Path
) -> Loaded:
    """The model with recurrent layers that can be converted: LSTMs as single operators where the mode allows it and the
    result is the same, otherwise unrolled. Raises QuantizeError if a loop remains, or if the model does not give the
    result of a sequence after its ``steps``, one at a time."""
    sample = [array[:1] for array in calibration]
    for fuses in (True, False) if mode in FUSED else (False,):
        loaded = without_loops(original, path, log, fuses, bool(steps))
        if loaded is original or _is_same(original, loaded, sample, log):
            break
    else:
        if steps:
            raise QuantizeError(
                f"{path} does not give the same result step by step as for the whole sequence, because a layer reads "
                "several steps at once (known of Bidirectional, go_backwards and pooling over steps): omit --stateful"
            )
        raise QuantizeError(
            f"TensorFlow does not convert the recurrent layers of {path} correctly (known of Keras 2's GRU with "
            "reset_after=False): use reset_after=True or an LSTM"
        )
    if mode in CALIBRATED and not loaded.is_fused and loaded.has_loop:
        raise QuantizeError(
            f"{path} computes a layer in a loop, which TensorFlow cannot convert to {mode}: give the Keras model "
            "(.keras or .h5), whose recurrent layers kerf unrolls"
        )
    return loaded


def _is_same(original: Loaded, rebuilt: Loaded, sample: Sequence[samples.Array], log: Path) -> bool:
    """Whether a rebuilt model, converted to float32, has no loop and the original Keras model's outputs; those of the
    last steps, if it computes one at a time. Raises QuantizeError if TensorFlow cannot convert it."""
    with failures_as(QuantizeError, f"TensorFlow cannot convert {original.name}", log):
        tflite = bytes(_converter(rebuilt, "float32", (), False, log).convert())
    try:
        if not rebuilt.is_stateful and read.read(tflite, original.name).subgraphs:  # of a WHILE
            return False
    except ModelError:  # TensorFlow writes two operators with the same output for Keras 2's GRU without reset_after
        return False
    wanted = _outputs(original, tuple(sample), log)
    given = samples.in_steps(sample) if rebuilt.is_stateful else sample
    found = oracle.run(oracle.LITERT, tflite, given, original.name, period=0).outputs
    return all(
        ours.size >= theirs.size
        and np.allclose(
            ours.ravel()[-theirs.size :], theirs.ravel(), rtol=SAME, atol=SAME * _largest(theirs), equal_nan=True
        )
        for ours, theirs in zip(found, wanted, strict=True)
    )


def _largest(array: samples.Array) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))


def _outputs(loaded: Loaded, arrays: tuple[samples.Array, ...], log: Path) -> list[samples.Array]:
    """A loaded model's outputs for some samples: one array per output, first axis = sample."""
    tf = import_tensorflow(log)
    rows = [
        [np.asarray(output)[0] for output in tf.nest.flatten(loaded.function(*map(tf.constant, batch)))]
        for batch in _batches(samples.calibration(arrays, loaded.shapes, loaded.dtypes))
    ]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _converter(
    loaded: Loaded, mode: str, calibration: Sequence[samples.Array], per_tensor_dense: bool, log: Path
) -> Any:
    """TensorFlow's converter at batch size 1: a free batch size adds SHAPE, STRIDED_SLICE and PACK to every Flatten.

    Dense weights are quantized per channel, like those of convolutions (TFLite quantization specification), unless
    ``per_tensor_dense``.
    """
    tf = import_tensorflow(log)
    with quiet(log):  # without a trackable object, all variables are frozen
        variables = tf.Module()
        variables.kept = list(loaded.function.variables)
        kept = variables if loaded.is_fused or loaded.is_stateful else None
        converter = tf.lite.TFLiteConverter.from_concrete_functions([loaded.function], kept)
        converter.experimental_enable_resource_variables = loaded.is_stateful
    if mode not in ("float32", "int4"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode in CALIBRATED:
        converter.representative_dataset = lambda: _batches(calibration)
        integer, builtins = tf.int8, tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        if mode == "int16x8":
            integer = tf.int16
            builtins = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [builtins]
        converter._experimental_disable_per_channel_quantization_for_dense_layers = per_tensor_dense
        converter.inference_input_type = converter.inference_output_type = integer
    return converter


def _int4(tflite: bytes, log: Path) -> bytes:
    """A float32 model with 4-bit weights per channel, or 8-bit ones where LiteRT does not support 4.

    A convolution that comes first also keeps 8 bits: it reads the pixels and has the fewest weights. For `cifar10` that
    gains 2.9 points of accuracy for 432 bytes (docs/course.md). Activations stay float and are quantized by each layer
    as it runs, as in mode dynamic.
    """
    graph = read.read(tflite, "the converted model")
    weighted = [kind for kind in ops.known() if ops.find(kind).roles and kind in {op.kind for op in graph.ops}]
    narrow = [kind for kind in weighted if "int4" in ops.find(kind).types]
    bits = [(".*", kind, 4 if kind in narrow else 8) for kind in weighted]
    layers = [op for op in graph.ops if op.kind in narrow]
    first = layers[0] if len(layers) > 1 else None
    if first is not None and len(graph.input(first, 1).shape) == 4:
        bits.append((f"^{re.escape(graph.output(first).name)}", first.kind, 8))
    with quiet(log):
        from ai_edge_quantizer import qtyping, quantizer

        recipe = quantizer.Quantizer(tflite)
        for layer, kind, width in bits:
            recipe.add_dynamic_config(regex=layer, operation_name=qtyping.TFLOperationName(kind), num_bits=width)
        return bytes(recipe.quantize(enable_progress_report=False).quantized_model)


def _batches(calibration: Sequence[samples.Array]) -> Iterator[list[samples.Array]]:
    for i in range(len(calibration[0])):
        yield [array[i : i + 1] for array in calibration]


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5] == "1", int(sys.argv[6]))
