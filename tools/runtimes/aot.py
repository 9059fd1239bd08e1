"""The runtime without a runtime: the model as C++ constants and straight-line calls into firmware/kernels."""

from collections.abc import Mapping, Sequence
from typing import Any

from .. import cpp_text
from ..arena import Arena
from ..graph import ops, read
from ..graph.ir import Argument, Constant, Graph, KernelCall, Op, Plan, Scratch, Tensor, TensorRef
from ..graph.plan import plan as place_tensors
from ..render import render
from ..values import Target
from . import Program, Sources, _descriptor

SUMMARY = "the model compiled ahead of time to plain C++: no interpreter, no library, no heap"
ROLES = {kind: {1: "weights", 2: "bias"} for kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")}


def types() -> Mapping[str, tuple[str, ...]]:
    """Operator → the types it has kernels for."""
    return {kind: ops.find(kind).VARIANTS for kind in ops.known()}


def compile(tflite: bytes, name: str, target: Target) -> Program:
    """The graph, the kernels it calls and its memory plan, the same for every target.

    Raises UnsupportedModel with the layer, the reason and the way out.
    """
    graph = read.read(tflite, name)
    calls = lower(graph)
    return Program(tflite, graph, place_tensors(graph, calls), calls)


def sources(program: Program, target: Target, arena: Arena, *, mode: str) -> Sources:
    """src/model.cpp; the kernels that it includes are copied by `render`."""
    assert program.plan is not None
    return Sources(files(program.graph, program.calls, program.plan, mode=mode), kernels(program.calls))


def library(target: Target) -> str:
    """None."""
    return ""


def interprets(target: Target) -> bool:
    """Never."""
    return False


def takes_per_channel_dense(target: Target) -> bool:
    return True


def lower(graph: Graph) -> tuple[KernelCall, ...]:
    """One kernel call per operator, in order."""
    return tuple(ops.find(op.kind).lower(op, graph) for op in graph.ops)


def kernels(calls: Sequence[KernelCall]) -> str:
    """Which kernels the calls go to, for people: ``portable``, or several joined by ``+``."""
    return "+".join(sorted({call.kernels for call in calls})) or "none"


def files(graph: Graph, calls: Sequence[KernelCall], plan: Plan, *, mode: str) -> Mapping[str, bytes]:
    """src/model.cpp, the model behind firmware/model/model.h; path → contents.

    Same model, same kerf: same bytes.
    """
    printer = _Printer(graph, plan)
    operators = [printer.operator(op, call) for op, call in zip(graph.ops, calls, strict=True)]
    text = render(
        "aot/model.cpp.j2",
        **_descriptor.values(
            graph,
            mode=mode,
            runtime="aot",
            kernels=kernels(calls),
            arena_bytes=plan.arena_bytes,
            op_count=len(graph.ops),
        ),
        headers=sorted({call.header for call in calls}),
        constants=printer.constants,
        operators=operators,
        arena_bytes=plan.arena_bytes,
        inputs=[printer.port(graph.tensors[i]) for i in graph.inputs],
        outputs=[printer.port(graph.tensors[i]) for i in graph.outputs],
    )
    return {"src/model.cpp": text.encode()}


class _Printer:
    """Turns calls into template values and collects the constants that they need on the way."""

    def __init__(self, graph: Graph, plan: Plan) -> None:
        self.graph, self.plan = graph, plan
        self.constants: list[dict[str, Any]] = []
        self.names: dict[int, str] = {}  # tensor → its constant
        self.taken: set[str] = set()

    def operator(self, op: Op, call: KernelCall) -> dict[str, Any]:
        function = f"op{op.index}_{cpp_text.identifier(op.name)}"
        output = self.graph.output(op)
        scratch_numbers = iter(range(len(call.arguments)))
        arguments = [self._argument(op, function, argument, scratch_numbers) for argument in call.arguments]
        return {
            "index": op.index,
            "title": f"{op.index} {op.kind} {cpp_text.comment(op.name)} -> {_type_text(output)}",
            "function": function,
            "kernel": call.function,
            "params_type": call.params_type,
            "params": [(name, cpp_text.value(item)) for name, item in call.params.items()],
            "arguments": ["params", *arguments] if call.params_type else arguments,
            "output": self._arena(output, cast=False),
            "output_bytes": output.bytes,
        }

    def port(self, tensor: Tensor) -> dict[str, Any]:
        """A model input or output."""
        return {
            "comment": f"{cpp_text.comment(tensor.name)}, {_type_text(tensor)}",
            "data": self._arena(tensor, cast=False),
            "bytes": tensor.bytes,
            **_descriptor.quantization(tensor),
        }

    def _argument(self, op: Op, function: str, argument: Argument, scratch_numbers: Any) -> str:
        if isinstance(argument, Scratch):
            place = self.plan.scratch[op.index, next(scratch_numbers)]
            return f"kerf_arena + {place.offset}" if place.bytes else "nullptr"
        if isinstance(argument, Constant):
            what = f"{argument.suffix} of {op.kind} {cpp_text.comment(op.name)}"
            return self._constant(f"{function}_{argument.suffix}", argument.data, what)
        assert isinstance(argument, TensorRef)
        if argument.index is None:
            return "nullptr"
        tensor = self.graph.tensors[argument.index]
        if tensor.data is None:
            return self._arena(tensor, const=tensor.index not in op.outputs)
        if tensor.index not in self.names:
            position = op.inputs.index(tensor.index) if tensor.index in op.inputs else len(op.inputs)
            role = ROLES.get(op.kind, {}).get(position, f"input{position}")
            self.names[tensor.index] = self._constant(f"{function}_{role}", tensor.data, cpp_text.comment(tensor.name))
        return self.names[tensor.index]

    def _constant(self, name: str, data: Any, what: str) -> str:
        """Adds an array, described by the comment ``what``, and returns how to name it.

        An empty array, which C++ does not have, is nullptr.
        """
        if data.size == 0:
            return "nullptr"
        name = cpp_text.identifier(name) if len(name) <= cpp_text.MAX_IDENTIFIER else _shortened(name)
        assert name not in self.taken, f"two constants are called {name}"
        self.taken.add(name)
        dtype = data.dtype.newbyteorder("=").name
        self.constants.append(
            {
                "comment": f"{what}, {dtype} {list(data.shape)}",
                "type": cpp_text.cpp_type(dtype),
                "name": name,
                "lines": list(cpp_text.array_lines(data)),
                "bytes": data.nbytes,
            }
        )
        return f"kerf_constant_{name}"

    def _arena(self, tensor: Tensor, *, const: bool = False, cast: bool = True) -> str:
        """A pointer to a tensor in the arena, of its element type unless not ``cast``."""
        place = self.plan.tensors[tensor.index]
        address = f"kerf_arena + {place.offset}"
        if not cast:
            return address
        return f"reinterpret_cast<{'const ' if const else ''}{cpp_text.cpp_type(tensor.dtype.value)}*>({address})"


def _shortened(name: str) -> str:
    """A long ``op7_<layer>_<role>`` without the middle of the layer; op7_ and the role keep it unique."""
    head, _, role = name.rpartition("_")
    return f"{head[: cpp_text.MAX_IDENTIFIER - len(role) - 1].rstrip('_')}_{role}"


def _type_text(tensor: Tensor) -> str:
    return f"{tensor.dtype.value} {list(tensor.shape)}"
