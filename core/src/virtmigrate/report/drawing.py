"""Makes matplotlib's SVG a part of a page: its colours, type, ids and words."""

from __future__ import annotations

import re

# What is read here was written by matplotlib a moment ago, never by anybody else.
from xml.etree import ElementTree as ET

from virtmigrate.report.markup import Html
from virtmigrate.report.palette import LIGHT

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
ROLES = {colour: role for role, colour in LIGHT.items()}
_COLOUR = re.compile("|".join(ROLES))
_FONT = re.compile(r"font: ([\d.]+px)[^;]*")
_URL = re.compile(r"url\(#")


def inline(svg: str, name: str, label: str) -> Html:
    """The same drawing for inside a page, in the page's colours by CSS variables.

    Args:
        svg: As matplotlib writes it.
        name: Put before its ids: a page may hold several.
        label: What it shows, for those who can't see it.
    """
    root = ET.fromstring(svg)  # noqa: S314 - our own
    for part in root.findall(f"{{{SVG}}}metadata"):
        root.remove(part)
    for element in root.iter():
        _adapt(element, name)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": label, "class": f"plot {name}"}
    ET.register_namespace("", SVG)
    return Html(ET.tostring(root, encoding="unicode"))


def _adapt(element: ET.Element, name: str) -> None:
    marks = element.attrib
    if "id" in marks:
        marks["id"] = f"{name}-{marks['id']}"
    # `href` alone is SVG 2; a page needs no second namespace.
    target = marks.pop(XLINK, "")
    if target.startswith("#"):
        marks["href"] = f"#{name}-{target[1:]}"
    for key in ("style", "clip-path", "fill", "stroke"):
        if key in marks:
            value = _URL.sub(f"url(#{name}-", marks[key])
            value = _FONT.sub(r"font-size: \1", value)
            marks[key] = _COLOUR.sub(lambda m: f"var(--{ROLES[m.group()]})", value)
