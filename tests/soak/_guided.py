"""libFuzzer, by way of atheris, for tflite_coverage.py: `python -m soak._guided OPTIONS… CORPUS`.

It keeps inputs that reach new code of kerf's, and mutates them further, with mutations that know the schema.
"""

import random
import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["tools"]):
    from tools.errors import KerfError

    from . import tflite_files

from ._mutations import mutated


def one_input(data: bytes) -> None:
    with suppress(KerfError):
        tflite_files.compile_or_refuse(data, random.Random(len(data)))


def changed(data: bytes, most: int, seed: int) -> bytes:
    return mutated(data, random.Random(seed))[:most]


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input, custom_mutator=changed)
    atheris.Fuzz()
