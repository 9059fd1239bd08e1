"""What the device must answer: the model run by a trusted interpreter on this machine.

TFLM's own interpreter (PyPI tflite-micro) defines the result of integer models to the last bit. LiteRT runs float and
hybrid models, and integer models where there is no TFLM; then results may differ from TFLM's by a few steps.

The interpreters are C++ and may abort on a model that is not sound. They run in a process of their own (this module
as a program), which costs about 0.4 s, so that such a model becomes an error and not the end of kerf.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import files, signature
from .child import run
from .errors import MissingTool, ModelError
from .signature import Signature

Array = npt.NDArray[Any]

TFLM, LITERT = "tflite-micro", "ai-edge-litert"
TIMEOUT_S = 600.0
_REFUSED = 3  # exit code of the child when an interpreter said why it cannot run the model


@dataclass(frozen=True, eq=False)
class Expected:
    """What `expected` found: one array per model output (first axis = sample), and who computed it.

    ``exact``: the device must equal it bit for bit. ``note`` says in a sentence why not, where that is a surprise.
    """

    outputs: tuple[Array, ...]
    oracle: str
    exact: bool
    note: str | None = None


def expected(tflite: bytes, inputs: Sequence[Array], name: str = "the model", timeout_s: float = TIMEOUT_S) -> Expected:
    """Runs every sample. ``inputs`` has one array per model input in the .tflite's dtype, first axis = sample.

    Raises ModelError when the file is damaged, the inputs do not fit it, or no interpreter can run it within
    ``timeout_s`` seconds; MissingTool when there is no interpreter at all.
    """
    model = signature.read(tflite, name)
    fitted = [_fit(array, port, name) for array, port in zip(inputs, model.inputs, strict=True)]
    candidates = [package for package in _preferred(model) if is_installed(package)]
    if not candidates:
        raise MissingTool(f"no interpreter to compare {name} with: pip install {LITERT} (or, on Linux x86-64, {TFLM})")
    refusals = []
    for package in candidates:
        try:
            outputs = _run(package, tflite, fitted, model, name, timeout_s)
        except ModelError as error:
            refusals.append(str(error))
            continue
        oracle = f"{package} {version(package)}"
        note = _note(model, package, refusals)
        return Expected(outputs, oracle, package == TFLM and model.is_integer, note)
    raise ModelError("; ".join(refusals))


def outputs(
    package: str, tflite: bytes, inputs: Sequence[Array], name: str, timeout_s: float = TIMEOUT_S
) -> tuple[Array, ...]:
    """What one interpreter, TFLM or LITERT, computes; arrays and errors as in `expected`."""
    if not is_installed(package):
        raise MissingTool(f"{package} is not installed; get it with: pip install {package}")
    model = signature.read(tflite, name)
    fitted = [_fit(array, port, name) for array, port in zip(inputs, model.inputs, strict=True)]
    return _run(package, tflite, fitted, model, name, timeout_s)


def is_installed(package: str) -> bool:
    """Whether an interpreter's package is there; it is not imported."""
    return importlib.util.find_spec({TFLM: "tflite_micro", LITERT: "ai_edge_litert"}[package]) is not None


def _preferred(model: Signature) -> tuple[str, ...]:
    return (TFLM, LITERT) if model.is_integer else (LITERT,)


def _note(model: Signature, package: str, refusals: list[str]) -> str | None:
    if package == TFLM or not model.is_integer:
        return None
    why = f" ({refusals[0]})" if refusals else f": there is no {TFLM} package for this machine"
    return f"compared with LiteRT instead of TFLM{why}; a few outputs may differ by a step or two"


def _fit(array: Array, port: signature.Port, name: str) -> Array:
    """Samples in the shape the interpreter wants, each with the leading batch axis."""
    if array.dtype != port.dtype or array.shape[1:] not in (port.shape, port.sample_shape):
        raise ModelError(
            f"input {port.name!r} of {name} takes {port.dtype} of shape {port.sample_shape} per sample, "
            f"not {array.dtype} of shape {array.shape[1:]}"
        )
    return array.reshape(len(array), *port.shape)


def _run(
    package: str, tflite: bytes, inputs: Sequence[Array], model: Signature, name: str, timeout_s: float
) -> tuple[Array, ...]:
    with tempfile.TemporaryDirectory(prefix="kerf-oracle-") as folder:
        (Path(folder) / "model.tflite").write_bytes(tflite)
        (Path(folder) / "inputs.npz").write_bytes(files.pack_arrays({f"{i}": a for i, a in enumerate(inputs)}))
        # The interpreter allocates nothing beyond its arena: all tensors side by side, their book-keeping (in 64-bit
        # structures) and scratch buffers fit in this many bytes.
        arena_bytes = 4 * model.tensor_bytes + 10 * len(tflite) + (4 << 20)
        try:
            child = run(__name__, package, folder, str(arena_bytes), timeout_s=timeout_s)
        except subprocess.TimeoutExpired:
            raise ModelError(f"{package} did not finish {name} within {timeout_s:g} s: use fewer samples") from None
        if child.returncode == _REFUSED:
            raise ModelError(f"{package} cannot run {name}: {child.stdout.strip()}")
        if child.returncode != 0:
            raise ModelError(f"{package} crashed on {name}, exit code {child.returncode}: {_last_line(child.stderr)}")
        with np.load(Path(folder) / "outputs.npz", allow_pickle=False) as outputs:
            return tuple(
                outputs[str(i)].reshape(len(inputs[0]), *port.sample_shape) for i, port in enumerate(model.outputs)
            )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


class _Tflm:
    """TFLM's interpreter behind the three calls `_serve` needs."""

    def __init__(self, tflite: bytes, arena_bytes: int) -> None:
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=arena_bytes)

    def invoke(self, inputs: Sequence[Array], outputs: int) -> list[Array]:
        self._interpreter.reset()  # variables of stateful operators start anew with every sample
        for i, array in enumerate(inputs):
            self._interpreter.set_input(array, i)
        self._interpreter.invoke()
        return [self._interpreter.get_output(i).copy() for i in range(outputs)]


class _LiteRt:
    """LiteRT's interpreter with its portable kernels on one thread, so that every machine computes the same."""

    def __init__(self, tflite: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            model_content=tflite, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
        self._interpreter.allocate_tensors()
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def invoke(self, inputs: Sequence[Array], outputs: int) -> list[Array]:
        self._interpreter.reset_all_variables()
        for index, array in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, array)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs[:outputs]]


def _serve(package: str, folder: Path, arena_bytes: int) -> int:
    """The child: folder/model.tflite and inputs.npz → outputs.npz. 0, or _REFUSED with the reason on stdout."""
    tflite = (folder / "model.tflite").read_bytes()
    with np.load(folder / "inputs.npz", allow_pickle=False) as archive:
        inputs = [archive[str(i)] for i in range(len(archive.files))]
    count = len(signature.read(tflite, "model").outputs)
    try:
        interpreter = _Tflm(tflite, arena_bytes) if package == TFLM else _LiteRt(tflite)
        rows = [interpreter.invoke([a[i] for a in inputs], count) for i in range(len(inputs[0]))]
    except (ImportError, RuntimeError, ValueError) as error:
        print(_first_sentence(error))
        return _REFUSED
    stacked = {str(i): np.stack([row[i] for row in rows]) for i in range(count)}
    (folder / "outputs.npz").write_bytes(files.pack_arrays(stacked))
    return 0


def _first_sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(_serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
