"""The oracle's child process, one per run: contains an interpreter that may abort on an invalid model."""

import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from .. import files
from ..arena import STEP_BYTES, smallest
from . import OPTIMIZED, REFUSED, TFLM, Array, signature


class _Tflm:
    """TFLM's interpreter, with the methods that `serve` needs."""

    def __init__(self, tflite: bytes, arena_bytes: int) -> None:
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=arena_bytes)

    def feed(self, inputs: Sequence[Array]) -> None:
        for i, array in enumerate(inputs):
            self._interpreter.set_input(array, i)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def reset(self) -> None:
        self._interpreter.reset()

    def outputs(self, count: int) -> list[Array]:
        return [self._interpreter.get_output(i).copy() for i in range(count)]


class _LiteRt:
    """LiteRT's interpreter on one thread. Its reference kernels are portable, so all machines compute the same results.
    Its optimized kernels have different gaps and bugs."""

    def __init__(self, tflite: bytes, optimized: bool) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if optimized else OpResolverType.BUILTIN_REF
        self._new = partial(Interpreter, model_content=tflite, experimental_op_resolver_type=kernels, num_threads=1)
        self.reset()
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def feed(self, inputs: Sequence[Array]) -> None:
        for index, array in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, array)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def reset(self) -> None:
        """A new interpreter, since reset_all_variables() leaves resource variables as they are."""
        self._interpreter = self._new()
        self._interpreter.allocate_tensors()

    def outputs(self, count: int) -> list[Array]:
        return [self._interpreter.get_tensor(index) for index in self._outputs[:count]]


def _smallest(tflite: bytes, most: int) -> int:
    """The smallest arena with which TFLM's interpreter can be set up; RuntimeError if ``most`` is not enough."""
    _Tflm(tflite, most)

    def works(arena_bytes: int) -> bool:
        try:
            _Tflm(tflite, arena_bytes)
        except RuntimeError:
            return False
        return True

    return smallest(works, STEP_BYTES, most)


def serve(package: str, folder: Path, arena_bytes: int, least: bool, period: int) -> int:
    """folder/model.tflite and inputs.npz → outputs.npz and measured.json. Returns 0, or REFUSED after printing why.

    With ``least``, TFLM's arena has the smallest size that works instead of ``arena_bytes``. The model's state is reset
    before each ``period`` samples, or never if that is 0.
    """
    tflite = (folder / "model.tflite").read_bytes()
    with np.load(folder / "inputs.npz", allow_pickle=False) as archive:
        inputs = [archive[str(i)] for i in range(len(archive.files))]
    count = len(signature.read(tflite, "model").outputs)
    rows, invoke_us = [], []
    try:
        if least:
            arena_bytes = _smallest(tflite, arena_bytes)
        begin = time.perf_counter_ns()
        interpreter = _Tflm(tflite, arena_bytes) if package == TFLM else _LiteRt(tflite, package == OPTIMIZED)
        setup_us = (time.perf_counter_ns() - begin) // 1000
        for number, sample in enumerate(zip(*inputs, strict=True)):
            if period and number and number % period == 0:
                interpreter.reset()
            interpreter.feed(sample)
            begin = time.perf_counter_ns()
            interpreter.invoke()
            invoke_us.append((time.perf_counter_ns() - begin) // 1000)
            rows.append(interpreter.outputs(count))
    except (ImportError, RuntimeError, ValueError) as error:
        print(_first_sentence(error))
        return REFUSED
    stacked = {str(i): np.stack([row[i] for row in rows]) for i in range(count) if rows}
    (folder / "outputs.npz").write_bytes(files.pack_arrays(stacked))
    measured = {"arena_bytes": arena_bytes, "setup_us": setup_us, "invoke_us": invoke_us}
    (folder / "measured.json").write_text(json.dumps(measured))
    return 0


def _first_sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "least", int(sys.argv[5])))
