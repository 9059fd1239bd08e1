"""The configurations of a sweep."""

from collections import Counter

import pytest

from tools.errors import UnknownName, UsageError
from tools.pipeline import Axes, origin
from tools.pipeline.grid import configurations
from tools.values import Request


def names(**axes: object) -> list[str]:
    return [ask.model for ask in configurations(Request(), Axes(**axes))]  # type: ignore[arg-type]


def test_every_combination_once() -> None:
    found = configurations(
        Request(samples=4),
        Axes(modes="int8,float32", targets="stm32f4,mps2-an385", optimize="speed,ram", channels="0,0.5"),
    )
    assert len(found) == len(set(found)) == 2 * 2 * 2 * 2
    assert {ask.samples for ask in found} == {4}
    assert Counter(ask.model for ask in found) == {"digits": 8, "digits+channels0.5": 8}


def test_a_default_has_the_model_s_own_name() -> None:
    assert names(vary=("filters=8,16",)) == ["digits+filters=8", "digits"]
    assert names(vary=("kernel", "filters=8"), sparsity="0.8") == [
        "digits+filters=8+sparse0.8",
        "digits+filters=8+kernel=5+sparse0.8",
    ]


def test_what_does_not_apply_is_not_combined() -> None:
    """Training for int8 is for int8, goals are those of aot, and float models need no calibration."""
    found = configurations(
        Request(),
        Axes(
            modes="float32,int8",
            qat="no,yes",
            runtimes="aot,tflm",
            optimize="size,ram",
            calibration="balanced,100",
        ),
    )
    assert Counter((ask.model, ask.mode, ask.calibration, ask.runtime, ask.optimize) for ask in found) == {
        (model, mode, calibration, runtime, goal): 1
        for model, mode, calibration in (
            ("digits", "float32", "balanced"),
            ("digits", "int8", "balanced"),
            ("digits", "int8", "100"),
            ("digits+qat", "int8", "balanced"),
        )
        for runtime, goal in (("aot", "size"), ("aot", "ram"), ("tflm", None))
    }


def test_a_random_choice_is_the_same_again() -> None:
    axes = Axes(sparsity=",".join(f"0.{i}" for i in range(10, 60)), optimize="speed,size,ram")
    every = configurations(Request(), axes)
    some = configurations(Request(), axes, 20, 7)
    assert len(set(some)) == 20 and set(some) <= set(every)
    assert some == configurations(Request(), axes, 20, 7) != configurations(Request(), axes, 20, 8)
    assert set(configurations(Request(), axes, 1000)) == set(every)


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        (Axes(channels="0,half"), "--channels takes comma-separated values, each a number from 0 to 1, not '0,half'"),
        (Axes(qat="maybe"), "--qat takes comma-separated values, each yes or no, not 'maybe'"),
        (Axes(sparsity="0.99"), "give a share from 0.05 to 0.95"),
        (Axes(channels=","), "--channels is empty"),
        (Axes(modes="float32", qat="yes"), "nothing to measure: quantization-aware training is for int8"),
        (Axes(models="net.keras", vary=("filters=8",)), "--vary is for models that come with kerf: net.keras"),
        (Axes(vary=("filters=many",)), "filters takes a whole number, such as 16"),
        (
            Axes(sparsity=",".join(f"0.{i}" for i in range(1000, 9000)), modes="all"),
            "choose some of them with --random",
        ),
        (Axes(calibration="some"), "calibration"),
    ],
)
def test_what_cannot_be(axes: Axes, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        configurations(Request(), axes)


def test_an_unknown_hyperparameter_lists_the_known_ones() -> None:
    for model, vary in (("digits", "size=3"), ("digits", "size"), ("digits+filters=8", "depth=1")):
        with pytest.raises(UnknownName, match=r"unknown hyperparameter of digits.*; known: filters, kernel"):
            configurations(Request(), Axes(models=model, vary=(vary,)))


def test_what_a_model_is_made_from() -> None:
    names = ["digits+filters=8", "digits+filters=8+channels0.5", "digits+filters=8+channels0.5+qat"]
    assert origin.stages(names[-1]) == names
    assert origin.stages("digits") == ["digits"]
