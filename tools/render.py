"""Values → text, and a whole PlatformIO project that needs nothing outside its folder: the only user of Jinja."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
FIRMWARE = ROOT / "firmware"


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # source text, not HTML: cpp_text.py does the escaping
    )


def render(template: str, **values: Any) -> str:
    """The text of a template (path below templates/); a value that is missing or misspelt raises UndefinedError."""
    return _environment().get_template(template).render(values)
