"""Templates of pages; those of the report are there for other pages too."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

_HERE = Path(__file__).parent / "templates"


def template(name: str, folder: Path = _HERE) -> jinja2.Template:
    """The template `name` in `folder`, which may use those of the report."""
    return _environment(folder).get_template(name)


@cache
def _environment(folder: Path) -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}  # a page has some hundred numbers
    return environment
