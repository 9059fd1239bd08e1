"""Ahead-of-time compilation: the model as C++ constants and straight-line calls into firmware/kernels."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import cpp_text
from ..arena import Arena
from ..cores import Core
from ..errors import ModelError
from ..graph import check, guards, ops, passes, read
from ..graph.check import Refusal
from ..graph.ir import Argument, Constant, Graph, Placement, Plan, Read, Schedule, Scratch, Step, Tensor
from ..graph.plan import plan
from ..graph.schedule import GOALS, schedule
from ..render import render
from ..values import Target
from . import OWN_SYMBOLS, Dependency, Program, Reported, Sources, Symbols, _descriptor

SUMMARY = "the model compiled ahead of time to plain C++: no interpreter, no library, no heap"
PLACES_TENSORS = True


def types() -> Mapping[str, tuple[str, ...]]:
    """Operator → the types that it has kernels for."""
    return {kind: ops.find(kind).types for kind in ops.with_kernels()}


def goals() -> Sequence[str]:
    return GOALS


def compile(tflite: bytes, name: str, target: Target, goal: str | None = None, guarded: bool = False) -> Program:
    """The graph, the kernels chosen for the target's core and the goal, and the memory plan.

    Raises UnsupportedModel with the layer, the reason and a remedy.
    """
    return lower(tflite, name, target.core, goal or GOALS[0], guards.BYTES if guarded else 0)


def lower(tflite: bytes, name: str, core: Core, goal: str = GOALS[0], guard_bytes: int = 0) -> Program:
    """The whole compiler: the bytes of a .tflite → kernel calls and a memory plan, which leaves ``guard_bytes`` free
    around every tensor."""
    graph = passes.run(read.read(tflite, name))
    scheduled = schedule(graph, core, goal)
    reported = tuple(Reported(step.name, step.kind, graph.tensors[step.output]) for step in scheduled.steps)
    return Program(tflite, graph, reported, scheduled, plan(scheduled, guard_bytes=guard_bytes), goal, guard_bytes > 0)


def why_not(graph: Graph, target: Target) -> tuple[Refusal, ...]:
    """Everything that the compiler rejects. If a pass already fails, its error and the rejected operators of the
    unmodified graph."""
    try:
        return check.why_not(passes.simplify(graph))
    except ModelError as error:
        return (Refusal(None, str(error)), *check.why_not(graph))


def sources(program: Program, target: Target, arena: Arena, *, mode: str, symbols: Symbols = OWN_SYMBOLS) -> Sources:
    """src/model.cpp; the package adds the kernel headers that it includes."""
    return Sources(files(program, mode=mode, symbols=symbols), kernels(program))


def library(target: Target) -> Dependency | None:
    """None."""
    return None


def interprets(target: Target) -> bool:
    """Never."""
    return False


def takes_per_channel_dense(target: Target) -> bool:
    return True


def kernels(program: Program) -> str:
    """The display name of the model's kernels: ``portable``, or several variants joined by ``+``."""
    assert program.schedule is not None
    return "+".join(program.schedule.variants) or "none"


def files(program: Program, *, mode: str, symbols: Symbols = OWN_SYMBOLS) -> Mapping[str, bytes]:
    """src/model.cpp, which implements firmware/model/model.h; path → contents.

    Byte for byte the same for the same model and kerf version.
    """
    graph, memory, scheduled = program.graph, program.plan, program.schedule
    assert memory is not None and scheduled is not None
    printer = _Printer(scheduled, memory, symbols)
    steps = [printer.step(number, step) for number, step in enumerate(scheduled.steps)]
    everything = [step for each in scheduled.nested for step in each.steps]
    states = [printer.state(tensor) for tensor in graph.states]
    text = render(
        "aot/model.cpp.j2",
        **_descriptor.values(
            graph,
            mode=mode,
            runtime="aot",
            kernels=kernels(program),
            arena_bytes=memory.arena_bytes,
            op_count=len(scheduled.steps),
        ),
        symbols=symbols,
        headers=sorted({header for step in everything for header in (step.call.header, *step.call.headers)}),
        copies_memory=bool(graph.states) or any(step.inner for step in everything),
        guards=[guards.of(memory, number) for number in range(len(steps))] if program.is_guarded else [],
        constants=printer.constants,
        functions=printer.functions,
        steps=steps,
        states=states,
        arena_bytes=memory.arena_bytes,
        inputs=[printer.io_tensor(graph.tensors[i]) for i in graph.inputs],
        outputs=[printer.io_tensor(graph.tensors[i]) for i in graph.outputs],
    )
    return {"src/model.cpp": text.encode()}


class _Printer:
    """Turns steps into template values and collects the constants that they use.

    The printer of a block adds to the constants and functions of ``around``, the printer of the graph that runs it.
    ``path`` are the numbers of the step and of the block around it, and so on outwards, with which names of functions
    start. Its tensors lie ``start`` bytes after the arena's start, and ``shared`` inputs are tensors of ``around``.
    """

    def __init__(
        self,
        schedule: Schedule,
        plan: Plan,
        symbols: Symbols,
        around: "_Printer | None" = None,
        path: tuple[int, ...] = (),
        start: int = 0,
        shared: Mapping[int, int] | None = None,
    ) -> None:
        self.schedule, self.graph, self.plan, self.symbols = schedule, schedule.graph, plan, symbols
        self.around, self.path, self.start, self.shared = around, path, start, shared or {}
        self.constants: list[dict[str, Any]] = around.constants if around else []
        self.functions: list[dict[str, Any]] = around.functions if around else []
        self.taken: set[str] = around.taken if around else set()
        self.names: dict[int, str] = {}  # tensor → its constant

    def step(self, number: int, step: Step) -> dict[str, Any]:
        """A step's function: its params, the checks of its scratch sizes, and the kernel call. It is added to the
        functions, after those of its blocks."""
        found = self._step(number, step)
        self.functions.append(found)
        return found

    def _step(self, number: int, step: Step) -> dict[str, Any]:
        function = self._function(number, step)
        call, output = step.call, self.graph.tensors[step.output]
        place = ".".join(map(str, (*self.path, number)))
        blocks = [self._block(number, step, i) for i in range(len(step.inner))]
        params = [f"{function}_params{i + 1 if i else ''}" for i in range(len(call.params))]
        template = [*(params if call.constexpr_params else ()), *map(str, call.template)]
        template += [block["function"] for block in blocks]
        bracket = f"<{', '.join(template)}>" if template else ""
        passed = [] if call.constexpr_params else params
        scratch = iter(range(len(call.scratch)))
        return {
            "index": number,
            "title": f"{place} {step.kind} {cpp_text.comment(step.name)} -> {_type_text(output)}",
            "function": function,
            "blocks": blocks,
            "copies": [self._copied(function, self, target, self, source) for target, source in call.copies],
            "kernel": call.function + bracket,
            "params": [
                {
                    "type": each.type,
                    "name": name,
                    "fields": [(field, cpp_text.value(item)) for field, item in each.fields.items()],
                }
                for each, name in zip(call.params, params, strict=True)
            ],
            "checks": [
                f"{each.needed}{bracket}({', '.join(passed)}) <= {each.bytes}" for each in call.scratch if each.needed
            ],
            "arguments": [*passed, *(self._argument(number, step, argument, scratch) for argument in call.arguments)],
            "output": self._arena(output, cast=False),
            "output_bytes": output.bytes,
        }

    def _function(self, number: int, step: Step) -> str:
        return _named((*self.path, number), step.ops[0].name)

    def _block(self, number: int, step: Step, position: int) -> dict[str, Any]:
        """A block's function: what is copied before and after its steps, and the condition that it returns, if any."""
        inner, memory = step.inner[position], self.plan.scratch[number, len(step.call.scratch) - 1]
        path, start = (*self.path, number, position), self.start + memory.offset
        printer = _Printer(inner.schedule, inner.plan, self.symbols, self, path, start, inner.shared)
        steps = [printer.step(i, each)["function"] for i, each in enumerate(inner.schedule.steps)]
        name = _named(path, inner.block.name)
        condition = None if inner.block.outputs else inner.schedule.graph.outputs[0]
        return {
            "function": name,
            "entering": [printer._copied(name, printer, own, self, around) for own, around in inner.entering],
            "steps": steps,
            "leaving": [printer._copied(name, self, around, printer, own) for around, own in inner.leaving],
            "condition": None if condition is None else printer._pointer(condition, f"{name}_condition", const=True),
        }

    def _copied(self, name: str, to: "_Printer", target: int, origin: "_Printer", source: int) -> tuple[str, str, int]:
        """The pointers and the number of bytes of a copy between two graphs."""
        size = to.graph.tensors[target].bytes
        return to._pointer(target, name), origin._pointer(source, f"{name}_value", const=True), size

    def state(self, tensor: Tensor) -> dict[str, Any]:
        """A state tensor: its address and its initial value, which is None if it is all zeros."""
        assert tensor.initial is not None
        name = f"{cpp_text.identifier(tensor.name)}_initial"
        is_zero = not tensor.initial.tobytes().strip(b"\0")
        what = f"initial value of {cpp_text.comment(tensor.name)}"
        return {
            "comment": f"{cpp_text.comment(tensor.name)}, {_type_text(tensor)}",
            "data": self._arena(tensor, cast=False),
            "bytes": tensor.bytes,
            "initial": None if is_zero else self._constant(self._unused(name), tensor.initial, what),
        }

    def io_tensor(self, tensor: Tensor) -> dict[str, Any]:
        """A model input or output."""
        return {
            "comment": f"{cpp_text.comment(tensor.name)}, {_type_text(tensor)}",
            "data": self._arena(tensor, cast=False),
            "bytes": tensor.bytes,
            **_descriptor.quantization(tensor),
        }

    def _argument(self, number: int, step: Step, argument: Argument, scratch: Iterator[int]) -> str:
        function = self._function(number, step)
        if isinstance(argument, Scratch):
            placement = self.plan.scratch[number, next(scratch)]
            return self._address(placement) if placement.bytes else "nullptr"
        if isinstance(argument, Constant):
            what = f"{argument.suffix} of {step.kind} {cpp_text.comment(step.name)}"
            return self._constant(self._unused(f"{function}_{argument.suffix}"), argument.data, what)
        if argument.tensor is None:
            return "nullptr"
        tensor = self.graph.tensors[argument.tensor]
        role = _role(step, tensor) if tensor.data is not None else ""
        return self._pointer(tensor.index, f"{function}_{role}", const=isinstance(argument, Read))

    def _pointer(self, index: int, name: str, *, const: bool = False) -> str:
        """A pointer to a tensor's elements; ``name`` is for a constant that no step has named yet."""
        tensor = self.graph.tensors[index]
        if tensor.data is not None:
            if index not in self.names:
                self.names[index] = self._constant(self._unused(name), tensor.data, cpp_text.comment(tensor.name))
            return self.names[index]
        storage = self.schedule.storage_of(index)
        if self.around is not None and storage in self.shared:
            return self.around._pointer(self.shared[storage], name, const=const)
        return self._arena(tensor, const=const)

    def _unused(self, name: str) -> str:
        """The name as an identifier, numbered if a step has several constants of one role."""
        name = cpp_text.identifier(name) if len(name) <= cpp_text.MAX_IDENTIFIER else _shortened(name)
        numbered, number = name, 2
        while numbered in self.taken:
            numbered, number = f"{name}_{number}", number + 1
        return numbered

    def _constant(self, name: str, data: Any, what: str) -> str:
        """Adds an array with the comment ``what`` and returns the expression that refers to it.

        An empty array becomes nullptr, since C++ has no empty arrays.
        """
        if data.size == 0:
            return "nullptr"
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
        return f"{self.symbols.prefix}_constant_{name}"

    def _arena(self, tensor: Tensor, *, const: bool = False, cast: bool = True) -> str:
        """A pointer to a tensor in the arena; with ``cast``, of the tensor's element type."""
        address = self._address(self.plan.tensors[tensor.index])
        if not cast:
            return address
        return f"reinterpret_cast<{'const ' if const else ''}{cpp_text.cpp_type(tensor.dtype.value)}*>({address})"

    def _address(self, placement: Placement) -> str:
        return f"{self.symbols.prefix}_arena + {self.start + placement.offset}"


def _named(path: tuple[int, ...], name: str) -> str:
    """A function's name, which only that of the same path can be, as identifiers do not start with a digit."""
    return f"step{'_'.join(map(str, path))}_{cpp_text.identifier(name)}"


def _role(step: Step, tensor: Tensor) -> str:
    """The role that a constant has for the operator that reads it."""
    op = next(op for op in step.ops if tensor.index in op.inputs)
    position = op.inputs.index(tensor.index)
    return ops.find(op.kind).roles.get(position, f"input{position}")


def _shortened(name: str) -> str:
    """Shortens a long ``step7_<layer>_<role>`` at the end of the layer; step7_ and the role keep it unique."""
    head, _, role = name.rpartition("_")
    return f"{head[: cpp_text.MAX_IDENTIFIER - len(role) - 1].rstrip('_')}_{role}"


def _type_text(tensor: Tensor) -> str:
    return f"{tensor.dtype.value} {list(tensor.shape)}"
