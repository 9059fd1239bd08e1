"""Fuses two consecutive steps: kernels/chain.h computes the tensor between them row by row and never stores all of it.

Both must be int8 convolutions whose kernels can compute single rows of their output (`KernelCall.by_rows`).
"""

import numpy as np

from .ir import KernelCall, Schedule, Scratch, Step, Tensor, Write
from .ops._order import parts


def chain(schedule: Schedule, at: int) -> Schedule | None:
    """The schedule with steps ``at`` and ``at + 1`` fused; None if they cannot be fused."""
    first, second = schedule.steps[at : at + 2]
    between = first.output
    others = [step for step in schedule.steps if step is not second and between in step.call.reads]
    is_output = between in {schedule.storage_of(tensor) for tensor in schedule.graph.outputs}
    if not (first.call.by_rows and second.call.by_rows) or others or is_output:
        return None
    if second.call.reads[0] != between or between in second.call.reads[1:] or between in schedule.views.values():
        return None
    if first.call.fields["batches"] != 1 or second.call.fields["batches"] != 1:
        return None
    step = Step((*first.ops, *second.ops), _call(schedule, first, second), "chained")
    return Schedule(schedule.graph, (*schedule.steps[:at], step, *schedule.steps[at + 2 :]), schedule.views)


def _call(schedule: Schedule, first: Step, second: Step) -> KernelCall:
    tensors, fields = schedule.graph.tensors, second.call.fields
    reach = (fields["filter_height"] - 1) * fields["dilation_height"] + 1
    rows = min(reach, fields["input_height"]) * fields["input_width"] * fields["input_depth"]
    *before, _ = first.call.arguments
    _, *after, output = second.call.arguments
    assert isinstance(output, Write)
    trails = _trails(first, second, tensors[first.call.reads[0]], tensors[output.tensor])
    return KernelCall(
        "chain.h",
        "chain_rows",
        (*first.call.params, *second.call.params),
        (*before, *after, Scratch(rows, "chain_rows_bytes"), Write(output.tensor, trails)),
        (first.call.function, second.call.function),
        headers=(first.call.header, second.call.header),
    )


def _trails(first: Step, second: Step, source: Tensor, output: Tensor) -> dict[int, int]:
    """How many bytes before the input the output must start. While an output row is written, the only input rows still
    needed are those of intermediate rows that have not been computed yet."""
    a, b = first.call.fields, second.call.fields
    reach = (b["filter_height"] - 1) * b["dilation_height"] + 1
    held = np.minimum(np.arange(b["output_height"]) * b["stride_height"] - b["padding_top"] + reach, b["input_height"])
    tops = np.clip(held * a["stride_height"] - a["padding_top"], 0, a["input_height"])
    tops = np.where(held == b["input_height"], a["input_height"], tops)
    return dict(parts(source, output, tops * a["input_width"] * a["input_depth"]))
