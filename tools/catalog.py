"""PlatformIO's own board descriptions → the section that platformio.ini would need for such a board.

`--target arduino:BOARD` is any board of any PlatformIO platform with the Arduino framework. Its core, clock, RAM, flash
and USB ids are those of the board's JSON file. What PlatformIO does not describe is in this module's tables and in the
sections [arduino_…] of platformio.ini.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import cores
from .errors import MissingTool, UnknownName, UsageError, reason

PREFIX = "arduino:"

# Processors of boards whose description names only the chip (build.mcu without build.cpu).
_CORES = {
    "esp32": "esp32",
    "esp32s2": "esp32s2",
    "esp32s3": "esp32s3",
    "esp32c3": "rv32imc",
    "esp32c6": "rv32imac",
    "esp32h2": "rv32imac",
}
# RAM for static data, on chips whose description counts all RAM: dram0_0_seg of ESP-IDF's linker script.
_STATIC_RAM_BYTES = {"esp32": 180_736}
_ESPRESSIF_APP_BYTES = 0x140000  # the application's partition in the Arduino core's default.csv
_WITH_DWT = ("armv7-m", "armv7e-m", "armv8-m.main", "armv8.1-m.main")
# Serial bridges and debug probes, for boards without a USB id of their own: CP210x, CH340, CH9102, FTDI, ST-LINK.
_BRIDGES = "10c4:ea60 1a86:7523 1a86:55d4 0403:6001 0403:6010 0403:6015 0483:374b 0483:374e 0483:3752"


@dataclass(frozen=True)
class Board:
    """A board's JSON file in a PlatformIO platform. ``platform`` is the platform with its version: name@1.2.3."""

    id: str
    platform: str
    manifest: Mapping[str, Any]


def describe(board: str) -> Board:
    """PlatformIO's description of a board. If its platform is not installed, PlatformIO downloads it without its tools.

    Raises UsageError for a board that PlatformIO does not know, MissingTool when its registry does not answer.
    """
    if found := _installed(board):
        return found
    platform = next((each["platform"] for each in _registered() if each["id"] == board), None)
    if platform is None:
        raise UsageError(f"PlatformIO has no board {board!r}: `inv targets --search WORD` lists those that it has")
    from platformio.exception import PlatformioException

    try:
        _manager().install(platform, skip_dependencies=True)
    except (PlatformioException, OSError) as error:
        raise MissingTool(f"PlatformIO could not install its platform {platform}: {reason(error)}") from error
    if found := _installed(board):
        return found
    raise UsageError(f"PlatformIO's platform {platform} does not describe the board {board!r}: update PlatformIO")


def search(word: str) -> list[dict[str, Any]]:
    """The boards with the Arduino framework whose id, name, maker or chip contains ``word``, sorted by id.

    Boards of platforms that are not installed are in PlatformIO's registry. If it does not answer, they are left out.
    Raises MissingTool if it does not answer and no installed board matches, UsageError if no board matches.
    """
    installed = [brief for platform in _platforms() for brief in _briefs(platform)]
    try:
        everything = [*installed, *_registered()]
    except MissingTool:
        everything = installed
        if not any(_matches(each, word) for each in installed):
            raise
    found = {each["id"]: each for each in reversed(everything) if _matches(each, word)}
    if not found:
        raise UsageError(f"PlatformIO has no board with the Arduino framework that matches {word!r}")
    return [
        {
            "target": PREFIX + name,
            "what": f"{each['name']}, {each['mcu'].lower()} {each['fcpu'] // 1_000_000} MHz",
            "flash_bytes": each["rom"],
            "ram_bytes": each["ram"],
            "platform": each["platform"],
        }
        for name, each in sorted(found.items())
    ]


def section(board: Board) -> dict[str, str]:
    """The keys and values of the section that platformio.ini would need for a board. It extends an [arduino_…] section.

    UsageError, naming the board, if kerf cannot run on it.
    """

    def wrong(why: str) -> UsageError:
        return UsageError(f"{PREFIX}{board.id} cannot be a target: {why}")

    build, upload = (board.manifest.get(part) or {} for part in ("build", "upload"))
    frameworks = board.manifest.get("frameworks") or []
    if "arduino" not in frameworks:
        raise wrong(f"PlatformIO has no Arduino framework for it (it has {', '.join(frameworks) or 'none'})")
    mcu = str(build.get("mcu", "")).lower()
    name = str(build.get("cpu") or _CORES.get(mcu, mcu)).lower()
    try:
        core = cores.find(name)
    except UnknownName:
        raise wrong(f"kerf has no kernels for its processor ({name or 'unnamed'})") from None
    hz = int(re.sub(r"\D", "", str(build.get("f_cpu", ""))) or 0)
    flash, ram = (int(upload.get(key) or 0) for key in ("maximum_size", "maximum_ram_size"))
    if not (hz and flash and ram):
        raise wrong("its description in PlatformIO lacks its clock, RAM or flash size")
    is_espressif = mcu.startswith("esp")
    kind = "espressif" if is_espressif else "arm_dwt" if core.architecture in _WITH_DWT else "arm_micros"
    own_ids = [f"{int(vendor, 16):04x}:{int(product, 16):04x}" for vendor, product in build.get("hwids") or []]
    # With PlatformIO's protocol `mbed`, the upload port is a folder, not the serial port that kerf finds.
    uploads_to_a_folder = upload.get("protocol") == "mbed" and "stlink" in upload.get("protocols", ())
    title = board.manifest.get("name", board.id)
    return {
        "extends": f"arduino_{kind}",
        "platform": board.platform,
        "board": board.id,
        **({"upload_protocol": "stlink"} if uploads_to_a_folder else {}),
        "custom_summary": f"{title}, {name} {hz // 1_000_000} MHz, with its Arduino core",
        "custom_core": name,
        "custom_clock_hz": str(hz),
        "custom_ram_bytes": str(min(ram, _STATIC_RAM_BYTES.get(mcu, ram))),
        "custom_flash_bytes": str(min(flash, _ESPRESSIF_APP_BYTES) if is_espressif else flash),
        "custom_usb_ids": " ".join(own_ids) if own_ids and not is_espressif else " ".join([*own_ids, _BRIDGES]),
    }


def _matches(brief: Mapping[str, Any], word: str) -> bool:
    text = " ".join(str(brief.get(key, "")) for key in ("id", "name", "vendor", "mcu"))
    return "arduino" in (brief.get("frameworks") or []) and word.lower() in text.lower()


def _manager() -> Any:
    """PlatformIO's manager for the platforms that all projects share; importing PlatformIO takes 0.3 s."""
    import logging

    from platformio.package.manager.platform import PlatformPackageManager
    from platformio.project.config import ProjectConfig

    shared = Path(ProjectConfig().get("platformio", "core_dir")) / "platforms"
    manager = PlatformPackageManager(str(shared))
    manager.set_log_level(logging.ERROR)
    return manager


def _platforms() -> Iterator[Any]:
    from platformio.platform.factory import PlatformFactory

    for package in _manager().get_installed():
        yield PlatformFactory.new(package)


def _briefs(platform: Any) -> list[Mapping[str, Any]]:
    return [config.get_brief_data() for config in platform.get_boards().values()]


def _installed(board: str) -> Board | None:
    from platformio.platform.exception import UnknownBoard

    for platform in _platforms():
        try:
            config = platform.board_config(board)
        except UnknownBoard:
            continue
        return Board(board, f"{platform.name}@{platform.version}", config.manifest)
    return None


def _registered() -> list[Mapping[str, Any]]:
    from platformio.exception import PlatformioException

    try:
        found: list[Mapping[str, Any]] = _manager().get_registered_boards()
    except PlatformioException as error:
        raise MissingTool(
            f"PlatformIO's registry, which lists its boards, does not answer ({reason(error)}): retry with a "
            "network connection, or install the board's platform with `pio pkg install -g -p NAME`"
        ) from error
    return found
