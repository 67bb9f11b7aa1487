"""Where labels go so that none covers another, nor the line that leads to one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    # Lane, the end that stands at the mark, left and right edge
    Try = tuple[int, Literal["left", "right"], float, float]

GAP = 4.0
LETTER = 0.6
"""Mean width of a letter, in sizes of the font."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label stands.

    Attributes:
        text: The wording that fits.
        lane: From 0, the lowest.
        align: Which end of it stands at its mark.
    """

    text: str
    lane: int
    align: Literal["left", "right"]


def width(text: str, size: float) -> float:
    """About how wide a text is, in the unit of the font's size."""
    return len(text) * LETTER * size


class Lanes:
    """Labels above a time axis, each with a line down to its mark."""

    def __init__(
        self, span: float, size: float, most: int, marks: Sequence[float] = ()
    ) -> None:
        """None is placed yet.

        Args:
            span: Width of all.
            size: Of the font, in the same unit.
            most: How many lanes there may be.
            marks: Where there will be lines: a label stays clear of them if it can.
        """
        self.span, self.size, self.marks = span, size, marks
        self._labels: list[list[tuple[float, float]]] = [[] for _ in range(most)]
        self._lines: list[list[float]] = [[] for _ in range(most)]

    def place(self, at: float, texts: Sequence[str]) -> Place | None:
        """A place for a label, or None if there is none.

        Args:
            at: Where its mark is.
            texts: Its wordings, the best first.
        """
        for text in texts:
            for lane, align, left, right in self._tries(at, width(text, self.size)):
                if self._free(at, lane, left, right):
                    self._labels[lane].append((left, right))
                    for below in range(lane):
                        self._lines[below].append(at)
                    return Place(text, lane, align)
        return None

    def used(self) -> int:
        """How many lanes hold a label."""
        return max((n for n, held in enumerate(self._labels, 1) if held), default=0)

    def _tries(self, at: float, wide: float) -> Iterator[Try]:
        for lane in range(len(self._labels)):
            to_the_right: Try = (lane, "left", at, at + wide)
            to_the_left: Try = (lane, "right", at - wide, at)
            for side in sorted((to_the_right, to_the_left), key=self._reaches_over):
                if side[2] >= 0 and side[3] <= self.span:
                    yield side

    def _reaches_over(self, side: Try) -> int:
        return sum(side[2] < mark < side[3] for mark in self.marks)

    def _free(self, at: float, lane: int, left: float, right: float) -> bool:
        others = self._labels[lane]
        apart = all(right + GAP < a or b + GAP < left for a, b in others)
        # Neither may a line of a higher label cross it, nor its own line a lower one.
        uncrossed = not any(left < x < right for x in self._lines[lane])
        below = (label for held in self._labels[:lane] for label in held)
        return apart and uncrossed and not any(a < at < b for a, b in below)


def apart(heights: Sequence[float], least: float) -> list[float]:
    """The same heights, moved as little as needed to be `least` apart."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    moved = list(heights)
    for below, above in pairwise(order):
        short = least - (moved[above] - moved[below])
        if short > 0:
            moved[below] -= short / 2
            moved[above] += short / 2
    return moved
