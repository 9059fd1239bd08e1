"""The board table: the targets read from it, and the message for each mistake in it."""

import json
from pathlib import Path

import pytest

from tools import targets
from tools.errors import UnknownName, UsageError

GOOD = {
    "platform": "symlink://platform",
    "board": "toy",
    "custom_summary": "a toy",
    "custom_port": "cortexm",
    "custom_core": "cortex-m4",
    "custom_clock_hz": "1000",
    "custom_runtimes": "aot, tflm",
    "custom_emulators": "qemu",
    "custom_qemu_machine": "toymachine",
    "custom_qemu_icount_shift": "3",
}
BOARD = {"upload": {"maximum_ram_size": 1024, "maximum_size": 4096}}


def table(tmp_path: Path, board_file: object = BOARD, head: str = "", **changes: str | None) -> Path:
    """A table of one target, [env:toy]; a change of None leaves the key out."""
    boards = tmp_path / "platform" / "boards"
    boards.mkdir(parents=True)
    (boards / "toy.json").write_text(json.dumps(board_file))
    items = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    path = tmp_path / "platformio.ini"
    path.write_text(head + "[env:toy]\n" + "".join(f"{key} = {value}\n" for key, value in items.items()))
    return path


def test_a_section_becomes_a_target(tmp_path: Path) -> None:
    path = table(tmp_path, head="[base]\nbuild_flags =\n    -DA\n    -DB\n", extends="base", monitor_speed="115200")
    toy = targets.find("toy", targets.load(path))
    assert (toy.name, toy.summary, toy.board, toy.framework) == ("toy", "a toy", "toy", None)
    assert (toy.port, toy.core.name, toy.clock_hz) == ("cortexm", "cortex-m4", 1000)
    assert (toy.ram_bytes, toy.flash_bytes) == (1024, 4096)
    assert toy.runtimes == ("aot", "tflm")
    assert toy.emulators["qemu"].settings == {"machine": "toymachine", "icount_shift": "3"}
    assert toy.options == {
        "platform": "symlink://platform",
        "board": "toy",
        "monitor_speed": "115200",
        "build_flags": "-DA\n-DB",
    }


def test_a_board_of_another_platform_gives_its_sizes_in_the_table(tmp_path: Path) -> None:
    path = table(tmp_path, platform="vendor", custom_ram_bytes="11", custom_flash_bytes="22", framework="arduino")
    toy = targets.find("toy", targets.load(path))
    assert (toy.ram_bytes, toy.flash_bytes, toy.framework) == (11, 22, "arduino")


def test_a_board_is_known_by_its_usb_ids(tmp_path: Path) -> None:
    path = table(tmp_path, custom_usb_ids="2341:805a, 2341:005a", custom_flash_hint="press the button")
    toy = targets.find("toy", targets.load(path))
    assert (toy.usb_ids, toy.flash_hint) == (("2341:805a", "2341:005a"), "press the button")


def test_a_target_need_not_have_a_board(tmp_path: Path) -> None:
    assert targets.find("toy", targets.load(table(tmp_path))).usb_ids == ()


def test_a_target_need_not_have_an_emulator(tmp_path: Path) -> None:
    assert targets.find("toy", targets.load(table(tmp_path, custom_emulators=""))).emulators == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"custom_port": None}, "[env:toy], custom_port: is missing"),
        ({"custom_port": "toaster"}, "custom_port: unknown port 'toaster'; known: arduino, "),
        ({"custom_summary": ""}, "[env:toy], custom_summary: is missing"),
        ({"custom_core": None}, "[env:toy], custom_core: is missing"),
        ({"board": None}, "[env:toy], board: is missing"),
        ({"platform": None}, "[env:toy], platform: is missing"),
        ({"custom_clock_hz": "16 MHz"}, "custom_clock_hz: '16 MHz' is not a whole number of at least 1"),
        ({"custom_clock_hz": "0"}, "custom_clock_hz: '0' is not a whole number of at least 1"),
        ({"custom_clock_hz": "-1"}, "custom_clock_hz: '-1' is not a whole number of at least 1"),
        ({"custom_runtimes": None}, "custom_runtimes: is missing"),
        ({"custom_runtimes": "aot fast"}, "custom_runtimes: unknown runtime 'fast'; known: aot, tflm"),
        ({"custom_emulators": "simics"}, "custom_emulators: unknown emulator 'simics'; known: qemu, renode"),
        ({"custom_qemu_machine": None}, "custom_qemu_machine: is missing"),
        ({"custom_qemu_icount_shift": "fast"}, "custom_qemu_icount_shift: 'fast' is not a whole number"),
        ({"custom_usb_ids": "2341"}, "custom_usb_ids: '2341' is not VID:PID in lower-case hexadecimal"),
        ({"custom_usb_ids": "10c4:EA60"}, "custom_usb_ids: '10c4:EA60' is not VID:PID"),
        ({"custom_power_pin": "stm32"}, "custom_power_pin: unknown driver 'stm32'; known: arduino, espidf, stm32f4"),
        (
            {"custom_power_pin": "arduino"},
            "custom_power_pin: is not a driver and its word for a pin, as in `arduino 2`",
        ),
        ({"custom_power_pin": "arduino -1"}, "custom_power_pin: is not a driver and its word for a pin"),
        ({"board": "none"}, "board: none.json does not state its RAM and flash sizes"),
        ({"platform": "vendor"}, "custom_ram_bytes: is missing"),
    ],
)
def test_a_mistake_is_named_with_its_section_and_key(tmp_path: Path, changes: dict[str, str | None], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        targets.load(table(tmp_path, **changes))
    assert said in str(caught.value)
    assert str(caught.value).startswith("platformio.ini, [env:toy], ")


@pytest.mark.parametrize("board", [{}, {"upload": {"maximum_size": 1}}, {"upload": "large"}])
def test_a_board_file_without_sizes_is_refused(tmp_path: Path, board: object) -> None:
    with pytest.raises(UsageError, match=r"toy\.json does not state its RAM and flash sizes"):
        targets.load(table(tmp_path, board_file=board))


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "platformio.ini"
    with pytest.raises(UsageError, match="there is no board table at"):
        targets.load(broken)
    broken.write_text("board = x\n")
    with pytest.raises(UsageError, match=r"platformio\.ini cannot be read"):
        targets.load(broken)


def test_an_unknown_target_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown target 'esp99'; known: toy"):
        targets.find("esp99", targets.load(table(tmp_path)))


def test_the_real_table() -> None:
    table = targets.load()
    assert {"stm32f4", "mps2-an385", "mps2-an500", "mps3-an547", "microbit", "host"} <= set(table)
    assert next(iter(table)) == "stm32f4"
    for target in table.values():
        assert "aot" in target.runtimes
        if "qemu" in target.emulators:
            # 2^shift ns per instruction, and one instruction must not be shorter than one tick of the clock.
            assert 2 ** int(target.emulators["qemu"].settings["icount_shift"]) * target.clock_hz >= 10**9


def test_each_chip_driver_belongs_to_a_target() -> None:
    chips = {path.name for path in (targets.ROOT / "firmware" / "ports" / "cortexm" / "chips").glob("*.cpp")}
    filters = " ".join(target.options.get("build_src_filter", "") for target in targets.load().values())
    assert {chip for chip in chips if f"+<ports/cortexm/chips/{chip}>" in filters} == chips


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", "has no target"),
        (b"[env:x]\nboard = \xff\xfe\n", "cannot be read"),
        (b"junk\n", "cannot be read"),
        (b"[env:x]\na = 1\n[env:x]\nb = 2\n", "cannot be read"),
    ],
    ids=["empty", "not UTF-8", "no section", "twice"],
)
def test_a_broken_table_is_one_sentence(tmp_path: Path, contents: bytes, said: str) -> None:
    (tmp_path / "platformio.ini").write_bytes(contents)
    with pytest.raises(UsageError, match=said):
        targets.load(tmp_path / "platformio.ini")
