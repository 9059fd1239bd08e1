"""platformio.ini → Target: the board table, read the way PlatformIO reads it (extends, ${…}).

The comment at the top of platformio.ini describes its keys.
"""

import configparser
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import catalog, cores, registry, transports
from .cores import Core
from .errors import UnknownName, UsageError
from .values import Emulator, Target

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "platformio.ini"
SYMLINK = "symlink://"
TFLM_LIB = "KERF_TFLM_LIB"  # environment variable: overrides custom_tflm_lib for one command


def load(path: Path = TABLE) -> Mapping[str, Target]:
    """All targets by name, in the table's order.

    Raises UsageError, naming section and key, when a key is missing or invalid.
    """
    # Imported here because some commands need no target; platformio.public would import all of PlatformIO, 0.3 s.
    from platformio.exception import PlatformioException
    from platformio.project.config import ProjectConfig

    if not path.is_file():
        raise UsageError(f"there is no board table at {path}")
    try:
        config = ProjectConfig(str(path))
        sections = {name: {key: _text(value) for key, value in config.items(env=name)} for name in config.envs()}
    except (PlatformioException, UnicodeDecodeError, configparser.Error) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path.name} cannot be read: {reason}") from error
    if not sections:
        raise UsageError(f"{path.name} has no target: a target is a section [env:NAME] (docs/add-a-board.md)")
    return {name: _Section(path, name, items).target() for name, items in sections.items()}


def find(name: str, known: Mapping[str, Target] | None = None) -> Target:
    """One target, from the board table unless ``known`` is given; raises UnknownName, which lists the known ones.

    ``arduino:BOARD`` is not in the table: PlatformIO describes it (catalog.py, which says what else is raised).
    """
    if name.startswith(catalog.PREFIX):
        return described(catalog.describe(name.removeprefix(catalog.PREFIX)))
    known = load() if known is None else known
    if name not in known:
        raise UnknownName("target", name, known)
    return known[name]


def described(board: catalog.Board) -> Target:
    """The target for one of PlatformIO's boards; UsageError if kerf cannot run on it."""
    from platformio.project.config import ProjectConfig

    # PlatformIO resolves `extends` only in a file, so the section goes below a copy of the table.
    name, own = catalog.PREFIX.replace(":", "-") + board.id, catalog.section(board)
    lines = [f"{key} = {value}" for key, value in own.items()]
    with tempfile.TemporaryDirectory(prefix="kerf-board-") as folder:
        file = Path(folder) / TABLE.name
        file.write_text("\n".join([TABLE.read_text(encoding="utf-8"), f"[env:{name}]", *lines, ""]), encoding="utf-8")
        items = {key: _text(value) for key, value in ProjectConfig(str(file)).items(env=name)}
    return _Section(TABLE, catalog.PREFIX + board.id, items).target()


def _text(value: Any) -> str:
    """A value as it appears in the file: a list has one item per line."""
    return "\n".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


class _Section:
    """One [env:…] while it is being read; errors name the section and the key."""

    def __init__(self, path: Path, name: str, items: Mapping[str, str]) -> None:
        self.path, self.name, self.items = path, name, items

    def target(self) -> Target:
        port = self.registered("custom_port", self.text("custom_port"), "port", registry.names("ports"))
        limits = self.limits()
        return Target(
            name=self.name,
            summary=self.text("custom_summary"),
            board=self.text("board"),
            framework=self.items.get("framework"),
            port=port,
            core=self.core(),
            clock_hz=self.number("custom_clock_hz", minimum=1),
            ram_bytes=limits[0],
            flash_bytes=limits[1],
            runtimes=self.runtimes(),
            emulators={name: self.emulator(name) for name in self.words("custom_emulators")},
            options={k: v for k, v in self.items.items() if k != "extends" and not k.startswith("custom_")},
            tflm=self.tflm(),
            usb_ids=self.usb_ids(),
            flash_hint=self.items.get("custom_flash_hint", "").strip(),
            power_pin=self.power_pin(),
        )

    def wrong(self, key: str, reason: str) -> UsageError:
        return UsageError(f"{self.path.name}, [env:{self.name}], {key}: {reason}")

    def text(self, key: str) -> str:
        value = self.items.get(key, "").strip()
        if not value:
            raise self.wrong(key, "is missing")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(self.items.get(key, "").replace(",", " ").split())

    def number(self, key: str, minimum: int = 0) -> int:
        text = self.text(key)
        if not (text.isascii() and text.isdigit() and int(text) >= minimum):
            raise self.wrong(key, f"{text!r} is not a whole number of at least {minimum}")
        return int(text)

    def registered(self, key: str, name: str, what: str, known: Sequence[str]) -> str:
        if name not in known:
            raise self.wrong(key, str(UnknownName(what, name, known)))
        return name

    def core(self) -> Core:
        try:
            return cores.find(self.text("custom_core"))
        except UsageError as error:
            raise self.wrong("custom_core", str(error)) from error

    def runtimes(self) -> tuple[str, ...]:
        runtimes = self.words("custom_runtimes")
        if not runtimes:
            raise self.wrong("custom_runtimes", "is missing")
        known = registry.names("runtimes")
        return tuple(self.registered("custom_runtimes", name, "runtime", known) for name in runtimes)

    def usb_ids(self) -> tuple[str, ...]:
        ids = self.words("custom_usb_ids")
        for each in ids:
            if not re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", each):
                raise self.wrong("custom_usb_ids", f"{each!r} is not VID:PID in lower-case hexadecimal (2341:805a)")
        return ids

    def power_pin(self) -> tuple[str, ...]:
        words = self.words("custom_power_pin")
        if not words:
            return ()
        drivers = sorted(path.stem for path in (ROOT / "firmware" / "power").glob("*.cpp"))
        self.registered("custom_power_pin", words[0], "driver", drivers)
        if len(words) != 2 or not re.fullmatch(r"\w+", words[1], re.ASCII):
            raise self.wrong("custom_power_pin", "is not a driver and its word for a pin, as in `arduino 2`")
        return words

    def emulator(self, name: str) -> Emulator:
        self.registered("custom_emulators", name, "emulator", transports.emulators())
        prefix = f"custom_{name}_"
        for setting, kind in transports.find(name).SETTINGS.items():
            read: Callable[[str], object] = self.number if kind is int else self.text
            read(prefix + setting)
        settings = {k.removeprefix(prefix): v for k, v in self.items.items() if k.startswith(prefix)}
        return Emulator(name, dict(sorted(settings.items())))

    def tflm(self) -> Mapping[str, str]:
        """custom_tflm_*, with the library from the environment if it names one."""
        prefix = "custom_tflm_"
        settings = {k.removeprefix(prefix): v for k, v in sorted(self.items.items()) if k.startswith(prefix)}
        if settings and (other := os.environ.get(TFLM_LIB)):
            settings["lib"] = other
        return settings

    def limits(self) -> tuple[int, int]:
        """RAM and flash in bytes: from the board's JSON if the platform is in this repository, else from the table."""
        platform = self.text("platform")
        if not platform.startswith(SYMLINK):
            return self.number("custom_ram_bytes", 1), self.number("custom_flash_bytes", 1)
        board = self.path.parent / platform.removeprefix(SYMLINK) / "boards" / f"{self.text('board')}.json"
        try:
            upload = json.loads(board.read_text(encoding="utf-8"))["upload"]
            return int(upload["maximum_ram_size"]), int(upload["maximum_size"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self.wrong("board", f"{board.name} does not state its RAM and flash sizes ({error!r})") from error
