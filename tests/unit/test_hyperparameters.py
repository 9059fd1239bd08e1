"""Hyperparameters are part of a model's name, which works wherever a name does."""

import pytest

from tools import compress, models
from tools.errors import UnknownName, UsageError
from tools.pipeline import origin


def test_a_name_with_hyperparameters_is_a_model() -> None:
    name = "digits+filters=8"
    assert compress.parse(f"{name}+sparse0.8") == (name, (compress.Step("sparse", 0.8),))

    assert not origin.is_path(name) and not origin.is_path("digits+rate=0.5") and origin.is_path("x+rate=0.5")
    assert models.source(name) == models.source("digits")
    assert models.find(name).CLASSES == models.find("digits").CLASSES
    assert models.varied("digits", {"filters": "8", "kernel": "3"}) == name


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("sine+filters=8", "unknown hyperparameter of sine 'filters'; known: none"),
        ("digits+size=8", "unknown hyperparameter of digits 'size'; known: filters, kernel"),
        ("digits+filters=few", r"digits\+filters=few: filters takes a whole number, such as 16"),
    ],
)
def test_what_a_model_does_not_have(name: str, sentence: str) -> None:
    with pytest.raises((UnknownName, UsageError), match=sentence):
        models.find(name)
