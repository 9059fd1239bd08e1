"""Another firmware than the one to measure, on a TCP port as in a laboratory: refused, or measured as it is."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from port_project import Silent, require

from tools import pipeline, targets
from tools.errors import DeviceError, UsageError
from tools.pipeline import firmware, places
from tools.report import kept, records
from tools.transports import qemu
from tools.transports._process import running
from tools.values import Request

pytestmark = pytest.mark.emulator

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
ASK = Request(model=str(FLATTEN), target="stm32f4", samples=3)
THERE = replace(ASK, target="mps2-an500")  # what the board behind the port was flashed with


@pytest.fixture(scope="module")
def own_build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everything except the cache is made again."""
    require("arm-none-eabi-g++", qemu.TOOL.program)
    cache = places.cache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "BUILD", tmp_path_factory.mktemp("build"))
        patch.setattr(places, "cache", lambda: cache)
        yield places.BUILD


@pytest.fixture(scope="module")
def port(own_build: Path) -> Iterator[str]:
    """The URL of a machine that runs the firmware of THERE and accepts one client after the other."""
    elf = pipeline.build(THERE, Silent()).image.elf
    settings = targets.find(THERE.target).emulators["qemu"].settings
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = "socket://{}:{}".format(*listener.getsockname())
        with running(qemu.command(elf, settings, listener.fileno(), listening=True), [listener.fileno()]):
            yield url


def recorded() -> list[dict]:
    path = places.records()
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_it_is_refused_by_whoever_means_another(port: str) -> None:
    ask = replace(ASK, port=port)
    before = recorded()
    for task in (pipeline.run, pipeline.compare):
        with pytest.raises(DeviceError) as caught:
            task(ask, Silent())
        assert str(caught.value) == (
            "the firmware says it is mps2-an500 (cortex-m7), runtime aot, where stm32f4 (cortex-m4), runtime aot was "
            "expected; flash stm32f4's firmware, or add --any-firmware to measure this one"
        )
    assert recorded() == before


def test_it_is_measured_as_what_it_is_where_any_will_do(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware, "build", lambda *_: pytest.fail("nothing is built"))
    outcome = pipeline.run(replace(ASK, port=port, any_firmware=True), Silent())
    record = recorded()[-1]
    assert (record["target"], record["runtime"], record["kernels"]) == ("mps2-an500", "aot", "dsp+dsp_lean")
    assert (record["flash_bytes"], record["ram_bytes"], record["mismatches"]) == (None, None, 0)
    assert {"target": "mps2-an500", "core": "cortex-m7"}.items() <= record["device"].items()
    assert pipeline.write_report(Silent()).is_file()
    assert outcome.built is None
    compared = pipeline.compare(replace(ASK, port=port, any_firmware=True), Silent())
    assert compared.target == "mps2-an500"
    assert kept.read(places.details(), kept.COMPARISON, outcome.measurement) is not None


def test_the_very_firmware_is_measured_with_its_sizes(port: str) -> None:
    outcome = pipeline.run(replace(THERE, port=port), Silent())
    record = recorded()[-1]
    assert outcome.built is not None
    assert record["flash_bytes"] == outcome.built.image.flash_bytes
    build = json.loads(outcome.built.image.project.files["manifest.json"])["build"]
    assert record["device"] == {"target": "mps2-an500", "core": "cortex-m7", "build": build}
    assert records.load(places.records(), pytest.fail)[-1].device == record["device"]


def test_the_same_target_built_from_other_sources_is_refused(port: str, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"  # the same model under another name, which is in its sources
    other.write_bytes(FLATTEN.read_bytes())
    with pytest.raises(DeviceError, match=r"runtime aot, as expected, but built from other sources or options \(build"):
        pipeline.run(replace(THERE, model=str(other), port=port), Silent())


def test_any_firmware_needs_a_port() -> None:
    with pytest.raises(UsageError, match="--any-firmware needs --port"):
        pipeline.run(replace(ASK, any_firmware=True), Silent())
