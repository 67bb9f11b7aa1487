"""A migration's report: a page and a picture, from its journal alone.

Reading the story is pure and light. Drawing it needs matplotlib, the extra `report`.
"""

from __future__ import annotations

from virtmigrate.errors import BadInput
from virtmigrate.report.story import Story, story_of

REMEDY = "pip install 'virtmigrate[report]'"
PARTS_OF_MATPLOTLIB = ("matplotlib", "numpy", "PIL", "contourpy", "kiwisolver")


def page_of(story: Story) -> str:
    """The report as one HTML page that needs nothing else.

    Raises:
        BadInput: The extra `report` is not installed.
    """
    try:
        from virtmigrate.report.page import page  # noqa: PLC0415 - matplotlib is dear
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return page(story)


def png_of(story: Story) -> bytes:
    """The convergence plot as PNG, 1600 pixels wide.

    Raises:
        BadInput: The extra `report` is not installed.
    """
    try:
        from virtmigrate.report.plot import png  # noqa: PLC0415 - matplotlib is dear
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return png(story)


def _missing(error: ModuleNotFoundError) -> BadInput:
    """The refusal for a missing extra; what else is missing is a bug, and goes on."""
    name = (error.name or "").partition(".")[0]
    if name not in PARTS_OF_MATPLOTLIB:
        raise error
    return BadInput(
        f"a report needs {name}, which is not installed",
        subject="report",
        remedy=REMEDY,
    )


__all__ = ["Story", "page_of", "png_of", "story_of"]
