"""The convergence plot: what is left, the rates, the throttle, and what was done when.

matplotlib is imported below this module only, by its `Figure`: no display, no state.
"""

from __future__ import annotations

import io
import threading
import warnings
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from virtmigrate.report import marks
from virtmigrate.report.frame import ALONE, INCH_PT, Frame, Shape
from virtmigrate.report.palette import LIGHT
from virtmigrate.report.panels import TABLE, dress
from virtmigrate.wording import lasting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from virtmigrate.report.story import Story

GAP_IN, BELOW_IN, TITLE_IN = 0.2, 0.5, 0.72
HEAD_MAX, SUB_MAX = 80, 115
DPI = 160
# Any: which settings there are depends on the version of matplotlib.
SETTINGS: dict[Any, Any] = {
    # Text stays text: it can be read aloud, searched, and set in the page's own font.
    "svg.fonttype": "none",
    "svg.hashsalt": "virtmigrate",
    "font.family": ["DejaVu Sans"],
}
_LOCK = threading.Lock()


def svg(story: Story, shape: Shape) -> str:
    """The plot as SVG."""
    about = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    return _saved(story, shape, format="svg", metadata=about).decode("utf-8")


def png(story: Story) -> bytes:
    """The plot with a title, 1600 pixels wide, as PNG."""
    return _saved(story, ALONE, format="png", dpi=DPI, metadata={"Software": None})


def _saved(story: Story, shape: Shape, **how: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    # What is no argument of matplotlib's is a setting of the process.
    with _LOCK, mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # A name may have letters that the picture's font has not: they are boxes there.
        warnings.filterwarnings("ignore", r"Glyph .* missing")
        draw(story, shape).savefig(out, **how)
    return out.getvalue()


def draw(story: Story, shape: Shape) -> Figure:
    """The figure: panels below one another, on one time axis."""
    frame = Frame(story, shape)
    rows = [(paint, high) for wanted, paint, high in TABLE if wanted(story)]
    above = marks.labels(frame)
    top_in = above.above_pt / INCH_PT + (TITLE_IN if shape.titled else 0.06)
    panels_in = sum(high for _, high in rows) + GAP_IN * (len(rows) - 1)
    height = top_in + panels_in + BELOW_IN
    figure = Figure(figsize=(shape.width, height), facecolor=LIGHT["paper"])
    panels: list[Axes] = []
    edge = height - top_in
    inner = shape.width - shape.left - shape.right
    for paint, high in rows:
        place = (shape.left / shape.width, (edge - high) / height,
                 inner / shape.width, high / height)  # fmt: skip
        axes = figure.add_axes(place)
        dress(axes, frame)
        paint(axes, frame)
        axes.tick_params(labelbottom=len(panels) == len(rows) - 1)
        panels.append(axes)
        edge -= high + GAP_IN
    marks.mark_all(panels, frame, above)
    _time_axis(panels[-1], frame)
    if shape.titled:
        _title(figure, frame)
    return figure


def _time_axis(axes: Axes, frame: Frame) -> None:
    """Names the time axis, and a deadline that lies beyond it."""
    text = f"{frame.unit[1]} since the start"
    deadline = frame.story.deadline_s
    if deadline is not None and deadline > frame.span_s:
        length = deadline - (frame.story.transfer_s or 0.0)
        text += f"; max time, {lasting(length)}, lies beyond"
    axes.set_xlabel(text, fontsize=frame.shape.font - 1, color=LIGHT["muted"])


def _title(figure: Figure, frame: Frame) -> None:
    story, left = frame.story, frame.shape.left / frame.shape.width
    high = float(figure.get_size_inches()[1])
    head = f"{story.guest}: {story.outcome}"
    lines = (
        (_short(head, HEAD_MAX), 0.27, frame.shape.font + 3.5, "ink", "bold"),
        (_short(subtitle(story), SUB_MAX), 0.5, frame.shape.font, "muted", "normal"),
    )
    for text, below_in, size, role, weight in lines:
        figure.text(
            left,
            1 - below_in / high,
            text,
            fontsize=size,
            fontweight=weight,
            color=LIGHT[role],
            parse_math=False,
        )


def subtitle(story: Story) -> str:
    """From where to where, and the limit that fired."""
    from virtmigrate.report.chapters import fired  # noqa: PLC0415 - it reads stories too

    found = fired(story)
    ends = f"{story.source} → {story.destination}"
    return f"{ends}; {found}" if found else ends


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
