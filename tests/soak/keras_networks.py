"""Random Keras networks in four modes: converted, compiled with sanitizers, and their outputs equal the oracle's.

One network in ten keeps its state and computes one step of a sequence per inference. The modes of a network become one
program. In integer modes LiteRT must agree with the oracle as well, but for rounding.
"""

import importlib.util
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import interpreters
import numpy as np

from tools import convert, files
from tools.cores import HOST
from tools.errors import KerfError, QuantizeError
from tools.graph.ir import DType, Graph, Op
from tools.graph.schedule import GOALS
from tools.oracle import opinion
from tools.oracle.signature import read as read_signature
from tools.quiet import without_warnings
from tools.runtimes import Program, aot

from . import _random_keras
from ._faults import Attack
from ._programs import NAME, compiled, equals, samples

TITLE = "random Keras networks in four modes, on the host"
SHORT = 15
CASE_SECONDS = 900.0
MEMORY_BYTES = 6 << 30  # TensorFlow never gives back what it took for a model
NEEDS = "" if importlib.util.find_spec("tensorflow") else "tensorflow is not installed"

MODES = ("float32", "dynamic", "int8", "int16x8")
CALIBRATION_SAMPLES = 12


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    import keras

    def attack(seed: int, kept: Path) -> int:
        rng, numbers = random.Random(seed), np.random.default_rng(seed)
        keras.backend.clear_session()
        is_stateful = rng.random() < 0.1
        model = (_random_keras.stateful if is_stateful else _random_keras.network)(keras, rng)
        length = model.inputs[0].shape[1] if is_stateful else 0
        with without_warnings():
            model.save(kept / "network.keras")
        scale = rng.choice((0.01, 1.0, 1.0, 1.0, 30.0))
        calibration = [numbers.normal(0, scale, (CALIBRATION_SAMPLES, *x.shape[1:])) for x in model.inputs]
        arrays = {str(i): array.astype(np.float32) for i, array in enumerate(calibration)}
        (kept / "calibration.npz").write_bytes(files.pack_arrays(arrays))
        accepted: list[tuple[bytes, Program]] = []
        refusals = []
        for mode in MODES:
            try:
                data = converted(kept, mode, length)
                accepted.append((data, aot.lower(data, NAME, HOST, rng.choice(GOALS))))
            except KerfError as error:
                refusals.append(error)
        if not accepted:
            raise refusals[0]
        executable = compiled([program for _, program in accepted], kept)
        right = 0
        for number, (data, program) in enumerate(accepted):
            if equals(number, data, program, executable, np.random.default_rng(seed + number)):
                if warned := warning(data, program.graph, np.random.default_rng(seed + number)):
                    refusals.append(KerfError(warned))
                else:
                    right += 1
        if not right and refusals:
            raise refusals[0]
        return right

    with interpreters.forked():
        yield attack


def converted(kept: Path, mode: str, length: int) -> bytes:
    """The network in a mode, converted in this process: TensorFlow takes seconds to start. It keeps its state if
    sequences have a ``length``."""
    folder = kept / mode
    folder.mkdir()
    (folder / "calibration.npz").write_bytes((kept / "calibration.npz").read_bytes())
    convert.serve(kept / "network.keras", mode, folder, folder / "log", False, length)
    if (folder / "refusal.txt").is_file():
        raise QuantizeError((folder / "refusal.txt").read_text(encoding="utf-8"))
    return (folder / "model.tflite").read_bytes()


def warning(data: bytes, graph: Graph, rng: np.random.Generator) -> str:
    """What kerf says about an operator of an integer model that differs from LiteRT's by more than rounding explains;
    "" if none does. Asserts that the difference is a known fault of TFLM, whose numbers kerf gives."""
    signature = read_signature(data, NAME)
    if not signature.is_integer:
        return ""
    found = opinion.of_litert(data, [samples(spec, rng) for spec in signature.inputs], NAME)
    if found is None or not found.is_beyond_rounding:
        return ""
    sentence = opinion.warning(found, NAME)
    assert any(op.name == found.layer and is_fault_of_tflm(op, graph) for op in graph.ops), sentence
    return sentence


def is_fault_of_tflm(op: Op, graph: Graph) -> bool:
    """Whether TFLM takes an input of 0 for minus infinity: its int8 LOGISTIC saturates inputs outside a radius, and
    from a scale of 8 on, the radius is 0 (CalculateInputRadius in kernels/internal/quantization_util.cc)."""
    source = graph.input(op, 0)
    return op.kind == "LOGISTIC" and source.dtype is DType.INT8 and source.scale >= 8
