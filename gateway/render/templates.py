"""Where templates lie and how they are read (Jinja2).

In: a folder of the operator, perhaps. Out: environments, by name and not by file ending, since Jinja2 escapes
nothing by itself: `html` and `page` escape every value, `text` takes control characters out of every value. All are sandboxed:
a template may look at what it is given and change nothing. Users' text only ever comes in as a value.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.render.blocks import Cleaned, clean
from gateway.render.places import Placeholder
from gateway.render.styles import InlineStyles, Styles

CSS = "digest.css"


def find_templates() -> Path:
    """The folder of the wheel, or that of the checkout; FileNotFoundError when there is neither."""
    packaged = Path(str(resources.files("gateway"))) / "_data" / "templates"
    checkout = Path(str(resources.files("gateway"))).parent / "templates"
    for folder in (packaged, checkout):
        if folder.is_dir():
            return folder
    raise FileNotFoundError("the templates folder is missing from this installation")


@cache
def text_environment(override: Path | None = None) -> Environment:
    """For text parts: a file in `override` comes before ours."""
    return ImmutableSandboxedEnvironment(
        loader=_loader(override),
        # Nothing here is read by a browser; `finalize` is what makes a value safe for a terminal.
        autoescape=False,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def html_environment(override: Path | None = None) -> Environment:
    """For HTML parts: every value is escaped; `styles` on it holds the inlined style sheet."""
    loader = _loader(override)
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[InlineStyles],
    )
    css, _, _ = loader.get_source(environment, CSS)
    environment.styles = Styles(css)  # type: ignore[attr-defined]
    return environment


@cache
def page_environment(override: Path | None = None) -> Environment:
    """For pages of ours: every value is escaped, and styles stay in the sheet, where a Content-Security-Policy can name them."""
    return ImmutableSandboxedEnvironment(
        loader=_loader(override), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _loader(override: Path | None) -> BaseLoader:
    return FileSystemLoader([*([override] if override else []), find_templates()])


def _finalize(value: object) -> object:
    return clean(value) if isinstance(value, str) and not isinstance(value, Placeholder | Cleaned) else value
