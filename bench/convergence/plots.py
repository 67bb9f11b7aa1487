"""Plots as inline SVG: total times as bars, bytes sent over time as curves."""

from __future__ import annotations

from html import escape

from bench.convergence.data import Data
from bench.convergence.figures import Group, groups

WIDTH, ROW, LABEL, MARGIN = 900, 18, 190, 30
HEIGHT = 260
COLOURS = (
    *("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7"),
    *("#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"),
)
OURS, ENDED, NEVER = "#3ca951", "#4269d0", "#c9c9c9"


def totals(data: Data, scenario: str) -> str:
    """A bar for each strategy: total time; grey where it was ended at the deadline."""
    rows = [group for group in groups(data) if group.scenario == scenario]
    longest = max((row.total_s for row in rows), default=1.0)
    room = WIDTH - LABEL - 80
    bars = [
        _bar(data, row, index, room * row.total_s / longest)
        for index, row in enumerate(rows)
    ]
    return _svg(WIDTH, ROW * len(rows) + 4, bars, f"Total times, {scenario}")


def _bar(data: Data, row: Group, index: int, width: float) -> str:
    colour = OURS if data.adaptive(row.strategy) else ENDED
    top = index * ROW
    text = f"{row.total_s:.2f} s" if row.ended else f"> {row.total_s:.0f} s"
    name = f"{row.strategy}{'' if row.buffers == 'deep' else ' ' + row.buffers}"
    return (
        f"<text x={LABEL - 6} y={top + 13} text-anchor=end>{escape(name)}</text>"
        f"<rect x={LABEL} y={top + 3} width={max(1, round(width))} height={ROW - 5} "
        f"fill='{colour if row.ended else NEVER}'/>"
        f"<text x={LABEL + width + 5:.0f} y={top + 13}>{text}</text>"
    )


def curves(data: Data, scenario: str) -> str:
    """MiB sent over seconds, a curve for each strategy (its first run)."""
    rows = [group for group in groups(data) if group.scenario == scenario]
    runs = [(row, row.cells[0].curve) for row in rows if row.cells[0].curve]
    if not runs:
        return ""
    last_s = max(curve[-1][0] for _, curve in runs) or 1.0
    most = max(curve[-1][1] for _, curve in runs) or 1.0
    across = (WIDTH - LABEL - MARGIN) / last_s
    up = (HEIGHT - 2 * MARGIN) / most
    parts = [_axes(last_s, most)]
    for index, (row, curve) in enumerate(runs):
        colour = COLOURS[index % len(COLOURS)]
        dash = "" if index < len(COLOURS) else " stroke-dasharray='4 3'"
        points = " ".join(
            f"{MARGIN + at * across:.1f},{HEIGHT - MARGIN - sent * up:.1f}"
            for at, sent in curve
        )
        top = 14 + index * 13
        parts.append(
            f"<polyline points='{points}' fill=none stroke='{colour}' "
            f"stroke-width=1.5{dash}/><text x={WIDTH - LABEL + 18} y={top}>"
            f"{escape(row.strategy)}</text><line x1={WIDTH - LABEL} x2="
            f"{WIDTH - LABEL + 14} y1={top - 4} y2={top - 4} stroke='{colour}' "
            f"stroke-width=2{dash}/>"
        )
    height = max(HEIGHT, 20 + 13 * len(runs))
    return _svg(WIDTH, height, parts, f"MiB sent over seconds, {scenario}")


def _axes(last_s: float, most: float) -> str:
    floor, right = HEIGHT - MARGIN, WIDTH - LABEL
    return (
        f"<path d='M{MARGIN} {MARGIN}V{floor}H{right}' fill=none stroke='#888'/>"
        f"<text x={right} y={HEIGHT - 12} text-anchor=end>{last_s:.1f} s</text>"
        f"<text x=2 y={MARGIN - 8}>{most:.0f} MiB</text>"
    )


def _svg(width: int, height: int, parts: list[str], title: str) -> str:
    return (
        f"<svg viewBox='0 0 {width} {height}' width={width} height={height} "
        "font-size=11 font-family='system-ui, sans-serif' fill='#222' role=img>"
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
