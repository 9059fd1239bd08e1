"""Several models as one program for this machine, with sanitizers, and its outputs against the oracle's."""

import subprocess
from pathlib import Path

import against_tflm
import numpy as np

from tools import bench, oracle
from tools.errors import ModelError
from tools.graph.state import runs_in_sequence
from tools.oracle.signature import TensorSpec
from tools.oracle.signature import read as read_signature
from tools.runtimes import Program, Symbols, aot
from tools.values import Vectors

from . import ROOT

NAME = "the model"
RANDOM_SAMPLES = 3
MAIN = """
#include <cstdio>
#include <cstdlib>
#define RUN(m, is_sequence)                                                                           \\
    if (number-- == 0) {                                                                              \\
        using namespace kerf::model;                                                                  \\
        if (m::setup() != Status::kOk) return 2;                                                      \\
        for (;;) {                                                                                    \\
            for (uint32_t i = 0; i < m::kDescriptor.input_count; ++i) {                               \\
                const Tensor tensor = m::input(i);                                                    \\
                if (std::fread(tensor.data, 1, tensor.bytes, stdin) != tensor.bytes) return 0;        \\
            }                                                                                         \\
            if (!is_sequence && m::reset() != Status::kOk) return 4;                                  \\
            if (m::invoke(nullptr) != Status::kOk) return 3;                                          \\
            for (uint32_t i = 0; i < m::kDescriptor.output_count; ++i) {                              \\
                const Tensor tensor = m::output(i);                                                   \\
                std::fwrite(tensor.data, 1, tensor.bytes, stdout);                                    \\
            }                                                                                         \\
        }                                                                                             \\
    }
int main(int, char** arguments) {
    int number = std::atoi(arguments[1]);
"""


def compiled(programs: list[Program], folder: Path) -> Path:
    """One program of all models, each in a namespace of its own; its argument is a model's number."""
    text = ""
    for number, program in enumerate(programs):
        source = aot.files(program, mode="file", symbols=Symbols(f"kerf{number}"))["src/model.cpp"].decode()
        text += source.replace("namespace kerf::model {", f"namespace kerf::model::m{number} {{")
    runs = [
        f"    RUN(m{number}, {str(runs_in_sequence(program.graph)).lower()})\n"
        for number, program in enumerate(programs)
    ]
    text += MAIN + "".join(runs) + "}\n"
    source_file, executable = folder / "models.cpp", folder / "models"
    source_file.write_text(text)
    command = ["g++", *against_tflm.CXX_FLAGS, f"-I{ROOT / 'firmware'}", source_file, "-o", executable]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:5000]
    return executable


def equals(number: int, data: bytes, program: Program, executable: Path, rng: np.random.Generator) -> bool:
    """Whether the oracle runs the model; then its outputs are those of the compiled program."""
    graph = program.graph
    signature = read_signature(data, NAME)
    inputs = tuple(samples(spec, rng) for spec in signature.inputs)
    count = len(inputs[0])
    stream = b"".join(array[i].tobytes() for i in range(count) for array in inputs)
    done = subprocess.run([executable, str(number)], input=stream, capture_output=True, timeout=60)
    assert done.returncode == 0, f"model {number}: {done.stderr.decode(errors='replace')[:5000]}"
    layout = np.dtype(
        [(f"{i}", graph.tensors[t].dtype.value, graph.tensors[t].shape) for i, t in enumerate(graph.outputs)]
    )
    rows = np.frombuffer(done.stdout, layout)
    ours = tuple(np.ascontiguousarray(rows[name]) for name in layout.names or ())
    try:
        found = oracle.expected(data, inputs, timeout_s=60)
    except ModelError:
        return False
    theirs = tuple(array.reshape(own.shape) for array, own in zip(found.outputs, ours, strict=True))
    if signature.is_integer and not found.exact:
        return False  # TFLM refuses it, and LiteRT's integers may differ by a step
    wrong = bench.compare(Vectors(inputs, theirs, None, (), found.oracle, found.exact), ours)
    assert not wrong, f"model {number}: {len(wrong)} of {count} samples differ from {found.oracle}"
    return True


def samples(spec: TensorSpec, rng: np.random.Generator) -> np.ndarray:
    """The smallest values, the largest ones, and random ones. Integers that are not activations stay small, because
    they may be positions in a tensor."""
    shape = (RANDOM_SAMPLES, *spec.shape)
    if spec.dtype.startswith("float"):
        low, high, noise = -8.0, 8.0, rng.normal(0, 3, shape)
    elif spec.dtype in ("int8", "uint8", "int16"):
        limits = np.iinfo(spec.dtype)
        low, high, noise = limits.min, limits.max, rng.integers(limits.min, limits.max, shape, endpoint=True)
    else:
        low, high, noise = 0, 1, rng.integers(0, 2, shape)
    ends = [np.full((1, *spec.shape), value) for value in (low, high)]
    return np.concatenate([*ends, noise]).astype(spec.dtype)
