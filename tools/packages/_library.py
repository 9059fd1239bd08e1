"""A model as a library for the user's own program: a C header, one source and a check, which all export formats
share."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__, cpp_text
from ..errors import UsageError
from ..graph.ir import DType, Graph, Tensor
from ..render import render
from ..runtimes import Dependency, Symbols
from ..values import FLOAT_TOLERANCE, Vectors
from . import _amalgam, _firmware, _readme
from ._model import Model

MAX_SAMPLES = 10  # exported reference vectors
MAX_SAMPLE_BYTES = 32 * 1024  # their total size, since a program that runs the check has them in its flash

# Names of system headers, which a library of the same name would hide: <name>.h would be included in their place.
_HEADERS = frozenset(
    """
    arduino assert complex ctype endian errno fcntl features fenv inttypes iso646 limits locale malloc math memory poll
    pthread sched sdkconfig semaphore setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib string
    strings tgmath threads time uchar unistd wchar wctype wprogram
    """.split()  # noqa: SIM905 - a list would take one line per name
)


@dataclass(frozen=True, eq=False)
class Library:
    """A model with ``name`` as the prefix of its C symbols and files.

    ``vectors`` are the samples that the check runs. ``record`` is the measurement of the same sources, as in
    build/measurements.jsonl; None if there is none. ``live`` are the options with which the library can export itself
    again; none: it does not.
    """

    model: Model
    name: str
    vectors: Vectors
    record: Mapping[str, Any] | None
    live: Sequence[str] = ()

    @property
    def graph(self) -> Graph:
        return self.model.program.graph

    @property
    def dependency(self) -> Dependency | None:
        """The library that the sources are built with, if any."""
        return self.model.sources.dependency

    @property
    def version(self) -> str:
        """A semantic version, with the start of the model's SHA-256 as build metadata."""
        return f"1.0.0+{self.graph.sha256[:8]}"

    @property
    def summary(self) -> str:
        """A description, one line of ASCII."""
        what = f"for {self.dependency.name.upper()}" if self.dependency else "as plain C++"
        return f"The model {cpp_text.comment(self.graph.name)} ({self.model.mode}) {what} with a C header."

    def header(self) -> bytes:
        """<name>.h."""
        return self._render("header.h.j2")

    def sources(self, folder: str = "") -> Mapping[str, bytes]:
        """The files to compile, in ``folder``: <name>.cpp, which has the kernels and the model as they were measured
        and the C functions around them, and the headers that cannot be merged into it."""
        files = _firmware.model(self.model.sources)
        main = "src/model.cpp"
        others = [path for path in sorted(files) if path.endswith(".cpp") and path != main]
        kept = {path: f"{self.name}_{PurePosixPath(path).name}" for path in _amalgam.system_headers(files)}
        model = _amalgam.amalgamate(files, [main, *others], kept)
        source = self._render(
            "source.cpp.j2", model=model.rstrip(), needs_core="<arm_mve.h>" in model, needs_cpp17="<auto " in model
        )
        return {
            f"{folder}{self.name}.cpp": source,
            **{f"{folder}{name}": files[path] for path, name in kept.items()},
        }

    def check(self) -> bytes:
        """<name>_check.h: reference vectors and a function that checks them."""
        vectors = self.vectors
        inputs = [{**tensor, "samples": _samples(a)} for tensor, a in zip(self._inputs, vectors.inputs, strict=True)]
        outputs = [
            {**tensor, "samples": _samples(a), "limits": _limits(a)}
            for tensor, a in zip(self._outputs, vectors.expected, strict=True)
        ]
        return self._render(
            "check.h.j2",
            inputs=inputs,
            outputs=outputs,
            has_limits=any(tensor["limits"] for tensor in outputs),
            tensors=[*({**tensor, "limits": []} for tensor in inputs), *outputs],
            samples=vectors.samples,
            oracle=vectors.oracle,
            tolerance=f"{FLOAT_TOLERANCE:g}",
        )

    def text(self, template: str, **values: Any) -> bytes:
        """A file of the format, rendered from a template in templates/export."""
        return self._render(template, **values)

    def notes(self, how: str) -> Mapping[str, bytes]:
        """README.md, which says ``how`` to use the library and what was measured, and LICENSE.txt."""
        measured = _readme.figures(self.model.target.name, self.record)
        return {
            "README.md": self._render("README.md.j2", how=how, measured=measured),
            "LICENSE.txt": self._render("LICENSE.txt.j2"),
        }

    @property
    def _inputs(self) -> list[dict[str, Any]]:
        return [self._tensor_values("input", number, i) for number, i in enumerate(self.graph.inputs)]

    @property
    def _outputs(self) -> list[dict[str, Any]]:
        return [self._tensor_values("output", number, i) for number, i in enumerate(self.graph.outputs)]

    def _tensor_values(self, kind: str, number: int, index: int) -> dict[str, Any]:
        tensor = self.graph.tensors[index]
        part = f"{kind}{number or ''}"
        limits = np.iinfo(tensor.dtype.value) if tensor.dtype.value.startswith(("int", "uint")) else None
        return {
            "part": part,
            "name": f"{self.name}_{part}",
            "macro": f"{self.name}_{part}".upper(),
            "comment": f"{cpp_text.comment(tensor.name)}, {tensor.dtype.value} {list(tensor.shape)}",
            "type": cpp_text.cpp_type(tensor.dtype.value),
            "count": tensor.elements,
            "shape": tensor.shape or (1,),
            "is_numeric": _is_real(tensor),
            "scale": _decimal(tensor.scale) if _is_quantized(tensor) else "",
            "zero_point": tensor.zero_point if _is_quantized(tensor) else 0,
            "least": limits.min if limits else 0,
            "most": limits.max if limits else 0,
        }

    def _render(self, template: str, **values: Any) -> bytes:
        graph, model = self.graph, self.model
        inputs, outputs = self._inputs, self._outputs
        scores = graph.tensors[graph.outputs[0]]
        labels = self.vectors.classes if len(self.vectors.classes) == scores.elements else ()
        goal = f" --optimize {model.program.goal}" if model.program.goal else ""
        common = {
            "name": self.name,
            "macro": self.name.upper(),
            "version": __version__,
            "library_version": self.version,
            "summary": self.summary,
            "model_comment": cpp_text.comment(graph.name),
            "options": f"--mode {model.mode} --runtime {model.runtime} --target {model.target.name}{goal}",
            "sha256": graph.sha256,
            "core": model.target.core.name,
            "arena_bytes": f"{model.arena_bytes}",
            # an interpreter reads the whole file
            "constants_bytes": f"{graph.model_bytes if self.dependency else model.program.constants_bytes}",
            "dependency": self.dependency,
            "inputs": inputs,
            "outputs": outputs,
            "tensors": [*inputs, *outputs],
            "quantizes": any(tensor["is_numeric"] and tensor["scale"] for tensor in inputs),
            "keeps_state": bool(graph.states),
            "resets_each": bool(graph.states) and not self.vectors.in_sequence,
            "classes": [cpp_text.string_literal(label) for label in labels],
            "has_best_class": _is_real(scores) and scores.elements > 1,
        }
        return render(f"export/{template}", **{**common, **values}).encode()


def symbols(name: str) -> Symbols:
    """The C symbols and macros of a model that is exported as ``name``."""
    macro = name.upper()
    return Symbols(name, f"{macro}_WEIGHTS_ATTRIBUTE ", f"{macro}_ARENA_ATTRIBUTE ")


def check_name(name: str) -> None:
    """Raises UsageError for a name that cannot be the prefix of C functions and files."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name) or cpp_text.identifier(name) != name:
        raise UsageError(
            f"--name {name} cannot be the prefix of C functions: use at most {cpp_text.MAX_IDENTIFIER} letters, digits "
            f"and single underscores, with a letter first, and no keyword"
        )
    if name.lower() in _HEADERS:
        raise UsageError(f"--name {name} would hide the system header {name}.h: choose another name")


def reference(vectors: Vectors) -> Vectors:
    """The vectors to export: at least one, at most MAX_SAMPLES or MAX_SAMPLE_BYTES."""
    each = sum(array[0].nbytes for array in (*vectors.inputs, *vectors.expected))
    return vectors.spread(max(1, min(MAX_SAMPLES, MAX_SAMPLE_BYTES // max(each, 1))))


def _is_quantized(tensor: Tensor) -> bool:
    quantization = tensor.quantization
    has_scale = quantization is not None and not quantization.per_channel and tensor.scale != 0.0
    return has_scale and tensor.dtype in (DType.INT8, DType.UINT8, DType.INT16)


def _is_real(tensor: Tensor) -> bool:
    """Whether the tensor represents real numbers."""
    return _is_quantized(tensor) or tensor.dtype is DType.FLOAT32


def _decimal(value: float) -> str:
    """A readable C literal of exactly this float32, for which nine digits suffice."""
    number = np.float32(value)
    if not np.isfinite(number):
        return "NAN" if np.isnan(number) else "-INFINITY" if number < 0 else "INFINITY"
    text = f"{number:.9g}"
    return f"{text}f" if set(text) & set(".e") else f"{text}.0f"


def _samples(array: npt.NDArray[Any]) -> list[list[str]]:
    """For each sample, the lines of an initializer."""
    return [list(_lines(sample)) for sample in array]


def _lines(values: npt.NDArray[Any]) -> Iterator[str]:
    if values.dtype != np.float32:
        yield from cpp_text.array_lines(values)
        return
    texts = [_decimal(value) for value in values.ravel()]
    for start in range(0, len(texts), 8):
        yield ", ".join(texts[start : start + 8]) + ","


def _limits(expected: npt.NDArray[Any]) -> list[str]:
    """The allowed error of each sample's output; empty for integers, which must be equal."""
    if expected.dtype != np.float32:
        return []
    flat = np.abs(expected.reshape(len(expected), -1))
    largest = np.where(np.isfinite(flat), flat, 0).max(axis=1, initial=0.0)
    return list(_lines((FLOAT_TOLERANCE * largest).astype(np.float32)))
