"""The command-line options that several tasks share: defaults, help texts, and how numbers are parsed."""

import re
from typing import Any

from . import registry


class Whole(int):
    """A count or a seed, parsed from the user's text; ValueError says what is accepted."""

    def __new__(cls, text: object) -> "Whole":
        if not re.fullmatch("[0-9]{1,9}", str(text)):
            raise ValueError("a whole number of at least 0")
        return super().__new__(cls, str(text))


class Share(float):
    """A fraction, parsed from the user's text; ValueError says what is accepted."""

    def __new__(cls, text: object) -> "Share":
        try:
            share = super().__new__(cls, str(text))
        except ValueError:
            share = super().__new__(cls, "nan")
        if not 0 <= share <= 1:
            raise ValueError("a number from 0 to 1")
        return share


# What the user asks of the pipeline (tools.values.Request): option → default, help.
REQUEST: dict[str, tuple[Any, str]] = {
    "model": (
        "digits",
        "a name from `inv models` or a path to a .keras, .h5, SavedModel or .tflite; append +sparse0.8 … to compress",
    ),
    "mode": ("", "float32, float16, dynamic, int8 (default), int16x8 or int4; a .tflite has its own"),
    "runtime": ("aot", f"what runs the model on the target: {' or '.join(registry.names('runtimes'))}"),
    "target": ("stm32f4", "a name from `inv targets`, or arduino:BOARD with PlatformIO's name of a board"),
    "emulator": ("", "which of the target's emulators to use (default: its first; `inv targets` lists them)"),
    "port": ("", "a real board: its serial port, a pyserial URL, or auto to find it by its USB id"),
    "any_firmware": (False, "measure whatever firmware is on the board at --port, without building or flashing"),
    "power": ("", "measure the board's energy with this instrument: ppk2 (ppk2:1.8 for another voltage) or joulescope"),
    "data": ("", "a folder with one subfolder of images per class; for your own model also an .npz with x and y"),
    "skip_bad": (False, "skip files that are damaged, of the wrong size or not images, and report how many"),
    "pixels": ("", "range of pixel values: 0..1, 0..255 or -1..1 (default: inferred from the model's first layers)"),
    "calibration": ("balanced", "calibration samples: balanced (500, equal per class), or how many to draw at random"),
    "strip": (False, "remove names and metadata from the .tflite"),
    "stateful": (False, "one step of a recurrent model per inference, its state kept; --samples then counts sequences"),
    "optimize": ("", "what aot optimizes for: speed, size or ram (default: the first with which the model fits)"),
    "check_arena": (
        False,
        "a debug build (aot) that stops with the layer's name if an operator writes outside its tensors; not recorded",
    ),
    "samples": (Whole(0), "number of test samples to send to the device, evenly spaced (default: all)"),
}
# Options that are not part of a Request.
OTHER: dict[str, tuple[Any, str]] = {
    "json": (False, "print the result as JSON on standard output"),
}
SOURCE = "model mode data skip_bad pixels calibration strip stateful json"
FIRMWARE = SOURCE + " runtime target optimize"
