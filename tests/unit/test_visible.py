r"""Text from files and devices reaches a terminal or a page with every character visible."""

import unicodedata
from io import StringIO

import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from tools.progress import TerminalProgress, VisibleConsole
from tools.report import show_rows
from tools.visible import visible

# A title for the terminal's window, a colour, an 8-bit CSI, right-to-left override, isolate, zero-width space and
# joiner, byte order mark, line separator, tag letter, Hangul filler, half a surrogate pair.
EVIL = "a\x1b]0;pwned\x07\x1b[31mRED\x9b2J\u202e\u2066\u200b\u200d\ufeff\u2028\U000e0041\u3164\ud800\r\nb"
SHOWN = r"a\x1b]0;pwned\x07\x1b[31mRED\x9b2J\u202e\u2066\u200b\u200d\ufeff\u2028\U000e0041\u3164\ud800\r\nb"


def hidden(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")}


def test_what_cannot_be_seen_is_escaped() -> None:
    assert visible(EVIL) == SHOWN
    assert visible("line\n\ttab\r", keep="\n\t") == "line\n\ttab\\r"


@pytest.mark.parametrize("text", ["", "plain [bold]text[/bold]", "größe 日本語 é\u00a0🤖", r"C:\x1b", "e\u0301"])
def test_what_can_be_seen_stays(text: str) -> None:
    assert visible(text) == text


@given(st.text(st.characters(codec=None)))
def test_nothing_hidden_is_left(text: str) -> None:
    assert hidden(visible(text)) == set()
    assert visible(visible(text)) == visible(text)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_warnings_and_bars_do_not_steer_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for file in (StringIO(), Terminal()):
        progress = TerminalProgress(file)
        progress.say(EVIL)
        progress.warn(EVIL)
        with progress.bar(EVIL, 4) as step:
            step(2, EVIL)
            step(4, EVIL)
        text = file.getvalue()
        assert text.count(SHOWN) >= 2 and text.count(r"a\x1b]0;pwned") >= 4
        assert "\x1b]" not in text and "\x1b[31m" not in text and not hidden(text) - {"\n", "\r", "\x1b"}
        assert file.isatty() or "\x1b" not in text


@pytest.mark.parametrize("name", [EVIL, *HOSTILE])
def test_tables_do_not_steer_a_terminal(name: str) -> None:
    text = StringIO()
    show_rows([{"name": name, "list": [name], name: 1}], False, VisibleConsole(text))
    show_rows([{"name": name, name: {name: name}}] * 2, False, VisibleConsole(text))
    assert hidden(text.getvalue()) <= {"\n"}


def test_a_cell_that_nobody_thought_of_is_text_and_no_markup() -> None:
    text = StringIO()
    VisibleConsole(text).print(f"[red]:smile: {EVIL}")
    assert text.getvalue().startswith("[red]:smile: a\\x1b]0;pwned") and hidden(text.getvalue()) <= {"\n"}


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """Valid in every encoding: the escapes that Python prints for missing characters would not be JSON."""
    show_rows([{"name": f"größe {EVIL}"}], True)
    assert capsys.readouterr().out.isascii()
