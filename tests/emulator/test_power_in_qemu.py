"""A run with an instrument: QEMU instead of the board, and a stand-in instead of the instrument's library."""

import json
import sys
from pathlib import Path

import pytest
from port_project import Silent, require

from tools import pipeline, targets
from tools.pipeline import choices, places
from tools.pipeline.choices import Line
from tools.transports import qemu
from tools.values import Request

sys.path.append(str(Path(__file__).parents[1] / "unit"))  # power_libraries.py
import power_libraries
from test_power import EXPECTED_UJ, IDLE, recorded

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"


@pytest.mark.emulator
def test_the_energy_is_in_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    require("arm-none-eabi-g++", qemu.TOOL.program)
    cache = places.cache()
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(places, "cache", lambda: cache)
    emulator = targets.find("stm32f4").emulators["qemu"]
    monkeypatch.setattr(choices, "board_line", lambda port, target: Line(None, lambda elf: qemu.open(elf, emulator)))
    monkeypatch.setattr(power_libraries, "CHUNK", 1 << 20)
    module = power_libraries.ppk2_module(recorded(5))
    monkeypatch.setitem(sys.modules, "ppk2_api", module)
    monkeypatch.setitem(sys.modules, "ppk2_api.ppk2_api", module)

    ask = Request(str(FLATTEN), port="socket://board", power="ppk2:3.0", samples=5)
    outcome = pipeline.run(ask, Silent())
    assert outcome.measurement.mismatches == 0
    found = json.loads(places.records().read_text())["energy"]
    assert found.pop("uj") == pytest.approx(EXPECTED_UJ)
    assert found == {"ma": 12.0, "idle_ma": IDLE * 1e3, "volts": 3.0, "inferences": 5, "instrument": "ppk2"}
    assert power_libraries.Ppk2.latest.calls[-2:] == ["start", "stop"]
