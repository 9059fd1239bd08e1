"""What the ports for real boards compute, with stand-ins for the vendors' headers (tests/host/vendor)."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: sudo apt-get install g++"),
]


def run(source: str, folder: Path, *more: str) -> list[str]:
    """Compiles a program of this folder with the stand-ins in front of the ports, and returns what it prints."""
    program = folder / "program"
    flags = ["-std=gnu++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-int-to-pointer-cast", "-fsanitize=undefined"]
    # The record's address is 32 bits wide on the boards.
    command = ["g++", *flags, *more, f"-I{HERE / 'vendor'}", f"-I{FIRMWARE}", str(HERE / source), "-o", str(program)]
    subprocess.run(command, check=True)
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()


def test_arduino(tmp_path: Path) -> None:
    second = 64_000_000
    counts = [0, 1, 1000, *(s * second for s in (30, 67, 68, 300, 700, 1200))]
    counts += [7, *(s * second for s in (33, 34, 400, 900))]
    counts += [1, 2, 500 * second]
    assert run("arduino_port.cpp", tmp_path) == [
        *(f"ticks {count}" for count in counts),
        "waited 5000",
        "write 1: 1",
        "write 63: 63",
        "write 64: 63 1",  # a full packet would wait in the host for the next one
        "write 126: 63 63",
        "write 128: 63 63 2",
        "nobody listens: 0 packets",
        "restart",
        "fault 3 pc 1234 sp 20001000 lr 0",
        "restart",
        "fault 5 pc 1234 sp 20001000 lr 0",
        "restart",
        "fault 6 pc 1234 sp 20001000 lr 0",
        "no restart",  # a warning
        "end",  # what was spoilt is not reported
    ]


def test_espidf(tmp_path: Path) -> None:
    second = 240_000_000
    counts = [0, 1, 1000, *(s * second for s in (8, 18, 100, 100_000)), 1, 2, *(s * second for s in (9, 10, 3600))]
    assert run("espidf_port.cpp", tmp_path) == [f"ticks {count}" for count in counts]


@pytest.mark.parametrize(("clock", "per_us", "early"), [("dwt", 600, 0), ("micros", 1, 1)])
def test_arduino_api(tmp_path: Path, clock: str, per_us: int, early: int) -> None:
    second = 1_000_000
    after = [0, 1, 1000, 6 * second, 8 * second, 120 * second, 1, 3 * second, 30 * second]
    said = run("arduino_api_port.cpp", tmp_path, f'-DCLOCK="ports/arduino_api/clocks/{clock}.cpp"')
    assert said == [
        "stack grew",
        "spare 65536",
        # micros() starts on the next edge
        *(f"ticks {(us - early) % (1 << 32) * per_us if us or not early else (1 << 32) - 1}" for us in after),
        "write 63",
        "write 63",
        "write 2",
        "restart",
    ]


@pytest.mark.parametrize(
    ("driver", "header", "api", "calls"),
    [
        (
            "arduino",
            "Arduino.h",
            "enum { LOW, HIGH, OUTPUT };\n"
            'inline void digitalWrite(int pin, int level) { printf("%d is %d\\n", pin, level); }\n'
            'inline void pinMode(int pin, int mode) { printf("%d is an output: %d\\n", pin, mode == OUTPUT); }\n',
            ["4 is 1", "4 is an output: 1", "4 is 0", "4 is an output: 1"],
        ),
        (
            "espidf",
            "driver/gpio.h",
            "enum gpio_num_t { GPIO_NUM_NC = -1, GPIO_NUM_4 = 4 };\nenum gpio_mode_t { GPIO_MODE_OUTPUT = 2 };\n"
            'inline int gpio_set_level(gpio_num_t pin, uint32_t level) { return printf("%d is %u\\n", pin, level); }\n'
            "inline int gpio_set_direction(gpio_num_t pin, gpio_mode_t mode) {\n"
            '    return printf("%d is an output: %d\\n", pin, mode == GPIO_MODE_OUTPUT);\n}\n',
            ["4 is 1", "4 is an output: 1", "4 is 0", "4 is an output: 1"],
        ),
    ],
    ids=["arduino", "espidf"],
)
def test_power_pin(tmp_path: Path, driver: str, header: str, api: str, calls: list[str]) -> None:
    """The level comes before the direction, so that the pin is never high by chance."""
    stand_in = tmp_path / header
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text("#pragma once\n#include <stdint.h>\n#include <stdio.h>\n" + api)
    (tmp_path / "main.cpp").write_text(
        f'#include "{FIRMWARE}/power/{driver}.cpp"\n'
        "int main() {\n    kerf::port::set_busy(true);\n    kerf::port::set_busy(false);\n}\n"
    )
    instead = tmp_path / "instead" / "port"
    instead.mkdir(parents=True)
    shutil.copy(FIRMWARE / "power" / "busy.h", instead)
    include = [f"-iquote{instead.parent}", f"-I{tmp_path}", "-DKERF_POWER_PIN=4"]
    assert run(str(tmp_path / "main.cpp"), tmp_path, *include) == calls
