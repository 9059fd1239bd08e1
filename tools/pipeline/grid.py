"""The configurations of a sweep: each combination of what the user wants to vary, or a random choice of them."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from .. import compress, models
from ..convert import CALIBRATED
from ..data import samples
from ..errors import UsageError
from ..options import Share
from ..values import Request
from .choices import choose_goals, choose_modes, split
from .origin import brings_mode, is_path

MOST = 10_000  # configurations; more than that is a mistake
T = TypeVar("T")


@dataclass(frozen=True)
class Axes:
    """What is varied, as the user has typed it: comma-separated values, and ``vary`` as name=values."""

    models: str = Request.model
    modes: str = ""
    runtimes: str = Request.runtime
    targets: str = Request.target
    optimize: str = ""
    calibration: str = Request.calibration
    channels: str = "0"
    sparsity: str = "0"
    qat: str = "no"
    vary: Sequence[str] = ()


def configurations(ask: Request, axes: Axes, count: int = 0, seed: int = 1) -> tuple[Request, ...]:
    """Every combination once, or ``count`` of them at random; 0 means all. Calibration, goals and modes other than int8
    are only combined with what they apply to.

    Raises UsageError, naming the option, for values that cannot be, and if nothing is left.
    """
    runtimes, targets = split("runtimes", axes.runtimes), split("targets", axes.targets)
    calibrations = split("calibration", axes.calibration)
    for text in calibrations:
        samples.parse_calibration(text)
    found = dict.fromkeys(
        replace(ask, model=model, mode=mode, calibration=calibration, runtime=runtime, target=target, optimize=goal)
        for base in split("models", axes.models)
        for model in _versions(base, axes)
        for mode in _modes(model, base, axes.modes)
        for calibration in (calibrations if _is_calibrated(model, mode) else [ask.calibration])
        for runtime, target in product(runtimes, targets)
        for goal in choose_goals("optimize", axes.optimize, runtime)
    )
    if not found:
        raise UsageError("nothing to measure: quantization-aware training is for int8, which --modes leaves out")
    if len(found) > MOST and not count:
        raise UsageError(f"{len(found):,} configurations are too many: choose some of them with --random")
    if count >= len(found) or not count:
        return tuple(found)
    return tuple(random.Random(seed).sample(list(found), count))


def _versions(base: str, axes: Axes) -> Iterator[str]:
    """The names of a model with each combination of hyperparameters and compression steps."""
    values = _hyperparameters(base, axes.vary)
    options = _values("channels", axes.channels, Share), _values("sparsity", axes.sparsity, Share)
    aware = _values("qat", axes.qat, _is_yes)
    for chosen in product(*values.values()):
        name, named = compress.parse(base)
        if values:
            name = models.varied(name, dict(zip(values, chosen, strict=True)))
        for channels, sparsity, qat in product(*options, aware):
            steps = (*named, *compress.steps(channels, sparsity, qat))
            compress.check(steps)
            yield compress.name(name, steps)


def _hyperparameters(base: str, vary: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The values of each hyperparameter; for one that is only named, those that the model suggests."""
    model = compress.parse(base)[0]
    if vary and is_path(model):
        raise UsageError(f"--vary is for models that come with kerf: {model} has the shape that it was saved with")
    found = {}
    for text in vary:
        name, _, values = text.partition("=")
        suggested = models.hyperparameters(models.varied(model, {}))
        found[name] = split("vary", values) if values else list(map(str, suggested.get(name, (name,))))
        models.varied(model, {name: found[name][0]})  # raises for an unknown one
    return found


def _modes(model: str, base: str, text: str) -> Sequence[str | None]:
    if brings_mode(model) and not brings_mode(base):  # made by quantization-aware training
        modes = choose_modes("modes", text, False)
        return ["int8"] if {"int8", None} & set(modes) else []
    return choose_modes("modes", text, brings_mode(base))


def _is_calibrated(model: str, mode: str | None) -> bool:
    return not brings_mode(model) and (mode or "int8") in CALIBRATED


def _values(option: str, text: str, kind: Callable[[str], T]) -> list[T]:
    try:
        return [kind(each) for each in split(option, text)]
    except ValueError as error:
        raise UsageError(f"--{option} takes comma-separated values, each {error}, not {text!r}") from None


def _is_yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("yes or no")
    return text == "yes"
