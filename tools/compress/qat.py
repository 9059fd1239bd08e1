"""Quantization-aware training: the network learns with int8's rounding in place, and becomes an int8 .tflite.

tensorflow-model-optimization, which inserts the rounding, takes models of Keras 2 alone. aware.py runs it in a process
of its own, in which ``tf.keras`` is Keras 2.
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
    """The int8 .tflite of ``network`` trained on for int8, and its score (`tuning.score`) on the test set.

    Weights that are zero stay zero. The best epoch counts, the state before the first one among them: the result is
    not worse than the network it came from, converted. Raises CompressError, with the reason in ``log``.
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
                f"training {network.name} for int8 broke off (exit code {code}); everything it said: {log}"
            )
        return (folder / "model.tflite").read_bytes(), json.loads((folder / "score.json").read_text())
