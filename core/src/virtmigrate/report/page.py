"""The report as an HTML page: nothing is fetched, no script runs, text is escaped."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from virtmigrate.report import chapters
from virtmigrate.report.drawing import inline
from virtmigrate.report.frame import NARROW, WIDE
from virtmigrate.report.markup import Html, joined, tag
from virtmigrate.report.palette import DARK, LIGHT, variables
from virtmigrate.report.plot import svg
from virtmigrate.report.story import Kind
from virtmigrate.wording import plain

if TYPE_CHECKING:
    from virtmigrate.report.chapters import Table
    from virtmigrate.report.story import Story

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# How it is shown by what the outcome begins with: class, sign.
LOOKS = {
    "succeeded": ("good", "✓"),
    "rolled back": ("bad", "↩"),
    "unknown": ("bad", "?"),
    "quarantined": ("bad", "!"),
}
STILL_OPEN = ("open", "…")


def page(story: Story) -> str:
    """The whole page.

    Args:
        story: What happened.

    Returns:
        HTML that needs nothing else, in light and dark, for a screen of any width.
    """
    title = f"{story.guest}: {story.outcome}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", title),
        tag("style", _style()),
    )
    found = (
        chapters.forecast(story),
        chapters.events(story),
        chapters.policy(story),
        chapters.troubles(story),
        chapters.identity(story),
        chapters.options(story),
        chapters.passes(story),
        chapters.samples(story),
    )
    tables = (_section(table) for table in found if table is not None and table.rows)
    body = tag("body", tag("main", _top(story), _plot(story), *tables), _foot(story))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _style() -> Html:
    sheet = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    return Html(
        f":root {{ color-scheme: light dark; {variables(LIGHT)} }}\n"
        "@media (prefers-color-scheme: dark) and (not print) "
        f"{{ :root {{ {variables(DARK)} }} }}\n{sheet}"
    )


def _top(story: Story) -> Html:
    """Who, where to, how it ended, and the figures that are read first."""
    word = story.outcome.partition(":")[0]
    kind, sign = LOOKS.get(word, STILL_OPEN)
    limit = chapters.fired(story)
    figures = (
        tag(
            "div",
            tag("dt", each.name),
            tag("dd", each.value, *([tag("small", each.note)] if each.note else [])),
        )
        for each in chapters.figures(story)
    )
    return tag(
        "header",
        tag("h1", story.guest),
        tag("p", f"{story.source} → {story.destination}", class_="way"),
        tag("p", tag("b", f"{sign} {word}"), story.reason, class_=f"outcome {kind}"),
        *([tag("p", tag("b", "Fired: "), limit, class_="fired")] if limit else []),
        tag("dl", *figures),
    )


def _plot(story: Story) -> Html:
    label = described(story)
    if story.counts == "nothing":
        return tag(
            "section", tag("h2", "The transfer"), tag("p", label, class_="quiet")
        )
    drawings = (
        inline(svg(story, shape), name, label)
        for name, shape in (("wide", WIDE), ("narrow", NARROW))
    )
    return tag("figure", *drawings, tag("figcaption", label))


def described(story: Story) -> str:
    """The plot in words."""
    if story.counts == "nothing":
        return f"Nothing to plot: {story.silence}."
    last = story.points[-1]
    passes = max((p.iteration or 0 for p in story.points), default=0)
    acted = [mark.label for mark in story.of_kind(Kind.ACTION)]
    if story.counts == "percent":
        what = f"The hypervisor told percent only, {last.percent or 0:.0f} % at last."
    else:
        lefts = [p.remaining_mib for p in story.points if p.remaining_mib is not None]
        what = f"{plain(max(lefts))} MiB were left at most, {plain(lefts[-1])} at last."
    some = ", ".join(dict.fromkeys(acted[:5])) + (" …" if len(acted) > 5 else "")  # noqa: PLR2004
    done = (
        f" Done meanwhile: {some}." if acted else " Nothing had to be done meanwhile."
    )
    again = f" The last pass over memory was number {passes}." if passes else ""
    grey = " Grey: in post-copy." if any(p.postcopy for p in story.points) else ""
    return f"{what}{again}{done}{grey}"


def _section(table: Table) -> Html:
    heading = tag("h2", table.title)
    note = [tag("p", table.note, class_="quiet")] if table.note else []
    grid = tag("div", _table(table), class_="wrap", tabindex="0", role="region",
               aria_label=table.title)  # fmt: skip
    if table.folded:
        return tag("details", tag("summary", heading), *note, grid, id=table.id)
    return tag("section", heading, *note, grid, id=table.id)


def _table(table: Table) -> Html:
    numeric = [column.startswith("#") for column in table.columns]
    heads = [column.lstrip("#") for column in table.columns]
    top = tag(
        "tr",
        *(
            tag("th", head, scope="col", **_class(figure))
            for head, figure in zip(heads, numeric, strict=True)
        ),
    )
    rows = (
        tag(
            "tr",
            *(
                tag("th", cell, scope="row", **_class(figure))
                if index == 0
                else tag("td", cell, **_class(figure))
                for index, (cell, figure) in enumerate(zip(row, numeric, strict=True))
            ),
        )
        for row in table.rows
    )
    shown = [tag("thead", top)] if any(heads) else []
    return tag("table", *shown, tag("tbody", *rows))


def _class(figure: bool) -> dict[str, str]:  # noqa: FBT001 - of a column
    return {"class_": "n"} if figure else {}


def _foot(story: Story) -> Html:
    return tag(
        "footer",
        tag("p", joined(f"Migration {story.migration}, from its journal alone. ",
                        "Times are seconds since it began, ",
                        f"{chapters.moment(story.opened)}.")),
    )  # fmt: skip
