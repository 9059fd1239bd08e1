"""A user's images → inputs of a model, and its outputs → classes with probabilities."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .data import images
from .data import pixels as pixel_ranges
from .errors import TrainError, UsageError, counted
from .graph import ops
from .oracle.signature import Signature, last_operator, read
from .values import Quantized

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images as inputs of a model: ``inputs`` in its type, first axis = image; ``notes`` say how each was changed.

    ``pixels`` names the range that the 256 levels were scaled to; ``left_out`` says what is wrong with skipped files.
    """

    paths: tuple[Path, ...]
    inputs: Array
    notes: tuple[str, ...]
    pixels: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """The predicted class of one image. ``probability`` is 0 … 1; ``where`` names what computed it."""

    image: str
    label: str
    index: int
    probability: float
    where: str
    pixels: str
    note: str

    def row(self) -> dict[str, Any]:
        return {**asdict(self), "probability": round(self.probability, 4)}


def find(wanted: Sequence[str]) -> tuple[Path, ...]:
    """The files named by ``wanted``: files, folders (all files in them), patterns (``*.png``).

    Raises UsageError for a name that matches no file.
    """
    found: list[Path] = []
    for name in wanted:
        path = Path(name)
        if path.is_dir():
            members = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
        else:
            members = [path] if path.is_file() else [Path(match) for match in sorted(glob(name))]
        if not members:
            raise UsageError(f"there is no image {name}")
        found += members
    if not found:
        raise UsageError("give at least one image: inv classify IMAGE…")
    return tuple(found)


def prepare(paths: Sequence[Path], model: Quantized, pixels: str, skip_bad: bool = False) -> Pictures:
    """The images with pixels in the range ``pixels`` (one of pixels.RANGES), quantized like the model's input.

    An image with another aspect ratio is cropped around its centre; a larger one is scaled down by averaging. Greyscale
    becomes three equal channels, and colour becomes greyscale (ITU-R 601-2 luma), if the model needs it.

    Raises UsageError for a model without exactly one image as input and one output, for an image smaller than the
    model's input, and for pixels beyond the input's range; TrainError for a file that is not an image. ``skip_bad``
    skips such files, as long as others remain.
    """
    tensor = _signature(model).inputs[0]
    if pixels == pixel_ranges.BYTES and tensor.highest < 2:
        raise UsageError(
            f"the input of {model.model} only reaches {tensor.highest:.3g}, but the pixels are {pixels}: calibrate it "
            "with real images (--data), or choose another range with --pixels"
        )
    shape = tensor.sample_shape
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise UsageError(
            f"{model.model} takes inputs of shape {shape}, which is not an image: it needs height, width and 1 or 3 "
            "channels"
        )
    used, fitted, left_out = [], [], []
    for path in paths:
        try:
            fitted.append(_fit(path, shape))
            used.append(path)
        except (TrainError, UsageError) as error:
            left_out.append(str(error))
            if not skip_bad or len(left_out) == len(paths):
                raise
    real = pixel_ranges.scaled(np.stack([levels for levels, _ in fitted]), pixels)
    return Pictures(tuple(used), tensor.quantize(real), tuple(note for _, note in fitted), pixels, tuple(left_out))


def _signature(model: Quantized) -> Signature:
    found = read(model.tflite, model.model)
    if len(found.inputs) != 1 or len(found.outputs) != 1:
        counts = f"{counted(len(found.inputs), 'input')} and {counted(len(found.outputs), 'output')}"
        raise UsageError(f"{model.model} has {counts}: an image classifier has one of each")
    return found


def _fit(path: Path, shape: tuple[int, ...]) -> tuple[images.Pixels, str]:
    from PIL import Image

    pixels = images.read(path)
    height, width, channels = shape
    had = f"{pixels.shape[1]}x{pixels.shape[0]}"
    if pixels.shape[0] < height or pixels.shape[1] < width:
        raise UsageError(
            f"{path} has {had} pixels, but the model takes {width}x{height}: give a larger image; "
            "--skip-bad skips such files"
        )
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    picture = picture.convert("L" if channels == 1 else "RGB")
    done = []
    scale = min(picture.width / width, picture.height / height)
    crop_width, crop_height = round(width * scale), round(height * scale)
    if (crop_width, crop_height) != picture.size:
        left, top = (picture.width - crop_width) // 2, (picture.height - crop_height) // 2
        picture = picture.crop((left, top, left + crop_width, top + crop_height))
        done.append(f"cropped to {crop_width}x{crop_height}")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BOX)
        done.append(f"shrunk to {width}x{height}")
    note = f"{had} {' and '.join(done)}" if done else ""
    return np.asarray(picture).reshape(shape), note


def predict(pictures: Pictures, outputs: Array, model: Quantized, where: str) -> tuple[Prediction, ...]:
    """The most probable class of each image. ``outputs`` were computed by ``where``, in the model's own type.

    Raises UsageError unless there is one number per class.
    """
    classes = model.vectors.classes
    scores = _signature(model).outputs[0].dequantize(outputs.reshape(len(outputs), -1))
    probabilities = _probabilities(scores, last_operator(model.tflite, model.model))
    if classes and len(classes) != probabilities.shape[1]:
        raise UsageError(f"the model distinguishes {probabilities.shape[1]} classes, but {len(classes)} have names")
    names = tuple(classes) or tuple(str(i) for i in range(probabilities.shape[1]))
    best = probabilities.argmax(axis=1)
    return tuple(
        Prediction(str(path), names[index], int(index), float(row[index]), where, pictures.pixels, note)
        for path, index, row, note in zip(pictures.paths, best, probabilities, pictures.notes, strict=True)
    )


def _probabilities(scores: npt.NDArray[np.float64], operator: str) -> npt.NDArray[np.float64]:
    """Probabilities from output scores, which are logits unless the last operator's range is 0 … 1.

    If there is a single score per image, it belongs to the second of two classes.
    """
    is_one = scores.shape[1] == 1
    known = ops.lookup(operator)
    if known is None or not known.fixed_range:
        logits = np.concatenate([np.zeros_like(scores), scores], axis=1) if is_one else scores
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        normalised: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return normalised
    return np.concatenate([1 - scores, scores], axis=1) if is_one else scores
