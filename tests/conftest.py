"""Options of the test run: a board is used only where it is asked for by name."""

import os
import signal
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

# A shell starts its background jobs deaf to Ctrl-C, nohup to the end of the terminal, and so their children; what is
# interrupted here must hear both.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)  # children get the default again; the tests themselves continue

# A busy machine is slow.
settings.register_profile("kerf", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kerf")

os.environ["KERF_TRACEBACK"] = "1"  # show the traceback of a bug in kerf, also in kerf's children
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each of them, and SCons, would compile itself anew


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kerf")
    group.addoption("--port", help="run the board tests on the board behind this port (auto: find it); it is flashed!")
    group.addoption("--target", help="which board it is: a name from `inv targets`")
    group.addoption("--runtime", default="aot", help="what runs the model on the board (default: aot)")
    group.addoption("--every-case", action="store_true", help="also run the long tests, as `inv soak` does")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects the long tests, and runs the slowest files first, so that no core is idle at the end."""
    if not config.getoption("--every-case"):
        long_ones = set(long(items))
        config.hook.pytest_deselected(items=[item for item in items if item in long_ones])
        items[:] = [item for item in items if item not in long_ones]
    slow = {item.path for item in items if item.get_closest_marker("tf") or item.get_closest_marker("emulator")}
    items.sort(key=lambda item: item.path not in slow)


def long(items: list[pytest.Item]) -> list[pytest.Item]:
    """What only `inv soak` runs: long tests, and of a test with `sampled(one_in=n)` all but every n-th case.

    Cases of one kind stand together in a table, so that each kind of at least n cases is in the sample.
    """
    seen: Counter[str] = Counter()
    found = []
    for item in items:
        name, marker = item.nodeid.partition("[")[0], item.get_closest_marker("sampled")
        if item.get_closest_marker("soak") or seen[name] % (marker.kwargs.get("one_in", 1) if marker else 1):
            found.append(item)
        seen[name] += 1
    return found
