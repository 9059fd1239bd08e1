"""Request → the .tflite and its test vectors: finds the model and data, then trains, compresses and quantizes."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .. import compress as compressor
from .. import files, models
from .. import quantize as converter
from .. import strip as stripping
from .. import train as trainer
from ..compress import Compressed
from ..convert import CALIBRATED
from ..data import held_out, images, samples
from ..data.pixels import Range, choose
from ..errors import UnknownName, UsageError
from ..model_files import KERAS, check_path
from ..models import Data
from ..progress import Progress
from ..values import MODES, Quantized, Request, Trained
from . import places
from .choices import choose_modes

OUTLINE_SAMPLES = 64
MAX_STEM = 64  # characters of a file's name used in its folder's name; the digest keeps folders distinct


def dataset(ask: Request, progress: Progress) -> Data | None:
    """The images in the folder given by --data; None if --data is not a folder or not given."""
    if not ask.data or not Path(ask.data).is_dir():
        return None
    pixels = pixel_range(ask)
    if progress.is_news(pixels):
        progress.say(str(pixels))
    folder = Path(ask.data)
    with places.locked(places.data() / files.digest(str(files.real(folder))), progress, f"reading {folder.name}"):
        return images.load(folder, places.data(), progress, ask.skip_bad, pixels.name)


def check_name(ask: Request) -> None:
    """Raises UnknownName for an unknown model name; does not check that a model file exists."""
    base = compressor.parse(ask.model)[0]
    if not is_path(base):
        models.find(base)


def pixel_range(ask: Request) -> Range:
    """The range of pixel values that the model expects."""
    base = compressor.parse(ask.model)[0]
    return choose(ask.pixels, Path(base) if is_path(base) else None)


def train(ask: Request, progress: Progress, epochs: int | None = None, seed: int = trainer.SEED) -> Trained:
    """Trains one of kerf's models; UsageError for a path, which is an already trained model."""
    if compressor.parse(ask.model)[1]:
        raise UsageError(f"{ask.model} is a compressed model: use `inv compress --model {ask.model}`, which trains it")
    if is_path(ask.model):
        raise UsageError(f"{ask.model} is an already trained model: continue with `inv quantize --model {ask.model}`")
    _check_epochs(epochs)
    data, directory = _own_data(ask, progress), _folder(ask, ask.model)
    with places.locked(directory, progress, f"training {ask.model}"):
        return trainer.train(ask.model, directory, progress, seed, epochs, data)


def prepare(ask: Request, progress: Progress) -> None:
    """Trains and compresses the model as far as its name says, and as far as that is not done yet."""
    base, steps = compressor.parse(ask.model)
    if steps:
        _compress(replace(ask, model=base), steps, progress)
    elif not is_path(base):
        _trained(ask, _own_data(ask, progress), progress)


def outline(ask: Request, progress: Progress) -> Quantized | None:
    """The model with the shapes that it will have, but not trained, to find out how much memory it needs.

    None if it has been trained already, or need not be.
    """
    base, steps = compressor.parse(ask.model)
    if is_path(base) or not models.find(base).EPOCHS or any(folder(ask).glob("*.json")):
        return None
    data = _own_data(replace(ask, model=base), progress) or models.find(base).data()
    few = {name: getattr(data, name)[:OUTLINE_SAMPLES] for name in ("train_x", "train_y", "test_x", "test_y")}
    data = replace(data, **few, sha256="")
    with tempfile.TemporaryDirectory() as temporary:
        source = Trained(ask.model, Path(temporary) / "outline.keras", None)
        trainer.outline(base, data, source.path)
        for step in steps:
            compressor.outline(source.path, step)
        per_tensor = ask.per_tensor_dense
        return converter.quantize(
            source, ask.mode or "int8", data, Path(temporary), progress, data.classes, per_tensor_dense=per_tensor
        )


def stages(model: str) -> list[str]:
    """The names of what a model is made from, one after the other, ending with its own: digits, digits+sparse0.8."""
    base, steps = compressor.parse(model)
    return [compressor.name(base, steps[:count]) for count in range(len(steps) + 1)]


def folder(ask: Request) -> Path:
    """The folder of a trained or compressed model."""
    base, steps = compressor.parse(ask.model)
    return _folder(ask, compressor.name(_base(base), steps))


def _check_epochs(epochs: int | None) -> None:
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs {epochs}: give at least 1, or omit the option")


def _trained(ask: Request, data: Data | None, progress: Progress) -> Trained:
    """The model that `inv train` made, with any epochs and seed; trained now if there is none."""
    directory = _folder(ask, ask.model)
    with places.locked(directory, progress, f"training {ask.model}"):
        return trainer.train(ask.model, directory, progress, data=data, keep=True)


def _folder(ask: Request, name: str) -> Path:
    """The folder of the model of this name. With --data it is a separate one, since retraining may take hours."""
    if not ask.data:
        return places.BUILD / folder_name(name)
    where = files.real(Path(ask.data))
    own = files.digest(str(where), *filter(None, [ask.pixels]))[:8]
    return places.BUILD / f"{folder_name(name)}@{folder_name(where.stem)}-{own}"


def _base(model: str) -> str:
    """The prefix of a model's folder names: its name, or its file's name and the start of the file's SHA-256.

    So two files with the same name are different models, and so are two versions of one file.
    """
    if not is_path(model):
        return model
    path = Path(model)
    check_path(path)
    sha256 = files.tree_digest(path) if path.is_dir() else files.sha256(path.read_bytes())
    return f"{path.stem[:MAX_STEM]}-{sha256[:8]}"


def _own_data(ask: Request, progress: Progress) -> Data | None:
    """The user's images that replace the data of one of kerf's models; None without --data."""
    models.find(ask.model)
    if ask.data:
        trainer.require_trainable(ask.model)
    data = dataset(ask, progress)
    if ask.data and data is None:
        raise UsageError(
            f"--data {ask.data} is not a folder: {ask.model} needs a folder with one subfolder of images per class "
            "(an .npz works only for your own model files)"
        )
    return data


def compress(
    ask: Request,
    progress: Progress,
    channels: float = 0.0,
    sparsity: float = 0.0,
    qat: bool = False,
    epochs: int | None = None,
) -> tuple[Compressed, ...]:
    """The model after each compression step in its name and in the options."""
    base, named = compressor.parse(ask.model)
    more = compressor.steps(channels, sparsity, qat)
    compressor.check((*named, *more))
    _check_epochs(epochs)
    if not (named or more):
        raise UsageError("nothing to do: give at least one of --channels, --sparsity and --qat")
    return _compress(replace(ask, model=base), named, progress, more, epochs)[0]


def _compress(
    ask: Request,
    named: Sequence[compressor.Step],
    progress: Progress,
    more: Sequence[compressor.Step] = (),
    epochs: int | None = None,
) -> tuple[tuple[Compressed, ...], Data]:
    """Applies the steps in order; also returns the data that they are trained and tested with.

    ``named`` steps may have been made earlier: without ``epochs``, they keep the epochs they were made with.
    """
    if is_path(ask.model):
        path = Path(ask.model)
        source, recipe = Trained(shown(path), path, None), compressor.Recipe()
        compressor.check_source(path)
        if not ask.data:
            raise UsageError(f"compressing {ask.model} includes training: give --data, an image folder or an .npz")
        pictures = dataset(ask, progress)
        data = pictures or held_out.read_npz(Path(ask.data))
    else:
        module = models.find(ask.model)
        trainer.require_trainable(ask.model)
        own = _own_data(ask, progress)
        data = own or module.data()
        data = replace(data, classes=data.classes or module.CLASSES)
        recipe = compressor.Recipe(module.EPOCHS, module.BATCH, module.LEARNING_RATE, module.AUGMENTATION)
        source = _trained(ask, own, progress)
    made: list[Compressed] = []
    name = _base(ask.model)
    for i, step in enumerate((*named, *more)):
        name = compressor.name(name, [step])
        directory = _folder(ask, name)
        with places.locked(directory, progress, f"compressing {source.model} to {step}"):
            asked = compressor.asked_epochs(directory) if epochs is None and i < len(named) else epochs
            suited = compressor.recipe(step, recipe, asked)
            made.append(compressor.compress(source, step, data, suited, directory, progress, asked))
        source = made[-1].trained
    return tuple(made), data


def quantize_all(ask: Request, progress: Progress) -> tuple[Quantized, ...]:
    """The .tflite in each mode of ``ask.mode``: comma-separated names, or all."""
    modes = choose_modes("mode", ask.mode, brings_mode(ask.model))
    return tuple(quantize(replace(ask, mode=mode), progress) for mode in modes)


def check_mode(ask: Request) -> None:
    """Raises UnknownName for an unknown mode; None is the default."""
    if ask.mode is not None and ask.mode not in MODES:
        raise UnknownName("mode", ask.mode, MODES)


def quantize(ask: Request, progress: Progress) -> Quantized:
    """The .tflite in the requested mode, and its test vectors.

    Ignores the target: the Request that a target needs is its Choice's `conversion`.
    """
    check_mode(ask)
    choose(ask.pixels, None)
    count = samples.parse_calibration(ask.calibration)
    if ask.samples < 0:
        raise UsageError(f"--samples {ask.samples}: give a positive number, or omit the option for all samples")
    base, steps = compressor.parse(ask.model)
    name = compressor.name(_base(base), steps)
    if steps:
        made, used = _compress(replace(ask, model=base), steps, progress)
        source = made[-1].trained
        mode: str | None = ask.mode or "int8"
        data: Data | Path | None = used
        classes = used.classes
    elif is_path(ask.model):
        path = Path(ask.model)
        source = Trained(shown(path), path, None)
        # A .tflite already has a mode, which a requested mode must match.
        mode = ask.mode if path.suffix == ".tflite" else ask.mode or "int8"
        pictures = dataset(ask, progress)
        data = pictures or (Path(ask.data) if ask.data else None)
        classes = pictures.classes if pictures else ()
    else:
        module = models.find(ask.model)
        own = _own_data(ask, progress)
        source = _trained(ask, own, progress)
        mode = ask.mode or "int8"
        data = own or module.data()
        classes = data.classes or module.CLASSES
    calibrated = source.path.suffix != ".tflite" and mode in CALIBRATED
    per_tensor_dense = calibrated and ask.per_tensor_dense
    count = count if calibrated else None  # so that a float32 model is not converted again for every count
    _check_stateful(ask, source.path)
    how = {
        "per-tensor-dense": per_tensor_dense,
        f"calibration{count}": count,
        "strip": ask.strip,
        "stateful": ask.stateful,
    }
    directory = _folder(ask, "-".join([name, mode or "tflite", *(option for option, is_on in how.items() if is_on)]))
    with places.locked(directory, progress, f"quantizing {source.model}"):
        quantized = converter.quantize(
            source, mode, data, directory, progress, classes, count, ask.strip, per_tensor_dense, ask.stateful
        )
    return replace(quantized, vectors=quantized.vectors.spread(ask.samples)) if ask.samples else quantized


def _check_stateful(ask: Request, path: Path) -> None:
    if ask.stateful and path.suffix not in KERAS:
        raise UsageError(f"--stateful needs the Keras model, a .keras or .h5: {path.name} cannot be converted to it")


def tflite_of(ask: Request, progress: Progress) -> tuple[bytes, str]:
    """The .tflite and the model's name. A user's .tflite is only read, not run, so its outputs are unknown."""
    if not is_tflite(ask):
        quantized = quantize(ask, progress)
        return quantized.tflite, quantized.model
    check_mode(ask)
    path = Path(ask.model)
    check_path(path)
    _check_stateful(ask, path)
    tflite = converter.adopt(path, ask.mode)
    return stripping.strip(tflite, path.name) if ask.strip else tflite, shown(path)


def in_float32(ask: Request, progress: Progress) -> Quantized | None:
    """The model in float32; None if that is the requested mode, or if the model cannot be converted to it."""
    if ask.mode == "float32" or brings_mode(ask.model):
        return None
    return quantize(replace(ask, mode="float32"), progress)


def brings_mode(model: str) -> bool:
    """Whether the model has a fixed mode: a .tflite, or a model trained quantization-aware for int8."""
    steps = compressor.parse(model)[1]
    return steps[-1].way == "qat" if steps else _is_tflite(model)


def is_tflite(ask: Request) -> bool:
    """Whether the model is a user's .tflite."""
    return not compressor.parse(ask.model)[1] and _is_tflite(ask.model)


def _is_tflite(model: str) -> bool:
    return is_path(model) and Path(model).suffix == ".tflite"


def is_path(model: str) -> bool:
    """Whether --model is a path: it has a separator or a suffix, or is an existing file and not a known name."""
    path = Path(model)
    if models.is_varied(model) and not path.exists():
        return False
    return bool(path.suffix) or len(path.parts) > 1 or (model not in models.known() and path.exists())


def shown(path: Path) -> str:
    """A model's display name from its file's, which on Linux may not be valid UTF-8."""
    return path.stem.encode("utf-8", "replace").decode()


def folder_name(stem: str) -> str:
    """A model's name as a folder name: only letters, digits, dots, dashes, underscores and plus signs."""
    return re.sub(r"[^\w.+-]+", "_", stem, flags=re.ASCII).strip(".") or "model"
