"""Plots as inline SVG: total times as bars, bytes sent over time as curves."""

from __future__ import annotations

from html import escape

from bench.convergence.cell import Cell
from bench.convergence.data import Data
from bench.convergence.figures import Group, groups

WIDTH, ROW, LABEL, MARGIN = 900, 18, 190, 30
HEIGHT = 260
COLOURS = (
    *("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7"),
    *("#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"),
)
OURS, ENDED, NEVER, DONE = "#3ca951", "#4269d0", "#c9c9c9", "#d62728"


def totals(data: Data, scenario: str) -> str:
    """A bar for each strategy: total time; grey where it was ended at the deadline.

    Ticks are passes over the memory, dots what was done meanwhile, and the pale end of
    a bar is the time in which the guest ran at the destination already (first runs).
    """
    rows = [group for group in groups(data) if group.scenario == scenario]
    longest = max((row.total_s for row in rows), default=1.0)
    room = WIDTH - LABEL - 80
    bars = [
        _bar(data, row, index * ROW, room / longest)
        + _ticks(row, index * ROW, room / longest)
        for index, row in enumerate(rows)
    ]
    return _svg(ROW * len(rows) + 4, bars, f"Total times, {scenario}")


def _ticks(row: Group, top: int, across: float) -> str:
    first = row.cells[0]
    drawn = []
    if row.ended and first.landed_s is not None:
        pale = {"fill": "#fff", "fill_opacity": 0.55, "height": ROW - 5, "y": top + 3}
        left, right = (LABEL + round(s * across) for s in (first.landed_s, row.total_s))
        drawn.append(_element("rect", "", x=left, width=max(0, right - left), **pale))
    for at, what in first.marks:
        x, name = LABEL + round(at * across), _element("title", escape(what))
        if what.startswith("pass "):
            line = {"x1": x, "x2": x, "y1": top + 3, "y2": top + ROW - 2}
            drawn.append(_element("line", name, stroke="#fff", **line))
        else:
            drawn.append(_element("circle", name, cx=x, cy=top + 10, r=4, fill=DONE))
    return "".join(drawn)


def _bar(data: Data, row: Group, top: int, across: float) -> str:
    ours = data.adaptive(row.strategy)
    colour = (OURS if ours else ENDED) if row.ended else NEVER
    width = row.total_s * across
    text = f"{row.total_s:.2f} s" if row.ended else f"> {row.total_s:.0f} s"
    name = f"{row.strategy}{'' if row.buffers == 'deep' else ' ' + row.buffers}"
    return "".join(
        (
            _text(LABEL - 6, top + 13, name, text_anchor="end"),
            _element(
                *("rect", ""),
                x=LABEL,
                y=top + 3,
                width=max(1, round(width)),
                height=ROW - 5,
                fill=colour,
            ),
            _text(LABEL + round(width) + 5, top + 13, text),
        )
    )


def curves(data: Data, scenario: str) -> str:
    """MiB sent over seconds, a curve for each strategy (its first run).

    Dots are what a policy or a person did meanwhile, and what happened to the link.
    """
    rows = [group for group in groups(data) if group.scenario == scenario]
    runs = [row.cells[0] for row in rows if row.cells[0].curve]
    if not runs:
        return ""
    last_s = max(cell.curve[-1][0] for cell in runs) or 1.0
    most = max(cell.curve[-1][1] for cell in runs) or 1.0
    scale = (WIDTH - LABEL - MARGIN) / last_s, (HEIGHT - 2 * MARGIN) / most
    parts = [_axes(last_s, most)]
    parts += [_curve(cell, index, scale) for index, cell in enumerate(runs)]
    height = max(HEIGHT, 20 + 13 * len(runs))
    return _svg(height, parts, f"MiB sent over seconds, {scenario}")


def _curve(cell: Cell, index: int, scale: tuple[float, float]) -> str:
    dash = "" if index < len(COLOURS) else "4 3"
    drawn = {"stroke": COLOURS[index % len(COLOURS)], "stroke_dasharray": dash}
    top, left = 14 + index * 13, WIDTH - LABEL
    points = [_place(*point, scale) for point in cell.curve]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    key = {"x1": left, "x2": left + 14, "y1": top - 4, "y2": top - 4}
    dots = [
        _element(
            *("circle", _element("title", escape(f"{cell.strategy}: {what}"))),
            cx=round(x, 1),
            cy=round(y, 1),
            r=3,
            fill=drawn["stroke"],
        )
        for at, what in cell.marks
        if not what.startswith("pass ")
        for x, y in [_place(at, _sent(cell, at), scale)]
    ]
    return "".join(
        (
            _element("polyline", "", points=line, fill="none", **drawn),
            _text(left + 18, top, cell.strategy),
            _element("line", "", stroke_width=2, **key, **drawn),
            *dots,
        )
    )


def _place(at: float, sent: float, scale: tuple[float, float]) -> tuple[float, float]:
    """Where a moment and an amount are on the plot."""
    across, up = scale
    return MARGIN + at * across, HEIGHT - MARGIN - sent * up


def _sent(cell: Cell, moment: float) -> float:
    """MiB that had been sent by then."""
    return max((sent for at, sent in cell.curve if at <= moment), default=0.0)


def _axes(last_s: float, most: float) -> str:
    floor, right = HEIGHT - MARGIN, WIDTH - LABEL
    path = f"M{MARGIN} {MARGIN}V{floor}H{right}"
    return "".join(
        (
            _element("path", "", d=path, fill="none", stroke="#888"),
            _text(right, HEIGHT - 12, f"{last_s:.1f} s", text_anchor="end"),
            _text(2, MARGIN - 8, f"{most:.0f} MiB"),
        )
    )


def _text(x: int, y: int, text: str, **attributes: object) -> str:
    return _element("text", escape(text), x=x, y=y, **attributes)


def _element(tag: str, inside: str, **attributes: object) -> str:
    """An element; underscores in names stand for dashes."""
    said = "".join(
        f' {name.replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value != ""
    )
    return f"<{tag}{said}>{inside}</{tag}>"


def _svg(height: int, parts: list[str], title: str) -> str:
    return _element(
        *("svg", _element("title", escape(title)) + "".join(parts)),
        viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH,
        height=height,
        **{"font-size": 11, "font-family": "system-ui, sans-serif", "fill": "#222"},
        role="img",
    )
