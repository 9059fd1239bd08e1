"""The oracle: a trusted interpreter on the host runs the model to compute the expected outputs.

TFLM's own interpreter (PyPI tflite-micro) defines the result of integer models bit for bit. If its kernel for an
operator violates TFLite's specification, or if it has none, LiteRT's reference kernel defines that operator
(graph/specification.py, docs/decisions/0008). LiteRT also runs float and hybrid models, and integer models where TFLM
is not available; its results may then differ from TFLM's by a few steps. In a model of both, as the converter writes it
where it has no integer kernel, TFLM defines the integer operators and LiteRT those of floats.

The interpreters are C++ and may abort on an invalid model. They run in a child process (this package as a program),
which costs about 0.4 s, so that such a model causes an error instead of killing kerf.
"""

import importlib.util
import json
import math
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import child, files
from ..errors import MissingTool, ModelError, UnsupportedModel
from ..graph import read, rows
from ..graph.ir import Graph
from ..graph.state import runs_in_sequence
from . import parts, signature
from .parts import LITERT, TFLM
from .signature import Signature

__all__ = [
    "LITERT",
    "OPTIMIZED",
    "TFLM",
    "Expected",
    "Run",
    "defined",
    "defined_by_litert",
    "expected",
    "is_defined_by_tflm",
    "is_installed",
    "outputs",
    "run",
]

Array = npt.NDArray[Any]


class NoKernel(ModelError):
    """An interpreter lacks an operator."""


# What LiteRT and TFLM print about an operator that they lack: its name and version; of a custom one, at most its name.
_LACKS = re.compile(
    r"Didn't find op for builtin opcode '(\w+)'(?: version '(\d+)')?"
    r"|unresolved custom op: (\w+)|registration from op code CUSTOM"
)

OPTIMIZED = "ai-edge-litert (optimized kernels)"  # the same package; results depend on the host's processor
TIMEOUT_S = 600.0
REFUSED = 3  # the child's exit code if the interpreter gives a reason why it cannot run the model


@dataclass(frozen=True, eq=False)
class Expected:
    """The expected outputs, one array per model output (first axis = sample), and the interpreter that computed them.

    ``exact``: the device must match them bit for bit. ``note`` is a sentence that explains an unexpected inexactness.
    """

    outputs: tuple[Array, ...]
    oracle: str
    exact: bool
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """A run of one interpreter: ``outputs`` as in `Expected`, ``invoke_us`` the time of each sample.

    ``arena_bytes`` is the size of TFLM's arena, ``setup_us`` the duration of the interpreter's setup.
    """

    outputs: tuple[Array, ...]
    invoke_us: tuple[int, ...]
    setup_us: int
    arena_bytes: int


def expected(
    tflite: bytes,
    inputs: Sequence[Array],
    name: str = "the model",
    timeout_s: float = TIMEOUT_S,
    period: int | None = None,
) -> Expected:
    """Runs every sample. ``inputs`` has one array per model input in the .tflite's dtype, first axis = sample.

    State is reset before each ``period`` samples; 0: never; None: before each sample if the file says that samples are
    independent.

    Raises ModelError if the file is damaged, the inputs do not match it, or no interpreter can run it within
    ``timeout_s`` seconds; MissingTool if no interpreter is installed.
    """
    model = signature.read(tflite, name)
    fitted = [_fit(array, spec, name) for array, spec in zip(inputs, model.inputs, strict=True)]
    preferred = (TFLM, LITERT) if is_defined_by_tflm(tflite, name) else (LITERT,)
    candidates = [package for package in preferred if is_installed(package)]
    if not candidates:
        raise MissingTool(f"no interpreter to compare {name} with: pip install {LITERT} (or, on Linux x86-64, {TFLM})")
    refusals, graph = [], _graph(tflite, name)
    for package in candidates:
        oracle = f"{package} {version(LITERT if package == OPTIMIZED else package)}"
        try:
            others = defined_by_litert(tflite, name) if package == TFLM else []
            if others or (graph is not None and rows.are_read(graph)):
                found = defined(tflite, fitted, name, timeout_s=timeout_s, period=period)
            else:
                found = _run(package, tflite, fitted, model, name, timeout_s, period=period).outputs
            if others:
                oracle += f", {LITERT} {version(LITERT)} for {' and '.join(others)}"
        except ModelError as error:
            refusals.append(str(error))
            if package == LITERT and isinstance(error, NoKernel):
                candidates.append(OPTIMIZED)
            continue
        note = _note(model, package, refusals)
        return Expected(found, oracle, package == TFLM and model.is_integer, note)
    raise ModelError("; ".join(refusals))


def is_defined_by_tflm(tflite: bytes, name: str) -> bool:
    """Whether TFLM defines the integer operators of a model, of which there must be some, as far as LiteRT does not."""
    if signature.read(tflite, name).is_integer:
        return True
    graph = _graph(tflite, name)
    return graph is not None and parts.is_mixed(graph)


def defined_by_litert(tflite: bytes, name: str) -> list[str]:
    """The kinds of operators that LiteRT defines in a model whose integers TFLM defines, sorted; usually [].

    If such a model computes floats, too, and keeps state, the two share the state, and TFLM runs all of it.
    """
    try:
        graph = read.read(tflite, name)
    except UnsupportedModel:  # no runtime accepts it, so TFLM defines it alone
        return []
    if (graph.states or graph.subgraphs) and not signature.read(tflite, name).is_integer:
        return []
    return sorted({graph.ops[i].kind for part in parts.split(graph) if part.package == LITERT for i in part.ops})


def defined(
    tflite: bytes,
    inputs: Sequence[Array],
    name: str,
    wanted: Sequence[int] | None = None,
    timeout_s: float = TIMEOUT_S,
    period: int | None = None,
) -> tuple[Array, ...]:
    """Computes tensors of a model: each part is run by the interpreter that defines its operators.

    Returns the tensors with the indices ``wanted``, in that order; by default, the model's outputs. ``period``, arrays
    and errors as in `expected`.
    """
    graph = read.read(tflite, name)
    wanted = graph.outputs if wanted is None else wanted
    count = len(inputs[0])
    values = {t.index: np.broadcast_to(t.data, (count, *t.shape)) for t in graph.tensors if t.data is not None}
    values |= zip(graph.inputs, inputs, strict=True)
    for part in parts.split(graph):
        piece = parts.cut(tflite, graph, part.ops, wanted, name)
        arrays = _defining(part.package, piece.tflite, [values[i] for i in piece.reads], name, timeout_s, period)
        values |= zip(piece.gives, arrays, strict=True)
    return tuple(values[i] for i in wanted)


def _defining(
    package: str, tflite: bytes, inputs: Sequence[Array], name: str, timeout_s: float, period: int | None
) -> tuple[Array, ...]:
    """`outputs` of a part; where LiteRT's reference kernels lack an operator, its default kernels run the part."""
    try:
        return run(package, tflite, inputs, name, timeout_s, period=period).outputs
    except NoKernel:
        if package != LITERT:
            raise
        return run(OPTIMIZED, tflite, inputs, name, timeout_s, period=period).outputs


def outputs(
    package: str, tflite: bytes, inputs: Sequence[Array], name: str, timeout_s: float = TIMEOUT_S
) -> tuple[Array, ...]:
    """The outputs of one interpreter, TFLM or LITERT; arrays and errors as in `expected`."""
    return run(package, tflite, inputs, name, timeout_s).outputs


def run(
    package: str,
    tflite: bytes,
    inputs: Sequence[Array],
    name: str,
    timeout_s: float = TIMEOUT_S,
    least_arena: bool = False,
    period: int | None = None,
) -> Run:
    """Runs every sample in one interpreter; ``period``, arrays and errors as in `expected`.

    With ``least_arena``, TFLM gets the smallest arena that works, found in a few trials.
    """
    if not is_installed(package):
        where = " (Linux on x86-64 only)" if package == TFLM else ""
        raise MissingTool(f"{package} is not installed; get it with: pip install {package}{where}")
    model = signature.read(tflite, name)
    fitted = [_fit(array, spec, name) for array, spec in zip(inputs, model.inputs, strict=True)]
    return _run(package, tflite, fitted, model, name, timeout_s, least_arena, period)


def is_installed(package: str) -> bool:
    """Whether an interpreter's package is installed; does not import it."""
    modules = {TFLM: "tflite_micro", LITERT: "ai_edge_litert", OPTIMIZED: "ai_edge_litert"}
    return importlib.util.find_spec(modules[package]) is not None


def _note(model: Signature, package: str, refusals: list[str]) -> str | None:
    if package == TFLM or not model.is_integer:
        return None
    why = f" ({refusals[0]})" if refusals else f": there is no {TFLM} package for this machine"
    return f"compared with LiteRT instead of TFLM{why}; a few outputs may differ by a step or two"


def _fit(array: Array, spec: signature.TensorSpec, name: str) -> Array:
    """Samples in the shape the interpreter expects, each with the leading batch axis."""
    if array.dtype != spec.dtype or array.shape[1:] not in (spec.shape, spec.sample_shape):
        raise ModelError(
            f"input {spec.name!r} of {name} takes {spec.dtype} of shape {spec.sample_shape} per sample, "
            f"not {array.dtype} of shape {array.shape[1:]}"
        )
    return array.reshape(len(array), *spec.shape)


def _run(
    package: str,
    tflite: bytes,
    inputs: Sequence[Array],
    model: Signature,
    name: str,
    timeout_s: float,
    least_arena: bool = False,
    period: int | None = None,
) -> Run:
    served, graph = tflite, _graph(tflite, name)
    counts = () if graph is None or least_arena else rows.other_counts(graph, graph.outputs)  # not in the arena's size
    if graph is not None and package != TFLM:
        served = parts.decoded(served, graph, name)
    if graph is not None and counts:
        served = parts.expose(served, (*graph.outputs, *counts))
    with tempfile.TemporaryDirectory(prefix="kerf-oracle-") as directory:
        folder = Path(directory)
        (folder / "model.tflite").write_bytes(served)
        (folder / "inputs.npz").write_bytes(files.pack_arrays({f"{i}": a for i, a in enumerate(inputs)}))
        # The interpreter allocates everything in its arena. All tensors without overlap, their 64-bit data structures
        # and scratch buffers fit in this size.
        most = 4 * model.tensor_bytes + 10 * len(tflite) + (4 << 20)
        size = "least" if least_arena else "most"
        if period is None:
            period = 1 if graph is not None and graph.states and not runs_in_sequence(graph) else 0
        try:
            done = child.run(__name__, package, directory, str(most), size, str(period), timeout_s=timeout_s)
        except subprocess.TimeoutExpired:
            raise ModelError(f"{package} did not finish {name} within {timeout_s:g} s: use fewer samples") from None
        if done.returncode == REFUSED:
            said = done.stderr.strip().splitlines() if package == TFLM else []  # TFLM raises one error for all reasons
            reason = ", ".join([done.stdout.strip(), *said[:1]])
            if lacks := _LACKS.search(reason):
                raise NoKernel(f"{package} cannot run {name}: it has no kernel for {_operator(*lacks.groups())}")
            raise ModelError(f"{package} cannot run {name}: {reason}")
        if done.returncode != 0:
            raise ModelError(f"{package} crashed on {name}, exit code {done.returncode}: {_last_line(done.stderr)}")
        measured = json.loads((folder / "measured.json").read_text())
        with np.load(folder / "outputs.npz", allow_pickle=False) as arrays:
            outputs = tuple(
                _shaped(arrays[str(i)], spec, package, name)
                for i, spec in enumerate(signature.read(served, name).outputs)
                if str(i) in arrays
            )
    if graph is not None and outputs:
        outputs = rows.cleared(outputs, (*graph.outputs, *counts), graph)[: len(model.outputs)]
    return Run(outputs, tuple(measured["invoke_us"]), measured["setup_us"], measured["arena_bytes"])


def _shaped(array: Array, spec: signature.TensorSpec, package: str, name: str) -> Array:
    """An output's samples in the shape that the file states; LiteRT computes some shapes anew."""
    if math.prod(array.shape[1:]) != math.prod(spec.sample_shape):
        raise ModelError(
            f"{package} gives output {spec.name!r} of {name} the shape {array.shape[1:]}, where the file says "
            f"{spec.shape}: the model's options contradict its shapes"
        )
    return array.reshape(-1, *spec.sample_shape)


def _graph(tflite: bytes, name: str) -> Graph | None:
    """The model as kerf reads it; None if no runtime accepts it."""
    try:
        return read.read(tflite, name)
    except ModelError:
        return None


def _operator(kind: str | None, version: str | None, custom: str | None) -> str:
    """An operator that an interpreter lacks, as a sentence names it."""
    if kind is None:
        return f"the custom operator {custom}" if custom else "a custom operator in it"
    return f"{kind} version {version}" if version else kind


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
