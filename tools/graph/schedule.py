"""Graph, Core, goal → Schedule: chooses a kernel for each operator, fuses operators, and removes views.

It runs after the passes and before the plan. All kernels are chosen here; later stages only plan memory and print.
"""

from dataclasses import replace

from ..cores import Core
from . import ops
from .chain import chain
from .ir import Block, Graph, Inner, Op, Schedule, Scratch, Step, Tensor
from .plan import needed, plan

# What to minimize: time, flash or RAM. The first is the default.
GOALS = ("speed", "size", "ram")
# The least part of the peak memory that a lean kernel must save to be used for speed.
LEAN_SAVING = 1 / 6


def schedule(graph: Graph, core: Core, goal: str = GOALS[0]) -> Schedule:
    """The kernel calls of a graph, for the goal.

    Kernels for the core's extensions and blocked kernels are fast, but their packed weights take flash and their
    scratch memory takes RAM. ``speed`` uses them, and lean ones where that saves much RAM. ``size`` avoids them.
    ``ram`` chains neighbouring steps if that lowers the peak, then uses these kernels where they do not raise it.
    """
    if goal == "speed":
        return _leaner(_chosen(graph, core, goal), core)
    small = _chosen(graph, replace(core, dsp=False, mve=False, blocks=False), goal)
    return small if goal == "size" else _faster(_chained(small), _chosen(graph, core, goal))


def _chosen(graph: Graph, core: Core, goal: str) -> Schedule:
    """One step per operator; operators that only change a shape join an adjacent step."""
    views = _views(graph)
    steps: list[Step] = []
    made_by: dict[int, int] = {}  # tensor → the step that computes it
    waiting: list[Op] = []  # views of tensors that no step computes; they join the next step
    for op in graph.ops:
        if op.outputs[0] in views:
            source = views[op.outputs[0]]
            if source in made_by:
                at = made_by[source]
                steps[at] = replace(steps[at], ops=(*steps[at].ops, op))
            else:
                waiting.append(op)
            continue
        variant = ops.find(op.kind).variant(op, graph, core)
        made_by.update((output, len(steps)) for output in op.outputs)
        steps.append(_with_inner(Step((*waiting, op), variant.call(op, graph), variant.name), core, goal))
        waiting = []
    if waiting and steps:
        steps[-1] = replace(steps[-1], ops=(*steps[-1].ops, *waiting))
    return Schedule(graph, tuple(steps), views)


def _with_inner(step: Step, core: Core, goal: str) -> Step:
    """The step with the schedules of its blocks. As only one runs at a time, they use the same memory."""
    if not step.call.blocks:
        return step
    inner = tuple(_inner(block, core, goal) for block in step.call.blocks)
    memory = Scratch(max(each.plan.arena_bytes for each in inner))
    return replace(step, call=replace(step.call, unseen=(*step.call.unseen, memory)), inner=inner)


def _inner(block: Block, core: Core, goal: str) -> Inner:
    """A block's schedule and plan. It uses its inputs where they are, except those that it returns as another output:
    these could be overwritten before they are copied."""
    found = schedule(block.graph, core, goal)
    around = dict(zip(block.graph.inputs, block.inputs, strict=True))
    returned = [
        (target, own, around.get(found.storage_of(own)))
        for target, own in zip(block.outputs, block.graph.outputs, strict=False)
    ]
    leaving = tuple((target, own) for target, own, source in returned if source != target)
    moved = {found.storage_of(own) for target, own, source in returned if source != target and source in block.outputs}
    shared = {own: outer for own, outer in around.items() if own not in moved}
    entering = tuple((own, outer) for own, outer in around.items() if own in moved)
    return Inner(block, found, plan(found, shared), shared, entering, leaving)


def _views(graph: Graph) -> dict[int, int]:
    """Outputs of operators that only change a shape → the tensor whose memory they use.

    Constants are not in the arena, and state may be assigned to while a view is still in use: their views become copies
    instead.
    """
    found: dict[int, int] = {}
    for op in graph.ops:
        if not ops.find(op.kind).view:
            continue
        source = graph.input(op, 0)
        if _is_computed(source):
            found[op.outputs[0]] = found.get(source.index, source.index)
    return found


def _is_computed(tensor: Tensor) -> bool:
    return tensor.data is None and tensor.initial is None


def _chained(found: Schedule) -> Schedule:
    """Chains consecutive steps, each time those that reduce the peak memory most, until nothing reduces it."""
    best = needed(found)
    while True:
        tried = [chained for at in range(len(found.steps) - 1) if (chained := chain(found, at)) is not None]
        smallest = min(tried, key=needed, default=None)
        if smallest is None or needed(smallest) >= best:
            return found
        found, best = smallest, needed(smallest)


def _leaner(found: Schedule, core: Core) -> Schedule:
    """Replaces kernels by lean ones, one after the other, as long as each reduces the peak by LEAN_SAVING."""
    for _ in found.steps:
        tried = [lean for at in range(len(found.steps)) if (lean := _with_lean(found, at, core)) is not None]
        smallest = min(tried, key=needed, default=found)
        before, after = needed(found)[:1], needed(smallest)[:1]
        if not before or after[0] > before[0] * (1 - LEAN_SAVING):
            break
        found = smallest
    return found


def _with_lean(found: Schedule, at: int, core: Core) -> Schedule | None:
    """The schedule with a lean kernel for step ``at``; None if it has none."""
    step = found.steps[at]
    (op, *_) = [op for op in step.ops if op.outputs[0] not in found.views]
    variant = ops.find(op.kind).lean_variant(op, found.graph, core)
    if variant is None or variant.name == step.variant:
        return None
    lean = replace(step, call=variant.call(op, found.graph), variant=variant.name)
    return replace(found, steps=(*found.steps[:at], lean, *found.steps[at + 1 :]))


def _faster(small: Schedule, fast: Schedule) -> Schedule:
    """``small`` with every step of ``fast`` that does not raise the peak memory."""
    others = {step.ops: step for step in fast.steps}
    limit = needed(small)[:1]
    for at, step in enumerate(small.steps):
        steps = (*small.steps[:at], others.get(step.ops, step), *small.steps[at + 1 :])
        if needed(changed := replace(small, steps=steps))[:1] <= limit:
            small = changed
    return small
