"""TFLite Micro: the unmodified .tflite, TFLM's interpreter, and an op resolver with only the model's operators."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import cpp_text, ports
from ..arena import Arena
from ..errors import ModelError, UnsupportedModel
from ..graph import ops, read, specification
from ..graph.check import Refusal, check_blocks, refusals
from ..graph.ir import DType, Graph, Op, Tensor
from ..graph.passes.variables import resolve
from ..graph.state import variables
from ..render import render
from ..values import Target
from . import OWN_SYMBOLS, Dependency, Program, Reported, Sources, Symbols, _descriptor, _tflm_library
from ._tflm_support import INTERPRETER, LIBRARIES, Library, adder, kernel, table

SUMMARY = "TFLite Micro's interpreter with the vendor's kernels, from a published library"
PLACES_TENSORS = False
# Functions that only the vendor's kernels define; firmware without any of them runs TFLM's reference kernels.
KERNEL_SYMBOLS = {
    **{f"arm_{what}": "CMSIS-NN" for what in ("convolve_", "depthwise_", "fully_connected_", "elementwise_", "nn_")},
    **{f"arm_{what}": "CMSIS-NN" for what in ("avgpool_", "max_pool_", "softmax_", "svdf_")},
    "esp_nn_": "ESP-NN",
}
REFERENCE = "reference"
PER_CHANNEL_OPTION = "converter._experimental_disable_per_channel_quantization_for_dense_layers = True"


def types() -> Mapping[str, tuple[str, ...]]:
    """Operator → its types; a type that only some libraries support is followed by their names in brackets."""
    found = {}
    for kind in sorted(table()):
        names = dict.fromkeys(name for library in LIBRARIES for name in library.types(kind))
        cells = []
        for name in names:
            having = [library.title for library in LIBRARIES if name in library.types(kind)]
            cells.append(name if len(having) == len(LIBRARIES) else f"{name} ({', '.join(having)})")
        found[kind] = tuple(cells)
    return found


def goals() -> Sequence[str]:
    """None: the library determines the kernels."""
    return ()


def compile(tflite: bytes, name: str, target: Target, goal: str | None = None) -> Program:
    """The file's operators, each checked against what the target's library can run.

    Raises UnsupportedModel with the layer, the reason and a remedy.
    """
    graph = read.read(tflite, name)
    check(graph, target)
    return Program(tflite, graph, tuple(Reported(op.name, op.kind, _shown(op, graph)) for op in graph.ops))


def check(graph: Graph, target: Target) -> None:
    """Raises UnsupportedModel for the first operator that the target's library cannot run or computes wrongly."""
    title, chosen = _library(target)
    for op in graph.ops:
        _check_kernel(op, graph, title, chosen)
    values = resolve(graph)  # variables become tensors, whose quantization can be compared
    for op in values.ops:
        _check_numbers(op, values)


def why_not(graph: Graph, target: Target) -> tuple[Refusal, ...]:
    """Everything that check() rejects, at most one reason per operator."""
    title, chosen = _library(target)
    found = refusals(graph, lambda op, graph: _check_kernel(op, graph, title, chosen))
    try:
        wrong = refusals(resolve(graph), _check_numbers)
    except ModelError as error:
        wrong = (Refusal(None, str(error)),)
    known = {each.position for each in found}
    return (*found, *(each for each in wrong if each.position not in known))


def _check_kernel(op: Op, graph: Graph, title: str, chosen: Library) -> None:
    _check_type(op, graph, chosen, title)
    _check_scales(op, graph, chosen, title)
    check_blocks(op, lambda each, block: _check_kernel(each, block, title, chosen))


def _check_numbers(op: Op, graph: Graph) -> None:
    check_blocks(op, _check_numbers)
    specification.check(op, graph)
    left_out = specification.left_out_by_tflm(op, graph)
    if left_out is not None:
        raise UnsupportedModel(
            f"{op.where}: TFLM's kernel {left_out}, so its results would be wrong; convert the model "
            "again with TensorFlow 2.21, or replace the layer in the Keras model"
        )


def sources(program: Program, target: Target, arena: Arena, *, mode: str, symbols: Symbols = OWN_SYMBOLS) -> Sources:
    """src/model.cpp, which holds the model as data for firmware/tflm, and the library's build files."""
    package = _tflm_library.package(target)
    graph = program.graph
    values = _descriptor.values(
        graph,
        mode=mode,
        runtime="tflm",
        kernels=package.title,
        arena_bytes=arena.bytes,
        op_count=len(graph.ops),
    )
    values["library"] = cpp_text.comment(package.title)
    model = render(
        "tflm/model.cpp.j2",
        **values,
        model_lines=list(cpp_text.array_lines(np.frombuffer(program.tflite, np.uint8))),
        arena_comment=textwrap.wrap(arena.origin, 116),
        arena_bytes=arena.bytes,
        symbols=symbols,
        tensor_count=len(graph.tensors),
        ops=[_op_output(op, _shown(op, graph)) for op in graph.ops],
        registrations=registrations(graph),
        inputs=[_io_tensor(graph.tensors[i]) for i in graph.inputs],
        outputs=[_io_tensor(graph.tensors[i]) for i in graph.outputs],
        variable_count=len(variables(graph)),
    )
    texts = {"src/model.cpp": model}
    if _tflm_library.is_component(target):
        dependency = _tflm_library.component_dependency(package)
        texts["src/idf_component.yml"] = render("tflm/idf_component.yml.j2", lines=dependency)
    else:
        texts["library.py"] = render("tflm/library.py.j2", library=values["library"])
    return Sources(
        {path: text.encode() for path, text in texts.items()},
        REFERENCE,
        KERNEL_SYMBOLS,
        _tflm_library.options(package, target),
        library(target),
    )


def library(target: Target) -> Dependency | None:
    """The published library that the project is built with; on the host, the interpreter from PyPI."""
    if interprets(target):
        return Dependency("tflm", INTERPRETER.title)
    return _tflm_library.dependency(_tflm_library.package(target), target, "tflm")


def interprets(target: Target) -> bool:
    """Whether the target is the host."""
    return ports.find(target.port).is_here


def takes_per_channel_dense(target: Target) -> bool:
    """Whether the target's TFLM library applies the per-channel scales of dense layers."""
    return _library(target)[1].per_channel_dense


def registrations(graph: Graph) -> list[str]:
    """The calls that fill the op resolver: each operator once, with a single-type registration where one suffices."""
    calls = []
    everything = [(op, each) for each in (graph, *graph.subgraphs) for op in each.ops]
    for kind in sorted({op.kind for op, _ in everything}):
        used = {variant(op, each) for op, each in everything if op.kind == kind}
        narrow = kernel(kind).registrations.get(used.pop()) if len(used) == 1 else None
        argument = f"tflite::Register_{kind}_{narrow}()" if narrow else ""
        calls.append(f"{adder(kind)}({argument})")
    return calls


def variant(op: Op, graph: Graph) -> str:
    """The type that an operator works on, as in the table; ``dynamic`` and ``float16`` have kernels in no TFLM."""
    row = kernel(op.kind)
    data = graph.optional_input(op, row.data)
    weights = graph.optional_input(op, row.weights) if row.weights is not None else None
    if data is None:
        return "any"
    if DType.FLOAT16 in (data.dtype, weights.dtype if weights else None):
        return "float16"
    if weights is not None and data.dtype is DType.FLOAT32 and weights.dtype is not DType.FLOAT32:
        return "dynamic"
    return "int16x8" if data.dtype is DType.INT16 else data.dtype.value


def _library(target: Target) -> tuple[str, Library]:
    """The library's title and its description; on the host, the interpreter from PyPI."""
    if ports.find(target.port).is_here:
        return INTERPRETER.title, INTERPRETER
    package = _tflm_library.package(target)
    return package.title, package.library


def _check_type(op: Op, graph: Graph, chosen: Library, title: str) -> None:
    known = chosen.types(op.kind)
    found = variant(op, graph)
    if not known:
        raise UnsupportedModel(f"{op.where} has no kernel in {title} ({chosen.tflm}); {_way_out(op, found, known)}")
    if found == "dynamic":
        raise UnsupportedModel(
            f"{op.where} multiplies float activations by 8-bit weights (dynamic range), which TFLM has no kernel for; "
            f"{_way_out(op, found, known)}"
        )
    if found == "float16":
        raise UnsupportedModel(
            f"{op.where} takes float16 weights, which TFLM has no kernel for; {_way_out(op, found, known)}"
        )
    if found not in known and known != ("any",):
        raise UnsupportedModel(
            f"{op.where} works on {found}, but {title} ({chosen.tflm}) has kernels for {', '.join(known)} only; "
            f"{_way_out(op, found, known)}"
        )


def _check_scales(op: Op, graph: Graph, chosen: Library, title: str) -> None:
    position = kernel(op.kind).weights
    if position is not None and not chosen.uses_channel_scales(op.kind):
        weights = graph.optional_input(op, position)
        if weights is not None and weights.quantization is not None and weights.quantization.per_channel:
            raise UnsupportedModel(
                f"{op.where} has per-channel weights, whose scales {title} ({chosen.tflm}) ignores, silently computing "
                f"wrong results; convert the model again with {PER_CHANNEL_OPTION} "
                "(kerf does this itself for a Keras model)"
            )


def _way_out(op: Op, found: str, known: tuple[str, ...]) -> str:
    """The remedy: another mode for which the library has a kernel, or another layer."""
    operator = ops.lookup(op.kind)
    converts = operator is not None and operator.converts and found == "float16"
    modes = [mode for mode in ("int8", "float32") if mode in known or converts]
    if modes and found not in modes:
        return f"try --mode {' or '.join(modes)}"
    return "replace the layer in the Keras model (`inv ops` lists the supported operators)"


def _shown(op: Op, graph: Graph) -> Tensor | None:
    """The output that can be captured; None if the operator only assigns to a variable or returns its handle."""
    output = graph.output(op) if op.outputs else None
    return None if output is None or output.dtype is DType.RESOURCE else output


def _op_output(op: Op, tensor: Tensor | None) -> dict[str, Any]:
    return {
        "tensor": tensor.index if tensor is not None else 0,
        "bytes": tensor.bytes if tensor is not None else 0,
        "title": f"{op.index} {op.kind} {cpp_text.comment(op.name)}",
    }


def _io_tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "comment": f"{cpp_text.comment(tensor.name)}, {tensor.dtype.value} {list(tensor.shape)}",
        **_descriptor.quantization(tensor),
    }
