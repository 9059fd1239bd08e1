"""The energy of an inference from what an instrument records, and the instruments through stand-ins for their
libraries (power_libraries.py); test_power_libraries.py has the libraries themselves."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from power_libraries import Joulescope, Ppk2, joulescope_module, ppk2_module

from tools import pipeline, power, registry, targets
from tools.errors import MissingTool, PowerError, TransportError, UnknownName, UsageError
from tools.packages import _firmware
from tools.pipeline import bench_all, firmware, places
from tools.pipeline.choices import choose, choose_line
from tools.power import Samples, energy
from tools.progress import Progress
from tools.values import Request

FLATTEN = Path(__file__).with_name("flatten.tflite")
HZ = 100_000
IDLE, BUSY, VOLTS = 0.004, 0.012, 3.0


def recorded(
    windows: int = 20,
    length: int = 300,
    jitter: int = 0,
    drift: float = 0.0,
    noise: float = 0.0,
    burst: float = 0.0,
) -> Samples:
    """``windows`` inferences of about ``length`` samples, each between about 1,000 idle ones, of which a tenth have a
    ``burst`` of current more; the idle current rises by ``drift`` A in all."""
    random = np.random.default_rng(0)
    pin: list[bool] = []
    for _ in range(windows):
        pin += [False] * (1_000 + int(random.integers(0, jitter + 1)))
        pin += [True] * (length + int(random.integers(-jitter, jitter + 1)))
    high = np.array([*pin, *[False] * 1_000])
    amperes = np.where(high, BUSY, IDLE) + np.linspace(0, drift, len(high)) + random.normal(0, noise, len(high))
    amperes[~high & (np.arange(len(high)) % 10 == 0)] += burst
    return Samples(HZ, amperes, VOLTS, high)


EXPECTED_UJ = (BUSY - IDLE) * VOLTS * 300 / HZ * 1e6


def test_the_energy_above_idle_of_one_inference() -> None:
    found = energy(recorded(), 20, "x")
    assert (found.uj, found.ma, found.idle_ma, found.volts) == pytest.approx((EXPECTED_UJ, 12, 4, 3))
    assert (found.inferences, found.instrument) == (20, "x")


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"drift": 0.004}, 1e-3),  # without the idle current on either side, the last one would be off by half
        ({"burst": 0.05}, 1e-9),  # what the board does with the data it receives is not idle
        ({"noise": 0.001}, 5e-3),
        ({"jitter": 30, "windows": 200}, 2e-2),  # the lengths themselves differ, by 10 %
    ],
    ids=str,
)
def test_it_is_not_disturbed(how: dict[str, Any], error: float) -> None:
    samples = recorded(**how)
    assert energy(samples, how.get("windows", 20), "x").uj == pytest.approx(EXPECTED_UJ, rel=error)


def test_a_voltage_that_is_measured() -> None:
    samples = recorded()
    sagging = replace(samples, volts=np.where(samples.pin, 2.5, 3.0))
    assert energy(sagging, 20, "x").uj == pytest.approx(EXPECTED_UJ * 2.5 / 3)
    assert energy(sagging, 20, "x").volts == 2.5


def test_inferences_that_are_not_complete_do_not_count() -> None:
    samples = recorded()
    for part in (slice(1_100, None), slice(0, -1_100)):  # begins, ends in the middle of an inference
        cut = Samples(HZ, samples.amperes[part], VOLTS, samples.pin[part])
        found = energy(cut, 20, "x")
        assert found.inferences == 19 and found.uj == pytest.approx(EXPECTED_UJ)


@pytest.mark.parametrize("lost", [1_100, 1_000, 999, 1_299, 1_300], ids=lambda at: f"sample {at} of 1000-1299")
def test_an_inference_with_a_lost_sample_does_not_count(lost: int) -> None:
    samples = recorded()
    samples.amperes[lost] = np.nan
    found = energy(samples, 20, "x")
    assert found.inferences == 19 and found.uj == pytest.approx(EXPECTED_UJ)


def test_a_sample_lost_between_inferences_does_not_matter() -> None:
    samples = recorded()
    samples.amperes[[10, 500]] = np.nan
    assert energy(samples, 20, "x") == energy(recorded(), 20, "x")


@pytest.mark.parametrize(
    ("samples", "inferences", "sentence"),
    [
        (Samples(HZ, np.zeros(0), 3.0, np.zeros(0, bool)), 1, "x sent no samples"),
        (
            Samples(HZ, np.ones(9), 3.0, np.zeros(9, bool)),
            1,
            "x saw no inference, because its digital input stayed l",
        ),
        (Samples(HZ, np.ones(9), 3.0, np.ones(9, bool)), 1, "digital input stayed high: connect the board's pin"),
        (Samples(HZ, np.ones(9), 3.0, np.arange(9) > 4), 1, "x saw 0 of 1 inferences"),
        (recorded(), 41, r"x saw 20 of 41 inferences, each of which must be longer than the 10 µs between two"),
        (replace(recorded(), amperes=np.full(27_000, np.nan)), 20, "x lost samples in 20 of 20 inferences"),
    ],
    ids=["no samples", "low", "high", "one edge", "too short", "all lost"],
)
def test_what_cannot_be_computed_is_said(samples: Samples, inferences: int, sentence: str) -> None:
    with pytest.raises(PowerError, match=sentence):
        energy(samples, inferences, "x")


# The instruments


def same(found: Samples, sent: Samples) -> None:
    assert found.hz == sent.hz
    np.testing.assert_array_equal(found.pin, sent.pin)
    np.testing.assert_allclose(found.amperes, sent.amperes, rtol=1e-4, atol=1e-6)


def ask(monkeypatch: pytest.MonkeyPatch, name: str, module: Any) -> None:
    monkeypatch.setitem(sys.modules, name.partition(".")[0], module)
    monkeypatch.setitem(sys.modules, name, module)


def test_ppk2(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = recorded(3)
    ask(monkeypatch, "ppk2_api.ppk2_api", ppk2_module(sent))
    with power.connected("ppk2:3.0") as recorder:
        meter = Ppk2.latest
        assert meter.calls == ["modifiers", "3000 mV", "ampere meter", "power ON"]
        recorder.start()
        meter.all_read.wait(10)
        found = recorder.stop()
    same(found, sent)
    assert found.volts == 3.0
    assert meter.calls[4:] == ["start", "stop"]


def test_ppk2_counts_what_it_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = recorded(3)
    ask(monkeypatch, "ppk2_api.ppk2_api", ppk2_module(sent, lost=range(1_100, 1_140)))
    with power.connected("ppk2") as recorder:
        recorder.start()
        Ppk2.latest.all_read.wait(10)
        found = recorder.stop()
    sent.amperes[1_100:1_140] = np.nan
    same(found, sent)
    assert energy(found, 3, "ppk2").inferences == 2


def test_ppk2_that_is_not_there_or_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ppk2_module(recorded(1))
    ask(monkeypatch, "ppk2_api.ppk2_api", module)
    with power.connected("ppk2") as recorder:
        Ppk2.latest.breaks = True
        recorder.start()
        Ppk2.latest.all_read.wait(10)
        with pytest.raises(TransportError, match="the Power Profiler Kit II was lost: device disconnected"):
            recorder.stop()
    with power.connected("ppk2") as recorder:
        recorder.start()
    assert Ppk2.latest.calls[-1] == "stop", "after an error in between"
    module.PPK2_API.answers = False
    with pytest.raises(TransportError, match="at /dev/ttyPPK does not answer"), power.connected("ppk2"):
        pass
    module.PPK2_API.ports = []
    with pytest.raises(TransportError, match="no Power Profiler Kit II is plugged in"), power.connected("ppk2"):
        pass


def test_joulescope(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = recorded(3)
    device = Joulescope(replace(sent, volts=np.full(len(sent.pin), 2.9)))
    ask(monkeypatch, "joulescope", joulescope_module([device]))
    with power.connected("joulescope") as recorder:
        recorder.start()
        found = recorder.stop()
    same(found, sent)
    assert set(np.asarray(found.volts)) == {2.9}
    assert device.calls == ["open", ("sampling_frequency", HZ), ("i_range", "auto"), "start", "stop", "close"]


def test_joulescope_whose_buffer_has_overflowed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = recorded(3)
    ask(monkeypatch, "joulescope", joulescope_module([Joulescope(sent, forgotten=range(1_000, 1_300))]))
    with power.connected("joulescope") as recorder:
        recorder.start()
        found = recorder.stop()
    assert len(found.pin) == len(sent.pin) and np.isnan(found.amperes[1_000:1_300]).all()
    assert energy(found, 2, "joulescope").inferences == 2


@pytest.mark.parametrize(("count", "what"), [(0, "no Joulescope is"), (2, "2 Joulescopes are")])
def test_not_one_joulescope(monkeypatch: pytest.MonkeyPatch, count: int, what: str) -> None:
    ask(monkeypatch, "joulescope", joulescope_module([Joulescope(recorded(1))] * count))
    with pytest.raises(TransportError, match=f"{what} plugged in"), power.connected("joulescope"):
        pass


# What the user asks for


@pytest.mark.parametrize(
    ("asked", "kind", "sentence"),
    [
        ("ppk3", UnknownName, "unknown instrument 'ppk3'; known: joulescope, ppk2"),
        ("ppk2:33", UsageError, "'33' is not the board's supply voltage; give 0.8 to 5 V, as in ppk2:3.3"),
        ("ppk2:", UsageError, "'' is not the board's supply voltage"),
        ("joulescope:3.3", UsageError, "joulescope measures the voltage itself; omit :3.3"),
    ],
)
def test_what_is_no_instrument(asked: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        power.require(asked)


@pytest.mark.parametrize("name", registry.names("power"))
def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    instrument = registry.find("power", name, "instrument")
    monkeypatch.setitem(sys.modules, instrument.MODULE, None)
    sentence = f"--power {name} needs the Python package {instrument.PACKAGE}, which is not installed; get it with: "
    with pytest.raises(MissingTool, match=sentence):
        power.require(name)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({}, "--power measures a real board: add --port auto"),
        ({"emulator": "qemu"}, "--power measures a real board"),
        ({"port": "/dev/ttyX", "any_firmware": True}, "omit --any-firmware"),
        ({"port": "/dev/ttyX", "target": "microbit"}, "microbit has no pin for --power: add custom_power_pin"),
    ],
    ids=["emulator", "named emulator", "any firmware", "no pin"],
)
def test_what_cannot_be_measured(monkeypatch: pytest.MonkeyPatch, wish: dict[str, Any], sentence: str) -> None:
    monkeypatch.setattr(power, "require", lambda asked: None)
    with pytest.raises(UsageError, match=sentence):
        choose_line(choose(replace(Request(power="ppk2"), **wish)))


def test_one_board_at_a_time() -> None:
    with pytest.raises(UsageError, match="--power measures one board at a time: omit --jobs"):
        bench_all(Request(power="ppk2", port="auto"), "digits", "", "aot", "stm32f4", Progress(), jobs=2)


# The pin


def test_an_arena_is_sized_on_a_target_without_a_pin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    compiled = pipeline.compile(Request(str(FLATTEN), target="microbit", power="ppk2"), Progress())
    assert not [name for name in firmware.render(compiled, Progress()).project.files if "/power/" in name]


def test_each_driver_of_a_pin_is_that_of_a_target() -> None:
    drivers = {target.power_pin[0] for target in targets.load().values() if target.power_pin}
    assert {f"src/power/{name}.cpp" for name in drivers} == {
        name for name in _firmware.copies("power", "src/power") if name.endswith(".cpp")
    }
