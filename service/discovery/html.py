"""HTML and SVG made of elements, so that whatever is no element is escaped."""

from __future__ import annotations

from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *content: str | Html | int, **attributes: str | float) -> Html:
    """Return an element; an attribute's ``_`` stands for ``-``, and for nothing at the end (``class_``)."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_shown(str(value))}"' for key, value in attributes.items())
    inside = "".join(part if isinstance(part, Html) else _shown(str(part)) for part in content)
    return Html(f"<{name}{given}>{inside}</{name}>")


def joined(parts: list[Html], between: str = "") -> Html:
    """Return elements one after another."""
    return Html(between.join(parts))


def _shown(text: str) -> str:
    """Escape; what turns the direction of writing, or is no character, does not show as anything else."""
    return escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text))
