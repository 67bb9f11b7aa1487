"""`--help` as panels that fit 80 columns, and never cut an option's name short."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from rich.panel import Panel
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from virtmigrate.cli.output import console

NAMES_WIDTH = 29
FRAME_WIDTH = 4
WIDTH_MAX = 100
NEGATIVE = "; no: "
ITEM = r"(?m)^(-\S+|[A-Z_]{2,}|\[[A-Z_]+\]|[a-z]+(?= ))"


def usage_words(param: Any) -> str:  # noqa: ANN401 - click's, or Typer's copy of it
    """How an argument stands in the usage line."""
    word = param.metavar or param.name.upper()
    return word if param.required else f"[{word}]"


def item(names: str, text: str, width: int) -> str:
    """One entry: names on the left, what it is on the right, both whole."""
    lines: list[str] = []
    for line in text.replace(NEGATIVE, "\nno: ").split("\n"):
        lines += textwrap.wrap(line, width - NAMES_WIDTH, break_on_hyphens=False)
    if len(names) >= NAMES_WIDTH:
        lines.insert(0, names)
        names = ""
    else:
        lines = lines or [""]
        lines[0] = f"{names:<{NAMES_WIDTH}}{lines[0]}".rstrip()
    head, *rest = lines
    return "\n".join([head, *(f"{'':<{NAMES_WIDTH}}{line}" for line in rest)])


def names_of(param: Any) -> str:  # noqa: ANN401
    """All spellings of an option, and what stands for its value."""
    if param.param_type_name == "argument":
        return usage_words(param)
    spellings = ", ".join(sorted(param.opts, key=len))
    valued = "" if param.is_flag else f" {param.metavar or 'TEXT'}"
    return spellings + valued


def text_of(param: Any) -> str:  # noqa: ANN401
    """What a parameter is, and where else it may come from."""
    place = f" (or {param.envvar})" if isinstance(param.envvar, str) else ""
    return f"{param.help or ''}{place}"


def panels(command: Any, ctx: Any, width: int) -> dict[str, list[str]]:  # noqa: ANN401
    """Entries by the title of their panel, in order."""
    found: dict[str, list[str]] = {}
    inner = width - FRAME_WIDTH
    for param in command.get_params(ctx):
        if getattr(param, "hidden", False):
            continue
        is_argument = param.param_type_name == "argument"
        title = getattr(param, "rich_help_panel", None)
        title = title or ("Arguments" if is_argument else "Options")
        entry = item(names_of(param), text_of(param), inner)
        found.setdefault(title, []).append(entry)
    if isinstance(command, TyperGroup):
        for name in command.list_commands(ctx):
            inside = command.get_command(ctx, name)
            if inside is not None and not inside.hidden:
                entry = item(name, inside.get_short_help_str(200), inner)
                found.setdefault("Commands", []).append(entry)
    return found


def render(command: Any, ctx: Any) -> str:  # noqa: ANN401
    """The whole help of a command or group."""
    out = console(stderr=False)
    width = min(out.width, WIDTH_MAX)
    arguments = [usage_words(p) for p in command.params if not hasattr(p, "is_flag")]
    if isinstance(command, TyperGroup):
        arguments.append("COMMAND …")
    usage = f"Usage: {ctx.command_path} [OPTIONS] {' '.join(arguments)}".rstrip()
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    with out.capture() as captured:
        out.print(Text(f"\n{usage}\n", style="bold"), soft_wrap=True)
        for paragraph in paragraphs:
            out.print(textwrap.fill(" ".join(paragraph.split()), width) + "\n")
        for title, entries in panels(command, ctx, width).items():
            body = Text("\n".join(entries))
            body.highlight_regex(ITEM, "bold cyan")
            framed = Panel(
                body, title=title, title_align="left", border_style="dim", width=width
            )
            out.print(framed)
        for paragraph in (command.epilog or "").split("\n\n"):
            out.print("\n" + textwrap.fill(paragraph, width))
    return captured.get()


class TaughtCommand(TyperCommand):
    """A command with our help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write it."""
        formatter.write(render(self, ctx))


class TaughtGroup(TyperGroup):
    """A group with our help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write it."""
        formatter.write(render(self, ctx))
