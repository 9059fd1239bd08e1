"""Every failure a user can cause, as one exception tree.

    KerfError                   one sentence: what, where, what to do
    ├── UsageError              wrong usage: exit code 2
    │   └── UnknownName         a model, target, runtime … that does not exist (lists the known ones)
    ├── MissingTool             a program or package that is not installed
    ├── TrainError              data, training
    ├── CompressError           a model that cannot be pruned or trained for int8
    ├── QuantizeError           conversion to .tflite
    ├── ModelError              a .tflite that cannot be read
    │   └── UnsupportedModel    readable, but no kernel (operator, type, shape) for it
    ├── PlanError               memory planning
    │   └── DoesNotFit          the model is larger than the target
    ├── BuildError              rendering, PlatformIO, the compiler
    ├── PowerError              an instrument that did not see the inferences
    ├── TransportError          a serial port or emulator that cannot be found or opened, or is lost
    ├── ProtocolError           the other side answers, but violates the protocol
    │   └── DeviceError         the firmware sent an error
    │       └── Crashed         … or a fault record
    └── Mismatch                the device's outputs differ from the oracle's

A full disk, a read-only folder or a name that is too long can hit any stage: the command line turns an OSError into a
KerfError (`of_system`). Any other exception is a bug in kerf: the command line says so and writes the traceback to a
file (crash.py).
"""

import errno
from collections.abc import Iterable
from typing import Any


class KerfError(Exception):
    """Base of every failure a user can cause; ``str(error)`` is the sentence they read."""

    exit_code = 1


class UsageError(KerfError):
    """Options that make no sense; exit code 2."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that does not exist; the message lists those that do."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.what, self.name, self.known = what, name, tuple(sorted(known))
        super().__init__(f"unknown {what} {name!r}; known: {', '.join(self.known) or 'none'}")


class MissingTool(KerfError):
    """A program or package that is not installed; the message says how to get it."""


class TrainError(KerfError):
    """Training data or a training run that cannot be used."""


class CompressError(KerfError):
    """A model, or data, that does not allow pruning or quantization-aware training; names the layer."""


class QuantizeError(KerfError):
    """A model that cannot be converted to .tflite in the requested mode."""


class ModelError(KerfError):
    """A file that is not a .tflite, or one that contradicts itself."""


class UnsupportedModel(ModelError):
    """A valid .tflite with something no kernel supports; names the layer and what to do."""


class PlanError(KerfError):
    """A memory plan that cannot be made."""


class DoesNotFit(PlanError):
    """The model needs more memory than the target has; gives both numbers."""


class BuildError(KerfError):
    """Rendering or compiling a project failed."""


class PowerError(KerfError):
    """An instrument recorded something from which the energy of an inference cannot be computed."""


class TransportError(KerfError):
    """The serial port or the emulator could not be opened, or was lost."""


class ProtocolError(KerfError):
    """The other side answers, but violates docs/protocol.md."""


class DeviceError(ProtocolError):
    """The firmware reported an error or a fault."""


class Crashed(DeviceError):
    """The firmware reported a fault; ``fault`` is its record (protocol.Fault)."""

    def __init__(self, sentence: str, fault: Any) -> None:
        super().__init__(sentence)
        self.fault = fault


class Mismatch(KerfError):
    """The device's outputs differ from the oracle's."""


def shortened(text: str, most: int = 200) -> str:
    """A text for a sentence, which must not become a page: at most ``most`` letters of it."""
    return f"{text[:most]}…" if len(text) > most else text


def reason(error: BaseException) -> str:
    """What another library's exception says, in one short line: some quote a whole file."""
    return shortened(" ".join(str(error).split()) or type(error).__name__)


def counted(number: int, what: str) -> str:
    """A count with its noun: ``1 image``, ``2 images``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


_FULL = "free some space on that disk (`inv clean` removes build/)"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.ELOOP: "the symbolic link leads back to itself; name the file itself",
    errno.EROFS: "choose a folder that is writable",
    errno.EACCES: "change its permissions, or choose another path",
    errno.EPERM: "change its permissions, or choose another path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "there is a file where a folder should be; move it away or choose another name",
    errno.EEXIST: "there is a file where a folder should be; move it away or choose another name",
    errno.EISDIR: "there is a folder where a file should be; choose another name",
}


def is_full(error: OSError) -> bool:
    """Whether there was no room on a disk."""
    return _REMEDIES.get(error.errno or 0) == _FULL


def of_system(error: OSError) -> KerfError:
    """An error of the operating system as a sentence for the user."""
    named = str(error.filename2 or error.filename or "")
    name = shortened(named)
    remedy = _REMEDIES.get(error.errno or 0, "check that it exists and can be read and written")
    return KerfError(f"{name + ': ' if name else ''}{error.strerror or error}; {remedy}")
