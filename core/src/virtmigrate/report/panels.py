"""The panels of a plot, each painted on axes of its own."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from virtmigrate.report.lanes import apart
from virtmigrate.report.palette import LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from virtmigrate.report.frame import Frame
    from virtmigrate.report.story import Story

    Paint = Callable[[Axes, Frame], None]

NAME_GAP = 5


def remaining(axes: Axes, frame: Frame) -> None:
    """What is left, and what the permitted stop would let through."""
    xs, left = frame.times(), frame.series(lambda p: p.remaining_mib)
    colour = LIGHT["remaining"]
    axes.fill_between(xs, left, color=colour, alpha=0.13, linewidth=0)
    axes.plot(xs, left, color=colour, linewidth=1.9, solid_joinstyle="round")
    top = max((value for value in left if not math.isnan(value)), default=0.0)
    _scale(axes, frame, "remaining, MiB", top or 1.0)
    limit = frame.story.limit("max_downtime_ms")
    if limit is None:
        return
    fits = frame.series(
        lambda p: p.bandwidth_mib_s and p.bandwidth_mib_s * limit.value / 1000
    )
    known = [(x, y) for x, y in zip(xs, fits, strict=True) if not math.isnan(y)]
    if known:
        dashes = (0, (4, 2.5))
        axes.plot(xs, fits, color=LIGHT["limit"], linewidth=1.1, linestyle=dashes)
        text = f"fits in max downtime, {limit.value:g} ms"
        _note(axes, frame, text, max(known, key=lambda pair: pair[0])[1], left)


def _note(axes: Axes, frame: Frame, text: str, high: float, left: list[float]) -> None:
    """Name the line of the limit where the curve leaves room: at the left, below it."""
    first = next((x for x, y in zip(frame.times(), left, strict=True) if y > 0), 0.0)
    axes.annotate(
        text,
        (first, high),
        (4, 4),
        textcoords="offset points",
        color=LIGHT["limit"],
        fontsize=frame.shape.font - 1,
        parse_math=False,
    )


def percent(axes: Axes, frame: Frame) -> None:
    """How much is done, where nothing else is counted."""
    xs, done = frame.times(), frame.series(lambda p: p.percent)
    colour = LIGHT["remaining"]
    axes.fill_between(xs, done, color=colour, alpha=0.13, linewidth=0)
    axes.plot(xs, done, color=colour, linewidth=1.9, solid_joinstyle="round")
    _scale(axes, frame, "done, % (nothing else is said)", 100.0)


def rates(axes: Axes, frame: Frame) -> None:
    """What the guest rewrites against what is sent."""
    lines = (
        ("bandwidth", "sent", 0.16, frame.series(lambda p: p.bandwidth_mib_s)),
        ("dirty", "rewritten", 0.0, frame.series(lambda p: p.dirty_mib_s)),
    )
    xs = frame.times()
    ends = []
    top = 0.0
    for role, name, filled, ys in lines:
        known = [(x, y) for x, y in zip(xs, ys, strict=True) if not math.isnan(y)]
        if not known:
            continue
        axes.plot(xs, ys, color=LIGHT[role], linewidth=1.6)
        if filled:
            # An area against a line: told apart without their colours.
            axes.fill_between(xs, ys, color=LIGHT[role], alpha=filled, linewidth=0)
        top = max(top, *(y for _, y in known))
        ends.append((known[-1][1], name, role))
    _scale(axes, frame, "MiB/s", top or 1.0)
    _name_ends(axes, frame, ends, top or 1.0)


def disks(axes: Axes, frame: Frame) -> None:
    """What is left of the disks, which go before memory and are kept up beside it."""
    xs, left = frame.times(), frame.series(lambda p: p.disks_mib)
    colour = LIGHT["disks"]
    axes.fill_between(xs, left, color=colour, alpha=0.16, linewidth=0)
    axes.plot(xs, left, color=colour, linewidth=1.6)
    top = max((value for value in left if not math.isnan(value)), default=0.0)
    _scale(axes, frame, "disks left, MiB", top or 1.0)


def throttle(axes: Axes, frame: Frame) -> None:
    """What was taken of the guest's CPUs."""
    xs, taken = frame.times(), frame.series(lambda p: p.throttle_percent)
    colour = LIGHT["throttle"]
    axes.fill_between(xs, taken, color=colour, alpha=0.2, linewidth=0, step="post")
    axes.plot(xs, taken, color=colour, linewidth=1.5, drawstyle="steps-post")
    _scale(axes, frame, "throttle, %", 100.0)


def silence(axes: Axes, frame: Frame) -> None:
    """Nothing to plot, said so."""
    axes.set_yticks([])
    axes.set_ylim(0, 1)
    axes.text(
        0.5,
        0.5,
        frame.story.silence,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=LIGHT["muted"],
        fontsize=frame.shape.font + 1,
        bbox={"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 3},
        zorder=5,
    )


def _rated(story: Story) -> bool:
    return any(p.dirty_mib_s or p.bandwidth_mib_s for p in story.points)


# Whether it is wanted | who paints it | height, inches
TABLE: tuple[tuple[Callable[[Story], bool], Paint, float], ...] = (
    (lambda story: story.counts == "bytes", remaining, 2.7),
    (lambda story: story.counts == "percent", percent, 2.7),
    (lambda story: story.counts == "nothing", silence, 0.8),
    (lambda story: any(p.disks_mib for p in story.points), disks, 1.3),
    (_rated, rates, 1.3),
    (lambda story: any(p.throttle_percent for p in story.points), throttle, 0.7),
)
"""All panels, from the top down."""


def dress(axes: Axes, frame: Frame) -> None:
    """Axes without a box: thin lines across, the scale in a quiet colour."""
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LIGHT["muted"])
        spine.set_linewidth(0.8)
    axes.tick_params(
        length=0, labelsize=frame.shape.font - 1, labelcolor=LIGHT["muted"]
    )
    axes.grid(visible=True, axis="y", color=LIGHT["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlim(0, frame.width)
    _postcopy(axes, frame)


def _postcopy(axes: Axes, frame: Frame) -> None:
    """A tint for as long as pages are fetched by a guest that runs already."""
    for on, run in groupby(frame.points, key=lambda point: point.postcopy):
        times = [frame.at(point.at_s) for point in run]
        if on:
            axes.axvspan(
                times[0],
                max(times[-1], times[0] + frame.width / 400),
                color=LIGHT["muted"],
                alpha=0.13,
                linewidth=0,
            )


def _scale(axes: Axes, frame: Frame, name: str, top: float) -> None:
    """The scale from zero, few ticks, named above itself in plain words."""
    axes.set_ylim(0, top * 1.06)
    few = 5 if axes.get_window_extent().height > 150 else 3  # noqa: PLR2004 - points
    axes.yaxis.set_major_locator(MaxNLocator(few, integer=top > few))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.set_ylabel(name, fontsize=frame.shape.font - 1, color=LIGHT["muted"])


def _name_ends(
    axes: Axes, frame: Frame, ends: list[tuple[float, str, str]], top: float
) -> None:
    """Lines are named where they end; on a narrow plot inside."""
    least = 0.2 * top
    heights = apart([high for high, _, _ in ends], least)
    for height, (value, name, role) in zip(heights, ends, strict=True):
        inside = frame.shape.right < 1
        axes.annotate(
            name if inside else f"{name} {value:.0f}",
            (1, height),
            (-3 * NAME_GAP if inside else NAME_GAP, 2 if inside else 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            ha="right" if inside else "left",
            va="bottom" if inside else "center",
            color=LIGHT[role],
            fontsize=frame.shape.font - 0.5,
            annotation_clip=False,
            parse_math=False,
        )
