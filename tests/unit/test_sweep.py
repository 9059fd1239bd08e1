"""What a sweep refuses, what its jobs pass on, and what it leaves out."""

from pathlib import Path
from typing import Any

import pytest

from tools import cluster, pipeline
from tools.errors import KerfError, UsageError
from tools.pipeline import Axes, Failure, LeftOut, Limits, jobs, places, sweep, work_for
from tools.pipeline.choices import choose
from tools.pipeline.jobs import Done, Task
from tools.progress import Progress
from tools.values import Request

MODEL = str(Path(__file__).with_name("flatten.tflite"))
HERE = Request(MODEL, target="host")


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("ask", "axes", "scheduler", "sentence"),
    [
        (Request(), Axes(), "192.168.1.7:8786", "--scheduler '192.168.1.7:8786' is not an address such as tcp://"),
        (Request(), Axes(models="digits,unheard"), "", "unknown model 'unheard'; known: "),
        (Request(), Axes(targets="nano33ble"), "", "nano33ble has no emulator: plug in the board"),
        (Request(port="/dev/ttyACM0"), Axes(targets="nano33ble"), "tcp://a:1", "give --port auto for boards anywhere"),
        (Request(port="auto"), Axes(targets="mps3-an547"), "tcp://a:1", "mps3-an547 is not a board"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(
    ask: Request, axes: Axes, scheduler: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "connected", None)
    with pytest.raises(UsageError, match=sentence):
        sweep(ask, axes, Progress(), scheduler=scheduler)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("", "", ""), "give the address of a scheduler"),
        (("tcp://a", "", ""), "'tcp://a' is not an address"),
        (("tcp://a:1", "/dev/ttyACM0", ""), "--port names one board: give its --targets"),
        (("tcp://a:1", "/dev/ttyACM0", "microbit"), "microbit is not a board"),
        (("tcp://a:1", "", "nano33ble"), "neither an emulator for nano33ble nor, with --port, such a board"),
    ],
)
def test_what_no_worker_can_offer(options: tuple[str, str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        work_for(*options, Progress())


def test_each_measurement_goes_to_a_board_or_emulator_of_its_kind() -> None:
    asks = [Request(target=t, port=p) for t, p in (("stm32f4", None), ("stm32f4", "auto"), ("nano33ble", "auto"))]
    assert [jobs.needs(choose(ask)) for ask in [*asks, HERE]] == ["stm32f4/qemu", "stm32f4", "nano33ble", None]
    tasks = list(map(Task, asks))
    assert jobs.offers(tasks, 2) == [{"stm32f4/qemu", "stm32f4"}, {"stm32f4/qemu", "nano33ble"}]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KerfError("It is too hot."), "It is too hot."),
        (FileNotFoundError(2, "No such file", "net.keras"), "net.keras: No such file; check that"),
        (MemoryError(), "this machine ran out of memory"),
        (ZeroDivisionError(), "this is a bug in kerf: ZeroDivisionError"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_failure_is_passed_on_and_a_bug_is_a_row(error: Exception, sentence: str) -> None:
    def fail(progress: Progress) -> Any:
        raise error

    first = jobs._job(HERE, Done(), fail)
    then = jobs._job(Request(), first, lambda _: pytest.fail("needs what the first has not made"))
    for done, ask in ((first, HERE), (then, Request())):
        assert isinstance(done.value, Failure) and done.value.ask == ask
        assert done.value.row()["error"].startswith(sentence)


def test_a_limit_is_applied_as_early_as_it_is_known() -> None:
    converted = jobs._convert(HERE, Done())
    ask = Request(MODEL)
    plan = pipeline.compile(ask, Progress()).plan
    assert plan is not None
    arena = Task(ask, limits=Limits(ram=plan.arena_bytes - 1))
    over = f"RAM {plan.arena_bytes} > {plan.arena_bytes - 1}"
    assert jobs._foresee(arena, converted).value == LeftOut(ask, f"{over}, known before it was trained")
    assert jobs._measure(arena, converted).value == LeftOut(ask, f"{over}, known before it was built")
    weights = Task(ask, limits=Limits(flash=100, ram=10_000))
    assert jobs._foresee(weights, converted).value is None, "which may become fewer"
    assert "flash" in jobs._measure(weights, converted).value.reason
    assert jobs._foresee(arena, Done(Failure(HERE, KerfError("It is too hot.")))).value is None


def test_limits_are_compared_with_what_is_known() -> None:
    limits = Limits(flash=10, time=1000, accuracy=0.9)
    assert limits.exceeded(10, 99, 1000, 0.9) == ""
    assert limits.exceeded(11, None, 2000, 0.85) == "flash 11 > 10, time 2,000 > 1,000, accuracy 0.8500 < 0.9"
    assert limits.exceeded() == Limits().exceeded(1, 2, 3, 0.0) == ""


def test_trained_models_travel_between_build_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    for name in ("digits.keras", "digits.train.json", "digits.log", ".digits.1.partial.keras"):
        (tmp_path / "digits" / name).write_text(name)
    packed = jobs._packed([tmp_path / "digits", tmp_path / "nothing"])
    assert packed == {f"digits/{name}": name.encode() for name in ("digits.keras", "digits.train.json")}
    monkeypatch.setattr(places, "BUILD", tmp_path / "elsewhere")
    jobs._unpack(packed)
    assert (tmp_path / "elsewhere" / "digits" / "digits.keras").read_text() == "digits.keras"
