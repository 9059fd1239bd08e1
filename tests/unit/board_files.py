"""Board descriptions in PlatformIO's format, made up for the tests, with the fields that kerf reads."""

import json
from pathlib import Path
from typing import Any


def board(cpu: str, mcu: str, mhz: int, ram: int, flash: int, *hwids: list[str], **more: Any) -> dict[str, Any]:
    build = {"mcu": mcu, "f_cpu": f"{mhz}000000L", "hwids": list(hwids)} | ({"cpu": cpu} if cpu else {})
    upload = {"maximum_ram_size": ram, "maximum_size": flash}
    named = {"name": f"Test {mcu}", "url": "https://example.com", "vendor": "Kerf", "frameworks": ["arduino"]}
    return named | {"build": build, "upload": upload} | more


BOARDS = {
    "test_rp2040": board(
        "cortex-m0plus", "rp2040", 133, 270_336, 2_097_152, ["0x2341", "0x005E"], ["0x2341", "0x805E"]
    ),
    "test_samd51": board("cortex-m4", "samd51j19a", 120, 196_608, 507_904, ["0x239A", "0x8022"]),
    "test_imxrt": board("cortex-m7", "imxrt1062", 600, 524_288, 8_126_464),
    "test_rp2350": board("cortex-m33", "rp2350", 150, 524_288, 4_194_304, ["0x2E8A", "0x000F"]),
    "test_nucleo": board("cortex-m4", "stm32l4r5zit6", 120, 655_360, 2_097_152),
    "test-esp32-s3": board("", "esp32s3", 240, 327_680, 8_388_608, ["0x303A", "0x1001"]),
    "test_esp32": board("", "esp32", 240, 327_680, 4_194_304),
    "test_esp32c3": board("", "esp32c3", 160, 327_680, 4_194_304),
    "test_samd21": board("cortex-m0plus", "samd21g18a", 48, 2_048, 262_144, ["0x2341", "0x804D"]),
    "test_avr": board("", "atmega328p", 16, 2_048, 32_256),
    "test_zephyr": board("cortex-m4", "nrf52840", 64, 262_144, 1_048_576, frameworks=["zephyr"]),
    "test_vague": board("cortex-m4", "nrf52840", 64, 0, 0),
}

BOARDS["test_nucleo"]["upload"] |= {"protocol": "mbed", "protocols": ["jlink", "stlink", "mbed"]}


def install(core_dir: Path) -> None:
    """Puts a platform with these boards into PlatformIO's folder, as `pio pkg install` does."""
    folder = core_dir / "platforms" / "testplatform"
    (folder / "boards").mkdir(parents=True)
    manifest = {"name": "testplatform", "version": "1.2.3", "title": "Test", "description": "Boards of the tests"}
    more = {"frameworks": {"arduino": {}}, "packages": {}, "engines": {"platformio": "^6"}}
    (folder / "platform.json").write_text(json.dumps(manifest | more))
    for name, each in BOARDS.items():
        (folder / "boards" / f"{name}.json").write_text(json.dumps(each))
