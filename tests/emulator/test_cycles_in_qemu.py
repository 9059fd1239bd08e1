"""`inv bench --cycles`: QEMU's log has as many instructions as the firmware counts."""

from pathlib import Path

import pytest
from port_project import Silent, require

from tools import cycles, footprint, pipeline
from tools.errors import TransportError
from tools.pipeline import Outcome, matrix, places, traces
from tools.pipeline.ready import ready
from tools.transports import qemu
from tools.values import Request

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
BENCH = 64  # at most as many instructions of the bench are between the two readings of the clock

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("arm-none-eabi-g++", "arm-none-eabi-objdump", "qemu-system-arm")
    cache = places.cache()
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(places, "cache", lambda: cache)
    monkeypatch.setattr(matrix, "_bench_code_bytes", lambda *_: None)  # needs TensorFlow, for the model `empty`


def test_every_instruction_is_counted_once() -> None:
    choice = pipeline.choose(Request(model=str(FLATTEN), samples=1))
    measured = pipeline.run(choice.ask, Silent(), keep=False).measurement.invoke.median
    with ready(choice, Silent()) as firmware:
        executed = traces.executed(firmware, Silent())
        assert executed is not None and firmware.built is not None
        image = firmware.built.image
        code = cycles.disassemble(image.elf)
        # The bench has at least 10,000 bytes of code, and this model's kernels and glue are the rest.
        assert 10_000 < footprint.bench_code_bytes(image) < image.flash_bytes["code"] - 1_000
    assert 0 <= measured - cycles.instructions(code, executed) <= BENCH
    assert cycles.estimate(code, executed, choice.target.core) > measured


def test_the_estimate_is_in_the_record_where_the_core_has_one() -> None:
    targets = "stm32f4,mps2-an385"
    m4, m3 = pipeline.bench_all(Request(samples=1), str(FLATTEN), "", "aot", targets, Silent(), "speed", cycles=True)
    assert isinstance(m4, Outcome) and isinstance(m3, Outcome)
    assert m4.measurement.quantities["cycles_estimate"] > m4.measurement.invoke.median
    assert "cycles_estimate" not in m3.measurement.quantities
    assert m4.measurement.quantities["macs"] == m3.measurement.quantities["macs"] == 2 * 9 * 16 + 3 * 32


def test_a_machine_too_slow_to_count_costs_the_estimate_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Heard(Silent):
        def warn(self, text: str) -> None:
            said.append(text)

    said: list[str] = []
    monkeypatch.setattr(qemu, "open_counting", out_of_time)
    ask = Request(samples=1)
    (run,) = pipeline.bench_all(ask, str(FLATTEN), "", "aot", "stm32f4", Heard(), "speed", cycles=True)
    assert isinstance(run, Outcome) and "cycles_estimate" not in run.measurement.quantities
    assert any("are not estimated, because counting failed: It took too long." in text for text in said)


def out_of_time(*_: object) -> None:
    raise TransportError("It took too long.")
