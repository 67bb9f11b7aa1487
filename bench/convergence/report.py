"""A run as Markdown, and as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape

from bench.convergence import tables
from bench.convergence.data import Data
from bench.convergence.plots import curves, totals
from bench.convergence.table import Table

TITLE = "Convergence: policies side by side"
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1100px;
       padding: 0 1em; color: #222; background: #fff; }
table { border-collapse: collapse; margin: .6em 0; display: block; overflow-x: auto; }
th, td { padding: .2em .6em; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
p.note { color: #555; margin: .3em 0; } svg { max-width: 100%; height: auto; }
"""


def everything(data: Data) -> list[Table]:
    """All tables, the summary first."""
    return [*tables.summary(data), *tables.scenarios(data)]


def about(data: Data) -> str:
    """Where and when."""
    return ", ".join(f"{key} {value}" for key, value in data.machine.items())


def markdown(data: Data) -> str:
    """All tables as Markdown."""
    parts = [f"# {TITLE}", about(data)]
    for table in everything(data):
        head = [" | ".join(table.head), " | ".join("---" for _ in table.head)]
        body = [" | ".join(row) for row in table.rows]
        lines = "\n".join(f"| {line} |" for line in [*head, *body])
        parts += [f"## {table.title}", lines, *table.notes]
    return "\n\n".join(parts) + "\n"


def html(data: Data) -> str:
    """All tables and plots on one page."""
    parts = [f"<h1>{TITLE}</h1>", f"<p class=note>{escape(about(data))}</p>"]
    for table in everything(data):
        parts += [f"<h2>{escape(table.title)}</h2>", _table(table)]
        parts += [f"<p class=note>{escape(note)}</p>" for note in table.notes]
        if table.scenario:
            parts += [totals(data, table.scenario), curves(data, table.scenario)]
    head = f"<meta charset=utf-8><title>{TITLE}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>\n" + (
        "\n".join(parts) + "\n</body></html>\n"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in table.head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>"
        for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
