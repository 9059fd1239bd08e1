"""Options of the test run: a board is used only where it is asked for by name."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kerf")
    group.addoption("--port", help="run the board tests on the board behind this port (auto: find it); it is flashed!")
    group.addoption("--target", help="which board it is: a name from `inv targets`")
    group.addoption("--runtime", default="aot", help="what runs the model on the board (default: aot)")
