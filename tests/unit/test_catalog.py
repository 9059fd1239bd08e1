"""Any of PlatformIO's boards with the Arduino framework as a target, from descriptions made up for the tests."""

from pathlib import Path
from typing import Any

import pytest
from board_files import BOARDS, install

from tools import boards, catalog, pipeline, targets
from tools.errors import DoesNotFit, MissingTool, UsageError
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

MODEL = str(Path(__file__).with_name("flatten.tflite"))


@pytest.fixture
def core_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PlatformIO folder with the tests' platform, and a registry that does not answer."""
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    install(tmp_path)
    registry(monkeypatch, None)
    return tmp_path


def registry(monkeypatch: pytest.MonkeyPatch, answer: list[dict[str, Any]] | None) -> None:
    from platformio.http import HTTPClientError
    from platformio.package.manager.platform import PlatformPackageManager

    def fetch(self: Any) -> list[dict[str, Any]]:
        if answer is None:
            raise HTTPClientError("no network")
        return answer

    monkeypatch.setattr(PlatformPackageManager, "get_registered_boards", fetch)


@pytest.mark.parametrize(
    ("name", "core", "clock_hz", "ram", "flash", "clock", "chip", "runtimes"),
    [
        ("test_rp2040", "cortex-m0plus", 133_000_000, 270_336, 2_097_152, "micros", "cortexm", ("aot", "tflm")),
        ("test_samd51", "cortex-m4", 120_000_000, 196_608, 507_904, "dwt", "cortexm", ("aot", "tflm")),
        ("test_imxrt", "cortex-m7", 600_000_000, 524_288, 8_126_464, "dwt", "cortexm", ("aot", "tflm")),
        ("test_rp2350", "cortex-m33", 150_000_000, 524_288, 4_194_304, "dwt", "cortexm", ("aot", "tflm")),
        ("test-esp32-s3", "esp32s3", 240_000_000, 327_680, 1_310_720, "micros", "espressif", ("aot",)),
        ("test_esp32", "esp32", 240_000_000, 180_736, 1_310_720, "micros", "espressif", ("aot",)),
        ("test_esp32c3", "rv32imc", 160_000_000, 327_680, 1_310_720, "micros", "espressif", ("aot",)),
    ],
)
def test_a_board_is_read(
    core_dir: Path,
    name: str,
    core: str,
    clock_hz: int,
    ram: int,
    flash: int,
    clock: str,
    chip: str,
    runtimes: tuple[str, ...],
) -> None:
    target = targets.find(f"arduino:{name}")
    assert (target.name, target.board, target.framework) == (f"arduino:{name}", name, "arduino")
    assert (target.core.name, target.clock_hz, target.ram_bytes, target.flash_bytes) == (core, clock_hz, ram, flash)
    assert (target.runtimes, target.port, target.emulators) == (runtimes, "arduino_api", {})
    assert target.options["platform"] == "testplatform@1.2.3"
    for folder, chosen in (("clocks", clock), ("chips", chip)):
        path = f"ports/arduino_api/{folder}/{chosen}.cpp"
        assert f"+<{path}>" in target.options["build_src_filter"]
        assert (places.FIRMWARE / path).is_file()


def test_its_usb_ids_are_its_own_or_those_of_bridges(core_dir: Path) -> None:
    ids = {name: targets.find(f"arduino:{name}").usb_ids for name in ("test_rp2040", "test_imxrt", "test-esp32-s3")}
    assert ids["test_rp2040"] == ("2341:005e", "2341:805e")
    assert "10c4:ea60" in ids["test_imxrt"]
    assert ids["test-esp32-s3"][0] == "303a:1001" and "10c4:ea60" in ids["test-esp32-s3"]
    low = {name: boards.needs_low_lines(targets.find(f"arduino:{name}")) for name in ids}
    assert low == {"test_rp2040": False, "test_imxrt": False, "test-esp32-s3": True}


def test_a_board_that_is_a_folder_on_usb_is_flashed_through_its_probe(core_dir: Path) -> None:
    protocols = [
        targets.find(f"arduino:{name}").options.get("upload_protocol") for name in ("test_nucleo", "test_imxrt")
    ]
    assert protocols == ["stlink", None]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("test_avr", r"arduino:test_avr cannot be a target: kerf has no kernels for its processor \(atmega328p\)"),
        ("test_zephyr", r"cannot be a target: PlatformIO has no Arduino framework for it \(it has zephyr\)"),
        ("test_vague", r"cannot be a target: its description in PlatformIO lacks its clock, RAM or flash size"),
    ],
)
def test_what_cannot_be_a_target_is_named(core_dir: Path, name: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        targets.find(f"arduino:{name}")


def test_too_little_ram_is_refused_before_anything_is_built(
    core_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = Path(__file__).parents[1] / "unit" / "flatten.tflite"
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    monkeypatch.setattr(catalog, "_STATIC_RAM_BYTES", {"samd21g18a": 16})
    with pytest.raises(DoesNotFit, match=r"bytes of RAM, but arduino:test_samd21 has 16"):
        pipeline.build(Request(model=str(model), target="arduino:test_samd21"), Progress())
    assert not list((tmp_path / "build").rglob("platformio.ini"))


def test_a_project_is_rendered_under_a_name_that_platformio_accepts(
    core_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    rendered = pipeline.render_to_disk(Request(model=MODEL, target="arduino:test_samd51"), Progress())
    assert rendered.directory is not None and rendered.directory.name == "aot-arduino-test_samd51"
    ini = (rendered.directory / "platformio.ini").read_text()
    assert "[env:arduino-test_samd51]" in ini and "custom_" not in ini
    assert rendered.project.identity.target == "arduino:test_samd51"


def test_search_finds_boards_by_their_chip(core_dir: Path) -> None:
    assert [row["target"] for row in catalog.search("RP2")] == ["arduino:test_rp2040", "arduino:test_rp2350"]
    (row,) = catalog.search("imxrt")
    assert row == {
        "target": "arduino:test_imxrt",
        "what": "Test imxrt1062, imxrt1062 600 MHz",
        "flash_bytes": 8_126_464,
        "ram_bytes": 524_288,
        "platform": "testplatform",
    }


def test_search_also_asks_the_registry(core_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"id": "far", "name": "Far Away", "platform": "p", "mcu": "X1", "fcpu": 48_000_000, "ram": 1, "rom": 2}
    registry(monkeypatch, [other | {"frameworks": ["arduino"], "vendor": "v"}, other | {"id": "no", "frameworks": []}])
    assert [row["target"] for row in catalog.search("far")] == ["arduino:far"]
    with pytest.raises(UsageError, match="no board with the Arduino framework that matches 'nothing'"):
        catalog.search("nothing")


def test_a_board_that_nobody_knows(core_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingTool, match=r"registry, which lists its boards, does not answer \(no network\)"):
        targets.find("arduino:toaster")
    registry(monkeypatch, [])
    with pytest.raises(UsageError, match="PlatformIO has no board 'toaster': `inv targets --search WORD`"):
        targets.find("arduino:toaster")


def test_a_platform_that_is_not_installed_is_installed_without_its_tools(
    core_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from platformio.package.manager.platform import PlatformPackageManager

    asked = []

    def fetch(self: Any, spec: str, skip_dependencies: bool = False) -> None:
        asked.append((spec, skip_dependencies))
        (core_dir / "aside").rename(core_dir / "platforms" / "testplatform")

    (core_dir / "platforms" / "testplatform").rename(core_dir / "aside")
    registry(monkeypatch, [{"id": name, "platform": "testplatform"} for name in BOARDS])
    monkeypatch.setattr(PlatformPackageManager, "install", fetch)
    assert targets.find("arduino:test_samd51").core.name == "cortex-m4"
    assert asked == [("testplatform", True)]
