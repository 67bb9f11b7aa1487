"""Marks across the panels, with labels above them that never cover one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from virtmigrate.report.lanes import Lanes, Place, width
from virtmigrate.report.palette import LIGHT
from virtmigrate.report.story import Kind
from virtmigrate.wording import lasting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from virtmigrate.report.frame import Frame

    Line = str | tuple[int, tuple[float, ...]]

LANES_MAX = 6
LANE_PT, PASS_PT = 13.0, 13.0
LINES_MAX = 200
LABEL_MAX = 32
PASS_LINES_MAX = 24
TICK = 0.025
"""Height of the tick of a pass where there are too many for lines, in panels."""
SOLID: Line = "-"
DOTTED: Line = (0, (1, 2))
DASHED: Line = (0, (4, 2.5))

# Kind | colour | line | how important its label is, 0 the most
LOOKS: dict[Kind, tuple[str, Line, int]] = {
    Kind.LANDED: ("ink", SOLID, 0),
    Kind.COMMIT: ("ink", SOLID, 1),
    Kind.ROLLBACK: ("limit", SOLID, 0),
    Kind.ACTION: ("ink", DASHED, 2),
    Kind.FAULT: ("limit", SOLID, 3),
}


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through all panels, and its label.

    Attributes:
        at: On the time axis.
        texts: Wordings of the label, the best first.
        role: Its colour.
        line: Its style.
        weight: How important its label is, 0 the most.
    """

    at: float
    texts: tuple[str, ...]
    role: str
    line: Line
    weight: int


@dataclass(frozen=True, slots=True)
class Labels:
    """All that stands above the panels.

    Attributes:
        strokes: Each with the place of its label; None = it found none, and stands in
            the page's table only.
        lanes: How many are used.
        passes: Whether passes are numbered below them.
    """

    strokes: tuple[tuple[Stroke, Place | None], ...]
    lanes: int
    passes: bool

    @property
    def above_pt(self) -> float:
        """Room that they take, points."""
        return self.lanes * LANE_PT + (PASS_PT if self.passes else 0.0)


def labels(frame: Frame) -> Labels:
    """Find a place for every label."""
    scale = frame.inner_pt / frame.width
    found = _strokes(frame)
    spots = [stroke.at * scale for stroke in found]

    def order(stroke: Stroke) -> tuple[int, int, float]:
        # What reaches over other marks goes above their labels, so it comes later.
        left = stroke.at * scale
        right = left + width(stroke.texts[0], frame.shape.font)
        over = sum(left < spot < right for spot in spots)
        return over, stroke.weight, stroke.at

    strokes = sorted(found, key=order)
    room = frame.inner_pt + (frame.shape.right - 0.1) * 72
    lanes = Lanes(room, frame.shape.font, LANES_MAX, spots)
    placed = tuple(
        (stroke, lanes.place(stroke.at * scale, stroke.texts))
        for stroke in strokes[:LINES_MAX]
    )
    return Labels(placed, lanes.used(), bool(frame.story.of_kind(Kind.BOUNDARY)))


def _strokes(frame: Frame) -> list[Stroke]:
    story, before, made = frame.story, "", []
    for mark in story.marks:
        if mark.kind not in LOOKS:
            continue
        texts = (_short(mark.label),)
        if mark.kind is Kind.ACTION:
            # The same once more: its value alone will do.
            verb, _, value = mark.label.partition(" ")
            texts = (value,) if value and verb == before else texts
            before = verb
        made.append(Stroke(frame.at(mark.at_s), texts, *LOOKS[mark.kind]))
    return made


def _short(label: str) -> str:
    return label if len(label) <= LABEL_MAX else f"{label[:LABEL_MAX]}…"


def mark_all(panels: Sequence[Axes], frame: Frame, found: Labels) -> None:
    """Draw lines through all panels, and name them above the first."""
    base = PASS_PT if found.passes else 0.0
    for stroke, place in found.strokes:
        for axes in panels:
            axes.axvline(
                stroke.at,
                color=LIGHT[stroke.role],
                linewidth=0.8,
                linestyle=stroke.line,
                zorder=3,
            )
        if place is not None:
            _name(panels[0], frame, stroke, place, base + LANE_PT * place.lane)
    _passes(panels, frame)
    _deadline(panels, frame)


def _deadline(panels: Sequence[Axes], frame: Frame) -> None:
    """Max time: a line named along itself, so that it takes no lane from others."""
    limit = frame.story.deadline_s
    if limit is None or limit > frame.span_s:
        return
    for axes in panels:
        axes.axvline(
            frame.at(limit), color=LIGHT["limit"], linewidth=1.1, linestyle=DASHED
        )
    panels[0].annotate(
        f"max time {lasting(limit - (frame.story.transfer_s or 0.0))}",
        (frame.at(limit), 0.3),
        (-4, 0),
        xycoords=panels[0].get_xaxis_transform(),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        bbox={"facecolor": LIGHT["paper"], "edgecolor": "none", "alpha": 0.8, "pad": 1},
        color=LIGHT["limit"],
        fontsize=frame.shape.font - 1,
        zorder=4,
    )


def _name(
    axes: Axes, frame: Frame, stroke: Stroke, place: Place, high_pt: float
) -> None:
    """Write the label, and lead the line up to it."""
    colour = LIGHT[stroke.role]
    foot, over = (stroke.at, 1.0), axes.get_xaxis_transform()
    axes.annotate(
        place.text,
        foot,
        (3 if place.align == "left" else -3, high_pt + 3.5),
        ha=place.align,
        color=colour,
        fontsize=frame.shape.font - 0.5,
        parse_math=False,
        xycoords=over,
        textcoords="offset points",
    )
    line = {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 0,
            "shrinkB": 0}  # fmt: skip
    axes.annotate(
        "",
        foot,
        (0, high_pt + LANE_PT),
        arrowprops=line,
        xycoords=over,
        textcoords="offset points",
    )


def _passes(panels: Sequence[Axes], frame: Frame) -> None:
    """A dotted line where a pass begins; a tick where there are too many of them."""
    bounds = [frame.at(mark.at_s) for mark in frame.story.of_kind(Kind.BOUNDARY)]
    few = len(bounds) <= PASS_LINES_MAX
    for x in bounds[:LINES_MAX]:
        for axes in panels if few else panels[:1]:
            axes.axvline(
                x,
                ymin=0 if few else 1 - TICK,
                color=LIGHT["muted"],
                linewidth=0.8,
                linestyle=DOTTED if few else SOLID,
            )
    _number(panels[0], frame)


def _number(axes: Axes, frame: Frame) -> None:
    """The number of each pass above it; only how many, where there is no room."""
    size, said = frame.shape.font - 1.5, False
    segments = _segments(frame)
    for number, start, end in segments:
        text = f"{number}" if said else f"pass {number}"
        if (end - start) / frame.width * frame.inner_pt < width(text, size) + 4:
            continue
        said = True
        _above(axes, text, (start + end) / 2, "center", size)
    if segments and not said:
        _above(axes, f"{segments[-1][0]} passes", segments[0][1], "left", size)


def _above(
    axes: Axes, text: str, x: float, align: Literal["left", "center"], size: float
) -> None:
    axes.annotate(
        text,
        (x, 1),
        (0, 3),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha=align,
        color=LIGHT["muted"],
        fontsize=size,
    )


def _segments(frame: Frame) -> list[tuple[int, float, float]]:
    """Each pass: its number, where it begins and where it ends."""
    marks, points = frame.story.of_kind(Kind.BOUNDARY), frame.story.points
    if not marks:
        return []
    first = next(p.iteration for p in points if p.iteration is not None)
    numbers = [first, *(int(mark.label.rpartition(" ")[2]) for mark in marks)]
    starts = [points[0].at_s, *(mark.at_s for mark in marks)]
    ends = [*starts[1:], points[-1].at_s]
    return [
        (number, frame.at(start), frame.at(end))
        for number, start, end in zip(numbers, starts, ends, strict=True)
    ]
