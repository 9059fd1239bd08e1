"""What a model consists of: its layers, tensors and memory plan, and the file itself in Netron."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import inspect as inspector
from ..errors import ModelError
from ..graph import passes, read
from ..graph.ir import Graph
from ..progress import Progress
from ..report import viewer
from ..values import Request
from .choices import RUNTIMES, choose
from .firmware import program_of
from .origin import brings_mode, in_float32, is_tflite, quantize, tflite_of


def inspect(ask: Request, progress: Progress, with_original: bool = False) -> Mapping[str, Any]:
    """Describes a model's contents; ``with_original`` also converts it to float32 for the real values of its weights.

    A .tflite is only read. Operators that a runtime of the target cannot run are marked; for a model that has to be
    converted, only the requested runtime is checked. If that runtime cannot run the model, there is no memory plan.
    """
    choice = choose(ask)
    target, (tflite, name) = choice.target, tflite_of(choice.conversion, progress)
    in_file = read.read(tflite, name)
    runtimes = target.runtimes if brings_mode(ask.model) else (ask.runtime,)
    refusals = {each: RUNTIMES[each].why_not(in_file, target) for each in runtimes}
    original = in_float32(ask, progress) if with_original else None
    floats = passes.simplify(read.read(original.tflite, original.model)) if original else None
    if refusals[ask.runtime]:
        return inspector.inspect(_simplified(in_file), None, floats, refusals)
    program = program_of(choice, tflite, name)
    return inspector.inspect(program.graph, program.plan, floats, refusals)


def _simplified(graph: Graph) -> Graph:
    """The graph with known values folded; unchanged if the file is inconsistent."""
    try:
        return passes.simplify(graph)
    except ModelError:
        return graph


def view(ask: Request, progress: Progress) -> None:
    """Opens the .tflite in Netron, until Ctrl-C."""
    viewer.open(Path(ask.model) if is_tflite(ask) and not ask.strip else quantize(ask, progress).path)
