"""HTML that can't be injected into: text is escaped unless it was made here."""

from __future__ import annotations

from html import escape


class Html(str):
    """Markup, as opposed to text."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """An element.

    Args:
        name: Of the element.
        children: Markup, or text, which is escaped.
        attributes: Their values are escaped; `class_` is `class`, `_` is a dash.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    if name in ("meta", "br"):
        return Html(f"<{name}{words}>")
    return Html(f"<{name}{words}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Markup and text, one after the other."""
    return Html("".join(c if isinstance(c, Html) else escape(c) for c in children))
