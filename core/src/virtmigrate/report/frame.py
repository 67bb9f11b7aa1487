"""What every part of a plot knows: the story, its size, its time axis, its type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from virtmigrate.wording import HOUR_S, MINUTE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from virtmigrate.report.story import Point, Story

POINTS_MAX = 4000
BEYOND = 1.25
"""A deadline later than so many times what happened is told, not drawn."""
UNITS = ((4 * HOUR_S, HOUR_S, "hours"), (10 * MINUTE_S, MINUTE_S, "minutes"))
INCH_PT = 72.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a plot is.

    Attributes:
        width: Inches.
        left: Margin for the scales, inches.
        right: Margin for names at the ends of lines, inches.
        font: Points.
        titled: Whether it says what it is of: it stands alone.
    """

    width: float
    left: float
    right: float
    font: float
    titled: bool = False


WIDE = Shape(10.0, 0.75, 1.2, 9.5)
NARROW = Shape(4.6, 0.62, 0.25, 9.5)
ALONE = Shape(10.0, 0.75, 1.2, 9.5, titled=True)


@dataclass(frozen=True)
class Frame:
    """One plot.

    Attributes:
        story: What happened.
        shape: How large it is drawn.
    """

    story: Story
    shape: Shape

    @cached_property
    def points(self) -> Sequence[Point]:
        """The samples that are drawn."""
        return thinned(self.story.points)

    @cached_property
    def span_s(self) -> float:
        """Length of the time axis: what happened, and a deadline that was near."""
        story = self.story
        moments = [mark.at_s for mark in story.marks] + [p.at_s for p in story.points]
        seen = max([*moments, story.ended_s or 0.0, 0.001])
        limit = story.deadline_s
        return max(seen, limit) if limit and limit <= BEYOND * seen else seen

    @cached_property
    def unit(self) -> tuple[int, str]:
        """Seconds in a unit of the time axis, and its name."""
        found = ((unit_s, name) for least, unit_s, name in UNITS if self.span_s > least)
        return next(found, (1, "seconds"))

    @property
    def width(self) -> float:
        """The time axis in its unit, with a little room at its end."""
        return 1.01 * self.span_s / self.unit[0]

    @property
    def inner_pt(self) -> float:
        """Width of the panels, points."""
        shape = self.shape
        return (shape.width - shape.left - shape.right) * INCH_PT

    def at(self, seconds: float) -> float:
        """A moment on the time axis."""
        return seconds / self.unit[0]

    def times(self) -> list[float]:
        """The moments of the samples on the time axis."""
        return [self.at(point.at_s) for point in self.points]

    def series(self, of: Callable[[Point], float | None]) -> list[float]:
        """A figure of every sample, NaN where it is unknown: the line breaks there."""
        found = (of(point) for point in self.points)
        return [float("nan") if value is None else value for value in found]


def thinned(points: Sequence[Point], most: int = POINTS_MAX) -> Sequence[Point]:
    """At most about so many points, evenly chosen, and the last one."""
    step = -(-len(points) // most)
    return points if step <= 1 else [*points[:-1:step], points[-1]]
