"""Quantization-aware training: the network is fine-tuned with int8's rounding, and becomes an int8 .tflite.

tensorflow-model-optimization, which inserts the rounding, only supports Keras 2. aware.py runs it in a process of its
own, in which ``tf.keras`` is Keras 2.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .. import files
from ..child import follow
from ..errors import CompressError
from ..models import Data
from ..progress import Step
from . import network as networks
from .network import Network
from .tuning import Recipe

ARRAYS = ("train_x", "train_y", "test_x", "test_y")


def train_aware(network: Network, data: Data, recipe: Recipe, log: Path, step: Step) -> tuple[bytes, float]:
    """Fine-tunes ``network`` for int8; returns the .tflite and its score (`tuning.score`) on the test set.

    Weights that are zero stay zero. The best epoch is kept, or the initial state if that was best, so the result is
    never worse than converting without training. Raises CompressError, with the reason in ``log``.
    """
    with files.temporary(log.with_suffix(".qat")) as folder:
        folder.mkdir()
        networks.dump(network, folder / "network.npz")
        for array in ARRAYS:
            np.save(folder / f"{array}.npy", getattr(data, array))
        (folder / "recipe.json").write_text(json.dumps(asdict(recipe)))

        def tell(line: str) -> None:
            done, _, note = line.partition(" ")
            step(int(done), note)

        with log.open("a", encoding="utf-8") as output:
            code = follow(f"{__package__}.aware", str(folder), str(log), log=output, tell=tell, temporary=folder)
        if (folder / "refusal.txt").is_file():
            raise CompressError((folder / "refusal.txt").read_text(encoding="utf-8"))
        if code != 0:
            raise CompressError(
                f"quantization-aware training of {network.name} crashed (exit code {code}); its output is in {log}"
            )
        return (folder / "model.tflite").read_bytes(), json.loads((folder / "score.json").read_text())
