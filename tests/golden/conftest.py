"""`pytest tests/golden --update-golden` writes what is rendered now over what is expected; git diff shows it."""

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="accept what is rendered now as what is expected")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """golden(name, contents): the file tests/golden/<name> has exactly these contents."""

    def check(name: str, contents: bytes) -> None:
        path = Path(__file__).parent / name
        if request.config.getoption("--update-golden", default=False):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents)
        assert path.exists(), f"{path} is missing; write it with: pytest tests/golden --update-golden"
        expected = path.read_bytes().decode().splitlines()
        assert contents.decode().splitlines() == expected, "accept with: pytest tests/golden --update-golden"
        assert contents == path.read_bytes()

    return check
