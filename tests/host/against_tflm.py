"""Runs models through kerf's own path and through TFLM or LiteRT, and says where the outputs differ.

Compiling costs more than running, so the operators of many cases become one model: one file to read, lower, plan,
render and compile with the sanitizers, and one interpreter to compare with. Each case keeps its own inputs and outputs.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from single_op import OpSpec, TensorSpec, build

from tools.cores import HOST, Core
from tools.runtimes import aot

ROOT = Path(__file__).parents[2]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
CXX_FLAGS = [
    "-std=gnu++17",
    "-Wall",
    "-Wextra",
    "-Wundef",
    "-Wdouble-promotion",
    "-Werror",
    "-Og",
    "-g1",
    "-ffp-contract=off",
    *SANITIZERS,
]
RANDOM_SAMPLES = 3
CASES_PER_MODEL = 100
CONSTANT_BYTES = 300_000  # in a model of several cases, so that it fits into the flash of every core that they run on
PORTS = 240  # the largest number of inputs or outputs of a model; the limit is 255


# (.tflite, one array of samples per input, number of outputs) → for each output an array of all samples
Oracle = Callable[[bytes, Sequence[np.ndarray], int], tuple[np.ndarray, ...]]


@dataclass(frozen=True, eq=False)
class Result:
    """Outputs of one case: for each output an array of all samples, from kerf and from the interpreter."""

    kerf: tuple[np.ndarray, ...]
    oracle: tuple[np.ndarray, ...]

    def check(self) -> None:
        """Bit for bit, floats too."""
        for ours, theirs in zip(self.kerf, self.oracle, strict=True):
            np.testing.assert_array_equal(ours, theirs)
            assert ours.tobytes() == theirs.tobytes(), "equal in value but not in bits: a zero of the other sign"


def _parameters(item: pytest.Function) -> Mapping[str, object]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def collected(request: pytest.FixtureRequest, cases: Mapping[str, Sequence[OpSpec]]) -> dict[str, Sequence[OpSpec]]:
    """The cases that pytest has collected in the fixture's module, selected by the parameter ``name``."""
    names = {
        item.callspec.params["name"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and "name" in _parameters(item)
    }
    return {name: case for name, case in cases.items() if name in names}


def run_collected(
    request: pytest.FixtureRequest,
    folders: pytest.TempPathFactory,
    tflm: Mapping[str, Sequence[OpSpec]],
    litert: Mapping[str, Sequence[OpSpec]],
) -> dict[str, Result]:
    """run_cases() of the `collected` cases, with the oracle that each table belongs to."""
    return {
        **run_cases(collected(request, tflm), folders.mktemp("tflm")),
        **run_cases(collected(request, litert), folders.mktemp("litert"), oracle=run_litert),
    }


def run_cases(
    cases: Mapping[str, Sequence[OpSpec]],
    folder: Path,
    seed: int = 0,
    oracle: Oracle | None = None,
    goal: str = "speed",
    core: Core = HOST,
) -> dict[str, Result]:
    """The result of every case, by name. ``oracle`` is run_tflm() by default.
    Kernels are those of ``core``, as far as this machine runs them: with the same algorithm in plain C++.

    Inputs are all at their smallest, all at their largest, all 0, and random values.
    """
    results: dict[str, Result] = {}
    for number, some in enumerate(_together(cases)):
        part = folder / f"model{number}"
        part.mkdir(parents=True)
        results |= _run_together(some, part, np.random.default_rng(seed), oracle or run_tflm, goal, core)
    return results


def _together(cases: Mapping[str, Sequence[OpSpec]]) -> list[dict[str, Sequence[OpSpec]]]:
    """The cases in groups, each of which fits into one model."""
    groups: list[dict[str, Sequence[OpSpec]]] = []
    ports = room = constants = 0
    for name, case in cases.items():
        read = [t for op in case for t in op.inputs if t is not None]
        fed, stored = sum(t.is_computed for t in read), sum(t.data.nbytes for t in read if t.data is not None)
        own = max(fed, sum(len(op.outputs) for op in case))
        if not room or ports + own > PORTS or constants + stored > CONSTANT_BYTES:
            groups.append({})
            ports, room, constants = 0, CASES_PER_MODEL, 0
        groups[-1][name] = case
        ports, room, constants = ports + own, room - 1, constants + stored
    return groups


def _run_together(
    cases: Mapping[str, Sequence[OpSpec]], folder: Path, rng: np.random.Generator, oracle: Oracle, goal: str, core: Core
) -> dict[str, Result]:
    made = {id(t) for case in cases.values() for op in case for t in op.outputs}
    used = {id(t) for case in cases.values() for op in case for t in op.inputs if t is not None}
    inputs: list[TensorSpec] = []
    outputs: dict[str, list[TensorSpec]] = {}
    for name, case in cases.items():
        reads = [t for op in case for t in op.inputs if t is not None and t.is_computed and id(t) not in made]
        inputs += list({id(t): t for t in reads}.values())
        outputs[name] = [t for op in case for t in op.outputs if id(t) not in used]
    flat = [t for tensors in outputs.values() for t in tensors]
    ops = [op for case in cases.values() for op in case]
    if not inputs:  # a model needs an input
        inputs = [TensorSpec((1,), "float32")]
        ops.append(OpSpec("RELU", inputs, [TensorSpec((1,), "float32")]))
    data = build(ops, inputs, flat)
    samples = [_samples(tensor, rng) for tensor in inputs]
    ours = run_kerf(data, samples, folder, goal, core)
    theirs = oracle(data, samples, len(flat))
    results, position = {}, 0
    for name, tensors in outputs.items():
        here = slice(position, position + len(tensors))
        results[name] = Result(ours[here], theirs[here])
        position += len(tensors)
    return results


def _samples(tensor: TensorSpec, rng: np.random.Generator) -> np.ndarray:
    shape = tuple(tensor.shape)
    if tensor.below is not None:
        low, high = np.array(0, tensor.dtype), np.array(tensor.below - 1, tensor.dtype)
        noise = rng.integers(0, tensor.below, (RANDOM_SAMPLES, *shape), tensor.dtype)
    elif tensor.dtype == "float32":
        low, high = np.float32(-8), np.float32(8)
        noise = rng.normal(0, 3, (RANDOM_SAMPLES, *shape)).astype(np.float32)
    elif tensor.dtype == "bool":
        low, high = np.False_, np.True_
        noise = rng.integers(0, 2, (RANDOM_SAMPLES, *shape)).astype(bool)
    else:
        limits = np.iinfo(tensor.dtype)
        low, high = np.array(limits.min, tensor.dtype), np.array(limits.max, tensor.dtype)
        noise = rng.integers(limits.min, limits.max, (RANDOM_SAMPLES, *shape), tensor.dtype, endpoint=True)
    same = [np.broadcast_to(np.array(value, tensor.dtype), (1, *shape)) for value in (low, high, 0)]
    return np.concatenate([*same, noise])


def run_tflm(data: bytes, samples: Sequence[np.ndarray], outputs: int) -> tuple[np.ndarray, ...]:
    """What TFLM's interpreter computes: for each output an array of all samples."""
    runtime = pytest.importorskip(
        "tflite_micro.python.tflite_micro.runtime", reason="needs the tflite-micro package (Linux x86-64)"
    )
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=64 << 20)
    rows = []
    for i in range(len(samples[0])):
        for number, array in enumerate(samples):
            interpreter.set_input(np.ascontiguousarray(array[i]), number)
        interpreter.invoke()
        rows.append([interpreter.get_output(k).copy() for k in range(outputs)])
    return tuple(np.stack([row[k] for row in rows]) for k in range(outputs))


def run_litert(data: bytes, samples: Sequence[np.ndarray], outputs: int) -> tuple[np.ndarray, ...]:
    """What LiteRT's reference kernels compute, run as tools/oracle/ does: an array of all samples per output."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs the ai-edge-litert package")
    interpreter = litert.Interpreter(
        model_content=data, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    inputs = [detail["index"] for detail in interpreter.get_input_details()]
    results = [detail["index"] for detail in interpreter.get_output_details()][:outputs]
    rows = []
    for i in range(len(samples[0])):
        for index, array in zip(inputs, samples, strict=True):
            interpreter.set_tensor(index, np.ascontiguousarray(array[i]))
        interpreter.invoke()
        rows.append([interpreter.get_tensor(index) for index in results])
    return tuple(np.stack([row[k] for row in rows]) for k in range(outputs))


def run_kerf(
    data: bytes, samples: Sequence[np.ndarray], folder: Path, goal: str = "speed", core: Core = HOST
) -> tuple[np.ndarray, ...]:
    """What the rendered model computes, compiled for this machine with the sanitizers."""
    program = aot.lower(data, "test", core, goal)
    graph = program.graph
    rendered = aot.files(program, mode="file")
    source = folder / "model.cpp"
    source.write_bytes(rendered["src/model.cpp"])
    executable = compile_model(source, folder)
    stream = b"".join(array[i].tobytes() for i in range(len(samples[0])) for array in samples)
    child = subprocess.run([executable], input=stream, capture_output=True)
    assert child.returncode == 0, child.stderr.decode(errors="replace")
    tensors = [graph.tensors[i] for i in graph.outputs]
    layout = np.dtype([(f"{i}", t.dtype.value, t.shape) for i, t in enumerate(tensors)])
    rows = np.frombuffer(child.stdout, layout)
    assert len(rows) == len(samples[0])
    return tuple(np.ascontiguousarray(rows[f"{i}"]) for i in range(len(tensors)))


def compile_model(source: Path, folder: Path) -> Path:
    """The program of tests/host/run_model.cpp around a rendered model."""
    program = folder / "run_model"
    command = [
        "g++",
        *CXX_FLAGS,
        f"-I{ROOT / 'firmware'}",
        f"-I{ROOT / 'tests/host/mve'}",
        source,
        ROOT / "tests/host/run_model.cpp",
        "-o",
        program,
    ]
    child = subprocess.run(command, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    return program
