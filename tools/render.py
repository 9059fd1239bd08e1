"""Values → text: the only user of Jinja."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from .visible import visible

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # HTML is escaped here; source text is not HTML: cpp_text.py does its escaping
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
    )


def render(template: str, **values: Any) -> str:
    """The text of a template (path below templates/); a missing or misspelt value raises UndefinedError."""
    text = _environment().get_template(template).render(values)
    return visible(text, keep="\n") if template.endswith(".html.j2") else text
