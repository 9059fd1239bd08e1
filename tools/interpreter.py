"""Runs a model in TFLM's own interpreter on this machine: what a board does, with neither board nor emulator.

The interpreter is the package tflite-micro. It is C++ and may abort on a model that is not sound, so it runs in a
process of its own (this module as a program). Its structures have 64-bit pointers: its arena is larger than a board's.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import bench, files, oracle, signature
from .child import run as run_module
from .errors import MissingTool, ModelError
from .graph.ir import Graph
from .runtimes import Arena
from .sizing import STEP_BYTES, smallest
from .values import Clock, DeviceRun, Image, Project, Quantized, Target

Array = npt.NDArray[Any]

TIMEOUT_S = 600.0
KERNELS = "reference"
_REFUSED = 3  # exit code of the child when the interpreter said why it cannot run the model


@dataclass(frozen=True, eq=False)
class Run:
    """``outputs`` has one array per model output, first axis = sample; ``invoke_us`` the time of each sample.

    ``arena_bytes`` is the smallest with which the interpreter gets ready, ``setup_us`` how long that takes.
    """

    outputs: tuple[Array, ...]
    invoke_us: tuple[int, ...]
    setup_us: int
    arena_bytes: int


def run(tflite: bytes, inputs: Sequence[Array], name: str, timeout_s: float = TIMEOUT_S) -> Run:
    """Runs every sample (first axis of each input) in the smallest arena; no samples give the arena alone.

    Raises MissingTool without the interpreter, ModelError when it cannot run the model.
    """
    if not oracle.is_installed(oracle.TFLM):
        raise MissingTool(f"there is no TFLM interpreter: pip install {oracle.TFLM} (Linux on x86-64 only)")
    model = signature.read(tflite, name)
    count = len(inputs[0]) if inputs else 0
    fitted = {str(i): array.reshape(count, *model.inputs[i].shape) for i, array in enumerate(inputs)}
    with tempfile.TemporaryDirectory(prefix="kerf-interpreter-") as folder:
        at = Path(folder)
        (at / "model.tflite").write_bytes(tflite)
        (at / "inputs.npz").write_bytes(files.pack_arrays(fitted))
        most = 4 * model.tensor_bytes + 10 * len(tflite) + (4 << 20)
        try:
            child = run_module(__name__, folder, str(most), str(len(model.outputs)), timeout_s=timeout_s)
        except subprocess.TimeoutExpired:
            raise ModelError(f"{oracle.TFLM} did not finish {name} within {timeout_s:g} s: use fewer samples") from None
        if child.returncode:
            lines = (child.stdout if child.returncode == _REFUSED else child.stderr).strip().splitlines()
            said = lines[-1] if lines else f"exit code {child.returncode}"
            raise ModelError(f"{oracle.TFLM} cannot run {name}: {said}")
        told = json.loads((at / "told.json").read_text())
        outputs: tuple[Array, ...] = ()
        if count:
            with np.load(at / "outputs.npz", allow_pickle=False) as arrays:
                outputs = tuple(
                    arrays[str(i)].reshape(count, *port.sample_shape) for i, port in enumerate(model.outputs)
                )
    return Run(outputs, tuple(told["invoke_us"]), told["setup_us"], told["arena_bytes"])


def measure(quantized: Quantized, graph: Graph, runtime: str, target: Target) -> tuple[Image, DeviceRun]:
    """All vectors run on this machine, in the values that a firmware and its run have: times are microseconds.

    Flash is the model's own bytes: the interpreter is part of Python, and so are its stack and its static data.
    """
    ran = run(quantized.tflite, quantized.vectors.inputs, quantized.model)
    size = len(quantized.tflite)
    project = Project(
        files={},
        model=graph.name,
        mode=quantized.mode,
        model_sha256=graph.sha256,
        model_bytes=size,
        runtime=runtime,
        target=target.name,
        kernels=KERNELS,
        arena_bytes=ran.arena_bytes,
        op_labels=tuple((op.name, op.kind) for op in graph.ops),
    )
    flash_bytes = {"total": size, "code": 0, "model": size}
    image = Image(quantized.path, project, flash_bytes, 0, ran.arena_bytes, rebuilt=False, kernels=KERNELS)
    device = DeviceRun(
        clock=Clock("us", 1_000_000),
        outputs=ran.outputs,
        invoke=bench.timing(ran.invoke_us),
        setup=ran.setup_us,
        per_op=None,
        stack_bytes=0,
        arena_bytes=ran.arena_bytes,
        retries=0,
    )
    return image, device


def estimate(quantized: Quantized, graph: Graph) -> Arena:
    """An upper bound of the arena, for a project that nobody has linked yet."""
    found = run(quantized.tflite, (), quantized.model).arena_bytes
    scratch = scratch_bytes(graph)
    return Arena(
        found + scratch,
        f"An upper bound: {found:,} bytes in an interpreter with 64-bit pointers, and {scratch:,} for working memory "
        "of optimized kernels.",
    )


def scratch_bytes(graph: Graph) -> int:
    """Working memory that optimized kernels may ask for beyond the reference kernels, at most: for one convolution,
    two columns of its input as 16-bit numbers and a sum per output channel (CMSIS-NN), or a copy of its input and
    weights (ESP-NN)."""
    most = 0
    for op in graph.ops:
        if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            data, weights = graph.input(op, 0), graph.input(op, 1)
            columns = 2 * 2 * weights.elements // (1 if op.kind == "DEPTHWISE_CONV_2D" else max(weights.shape[0], 1))
            most = max(most, columns + 4 * graph.output(op).shape[-1], 2 * (data.bytes + weights.bytes))
    return most


def _serve(folder: Path, most: int, outputs: int) -> int:
    """The child: folder/model.tflite and inputs.npz → outputs.npz and told.json. 0, or _REFUSED and why on stdout."""
    from tflite_micro.python.tflite_micro import runtime

    tflite = (folder / "model.tflite").read_bytes()
    with np.load(folder / "inputs.npz", allow_pickle=False) as archive:
        inputs = [archive[str(i)] for i in range(len(archive.files))]

    def works(arena_bytes: int) -> bool:
        try:
            runtime.Interpreter.from_bytes(tflite, arena_size=arena_bytes)
        except RuntimeError:
            return False
        return True

    if not works(most):
        print(f"its tensors cannot be allocated in {most} bytes, or it has an operator that TFLM has no kernel for")
        return _REFUSED
    arena_bytes = smallest(works, STEP_BYTES, most)
    begin = time.perf_counter_ns()
    interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=arena_bytes)
    setup_us = (time.perf_counter_ns() - begin) // 1000
    rows, invoke_us = [], []
    for sample in range(len(inputs[0]) if inputs else 0):
        interpreter.reset()  # variables of stateful operators start anew with every sample
        for i, array in enumerate(inputs):
            interpreter.set_input(array[sample], i)
        begin = time.perf_counter_ns()
        interpreter.invoke()
        invoke_us.append((time.perf_counter_ns() - begin) // 1000)
        rows.append([interpreter.get_output(i).copy() for i in range(outputs)])
    if rows:
        stacked = {str(i): np.stack([row[i] for row in rows]) for i in range(outputs)}
        (folder / "outputs.npz").write_bytes(files.pack_arrays(stacked))
    told = {"arena_bytes": arena_bytes, "setup_us": setup_us, "invoke_us": invoke_us}
    (folder / "told.json").write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(_serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
