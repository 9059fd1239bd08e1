"""Every failure a user can cause, as one exception tree.

    KerfError                   one sentence: what, where, what to do
    ├── UsageError              wrong usage: exit code 2
    │   └── UnknownName         a model, target, runtime … that does not exist (lists the known ones)
    ├── MissingTool             a program or package that must be installed first
    ├── TrainError              data, training
    ├── CompressError           a model that cannot be pruned or trained for int8
    ├── QuantizeError           conversion to .tflite
    ├── ModelError              a .tflite that cannot be read
    │   └── UnsupportedModel    readable, but no kernel (operator, type, shape) for it
    ├── PlanError               memory planning
    │   └── DoesNotFit          the model is larger than the target
    ├── BuildError              rendering, PlatformIO, the compiler
    ├── TransportError          opening, losing or not finding a port or an emulator
    ├── ProtocolError           the other side speaks, but not as agreed
    │   └── DeviceError         the firmware sent an error or fault record
    └── Mismatch                the device's numbers are not the oracle's

A disk that is full, a folder that may not be written and a name that is too long can meet any stage: the command line
makes a KerfError of the OSError (`of_system`). Whatever else is not a KerfError is a bug in kerf: the command line says
so and writes its traceback to a file (crash.py).
"""

import errno
from collections.abc import Iterable


class KerfError(Exception):
    """Base of every failure a user can cause; ``str(error)`` is the one sentence they read."""

    exit_code = 1


class UsageError(KerfError):
    """Options that make no sense; exit code 2."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that does not exist, with the ones that do."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.what, self.name, self.known = what, name, tuple(sorted(known))
        super().__init__(f"unknown {what} {name!r}; known: {', '.join(self.known) or 'none'}")


class MissingTool(KerfError):
    """A program or package that is not installed; the sentence says how to get it."""


class TrainError(KerfError):
    """Training data or a training run that cannot be used."""


class CompressError(KerfError):
    """A model, or data, with which pruning or training for int8 is not possible; names the layer."""


class QuantizeError(KerfError):
    """A model that cannot be converted to .tflite in the mode asked for."""


class ModelError(KerfError):
    """A .tflite file that is not one, or that contradicts itself."""


class UnsupportedModel(ModelError):
    """A valid .tflite with something no kernel covers; names the layer and the way out."""


class PlanError(KerfError):
    """A memory plan that cannot be made."""


class DoesNotFit(PlanError):
    """The model needs more memory than the target has; gives both numbers."""


class BuildError(KerfError):
    """Rendering or compiling a project failed."""


class TransportError(KerfError):
    """The port or the emulator could not be opened, or went away."""


class ProtocolError(KerfError):
    """The other side answers, but not as docs/protocol.md says."""


class DeviceError(ProtocolError):
    """The firmware reported an error or a fault."""


class Mismatch(KerfError):
    """The device computed other numbers than the oracle."""


def counted(number: int, what: str) -> str:
    """How many, as a sentence says it: ``1 image``, ``2 images``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


_REMEDIES = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room on that disk",
    errno.EROFS: "choose a place that may be written",
    errno.EACCES: "choose a place that you may read and write, or change its permissions",
    errno.EPERM: "choose a place that you may read and write, or change its permissions",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "a file is where a folder should be; move it away or choose another name",
    errno.EEXIST: "a file is where a folder should be; move it away or choose another name",
    errno.EISDIR: "a folder is where a file should be; choose another name",
}


def of_system(error: OSError) -> KerfError:
    """What the operating system refused, as a sentence."""
    named = str(error.filename2 or error.filename or "a file")
    name = named if len(named) <= 200 else f"{named[:200]}…"
    remedy = _REMEDIES.get(error.errno or 0, "look whether it is there and may be read and written")
    return KerfError(f"{name}: {error.strerror or error}; {remedy}")
