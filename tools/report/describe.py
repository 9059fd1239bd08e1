"""Values as rows, plain dicts that the terminal prints as tables or JSON: what exists, and what a stage produced."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from .. import bench, models
from ..boards import Board
from ..compress import Compressed
from ..graph import ops
from ..values import Image, Project, Quantized, Target, Trained

Row = dict[str, Any]

FIGURES = ("instructions", "flash_bytes", "ram_bytes")  # the ones with a budget


def all_models() -> list[Row]:
    """The models that come with kerf."""
    rows = []
    for name in models.known():
        module = models.find(name)
        if module.EPOCHS:
            trained_to = f"{'accuracy' if module.CLASSES else 'R²'} {module.ACCURACY_FLOOR:g}"
        else:
            trained_to = "random weights, only for measuring"
        rows.append({"model": name, "what": module.SUMMARY, "trained_to": trained_to})
    return rows


def all_targets(known: Mapping[str, Target]) -> list[Row]:
    """The board table."""
    return [
        {
            "target": target.name,
            "what": target.summary,
            "flash_bytes": target.flash_bytes,
            "ram_bytes": target.ram_bytes,
            "runtimes": list(target.runtimes),
            "emulators": list(target.emulators),
        }
        for target in known.values()
    ]


def all_boards(found: Sequence[Board], known: Mapping[str, Target]) -> list[Row]:
    """The boards that are plugged in, and which targets each may be: a USB bridge does not identify the board."""
    return [
        {
            "port": board.port,
            "usb_id": board.usb_id,
            "description": board.description,
            "serial_number": board.serial_number,
            "may_be": ", ".join(name for name, target in known.items() if board.usb_id in target.usb_ids),
        }
        for board in found
    ]


def all_ops(runtimes: Mapping[str, Mapping[str, Sequence[str]]]) -> list[Row]:
    """Operators x runtimes: the types each has kernels for; ``runtimes`` maps runtime → operator → types."""
    rows = []
    for kind in sorted({kind for types in runtimes.values() for kind in types}):
        variants: Row = {
            runtime: [re.sub(r"\bint16\b", "int16x8", name) for name in types.get(kind, ())]
            for runtime, types in runtimes.items()
        }
        rows.append({"op": kind, **variants, "what": ops.find(kind).summary if kind in ops.known() else ""})
    return rows


def coverage(version: str, operators: Collection[str]) -> str:
    """How many of an interpreter's operators the compiler has, those included that need no kernel, as a sentence."""
    lacking = sorted(name for name in operators if name not in ops.known() and not ops.custom(name))
    if not lacking:
        return f"aot has all {len(operators)} operators of {version}"
    had = len(operators) - len(lacking)
    return f"aot has {had} of the {len(operators)} operators of {version}; it lacks {', '.join(lacking)}"


def trained(value: Trained) -> Row:
    return {"model": value.model, "path": str(value.path), "accuracy": value.accuracy}


def compressed(value: Compressed) -> Row:
    """Pairs are (before, after); ``measure`` names the accuracy, R² for a regression.

    A layer has its filters before and after, and the fraction of its weights that is zero.
    """
    return {
        "model": value.trained.model,
        "path": str(value.trained.path),
        "measure": value.measure,
        "accuracy": list(value.accuracy),
        "parameters": list(value.parameters),
        "bytes": list(value.bytes),
        "zip_bytes": list(value.zip_bytes),
        "sparsity": value.sparsity,
        "layers": list(value.layers),
    }


def quantized(value: Quantized) -> Row:
    """``accuracy`` has that of the .tflite on the whole test set, that of the Keras model, and the drop."""
    vectors, accuracy = value.vectors, None
    host, before = bench.accuracy(vectors, vectors.expected), value.trained_accuracy
    if host is not None:
        accuracy = {"host": round(host, 4)}
        if before is not None:
            accuracy |= {"float32": round(before, 4), "drop": round(before - host, 4)}
    return {
        "model": value.model,
        "mode": value.mode,
        "path": str(value.path),
        "model_bytes": len(value.tflite),
        "stripped_bytes": value.stripped_bytes,
        "calibration": value.calibration,
        "model_sha256": value.sha256,
        "samples": vectors.samples,
        "oracle": vectors.oracle,
        "accuracy": accuracy,
    }


def rendered(project: Project, directory: str) -> Row:
    return {
        "model": project.model,
        "mode": project.mode,
        "runtime": project.runtime,
        "target": project.target,
        "arena_bytes": project.arena_bytes,
        "files": len(project.files),
        "path": directory,
    }


def exported(project: Project, name: str, directory: str, is_measured: bool) -> Row:
    """Where the library is, and whether its README has figures."""
    return {
        "name": name,
        "model": project.model,
        "mode": project.mode,
        "runtime": project.runtime,
        "target": project.target,
        "arena_bytes": project.arena_bytes,
        "measured": is_measured,
        "path": directory,
    }


def image(value: Image, target: Target) -> Row:
    """Flash and RAM against the target's limits; the stack is only known after a run."""
    flash, ram = value.flash_bytes["total"], value.static_bytes + value.arena_bytes
    return {
        "elf": str(value.elf),
        "flash_bytes": dict(value.flash_bytes),
        "flash_limit_bytes": target.flash_bytes,
        "flash_percent": round(100 * flash / target.flash_bytes, 1) if target.flash_bytes else None,
        "ram_bytes": {"static": value.static_bytes, "arena": value.arena_bytes},
        "ram_limit_bytes": target.ram_bytes,
        "ram_percent": round(100 * ram / target.ram_bytes, 1) if target.ram_bytes else None,
        "compiled": value.rebuilt,
    }


def flashed(value: Image, port: str | None) -> Row:
    """What is on the board now; ``port`` is its serial port after flashing, None if a debug probe was used."""
    project = value.project
    return {
        "model": project.model,
        "mode": project.mode,
        "runtime": project.runtime,
        "target": project.target,
        "port": port,
        "flash_bytes": dict(value.flash_bytes),
    }


def emulated(project: Project, emulator: str | None, url: str) -> Row:
    """A firmware that runs in an emulator, and the URL of its serial line."""
    return {
        "model": project.model,
        "mode": project.mode,
        "runtime": project.runtime,
        "target": project.target,
        "emulator": emulator,
        "url": url,
    }


class HasBudget(Protocol):
    """What `budget` needs of a budget that was checked."""

    @property
    def budget(self) -> Any: ...

    @property
    def now(self) -> Any: ...

    @property
    def verdict(self) -> str: ...


def budget(checked: HasBudget) -> Row:
    """A firmware with each figure as [committed, measured now], None where unknown."""
    before, now = checked.budget, checked.now
    figures = {name: [getattr(before, name), getattr(now, name, None)] for name in FIGURES}
    named = {"model": before.model, "mode": before.mode, "target": before.target, "optimize": before.optimize}
    return {**named, **figures, "verdict": checked.verdict}
