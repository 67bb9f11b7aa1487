"""The options of a migration as words of the command line, made from the table.

The spellings are virsh's; each switch has its `--no-…`. Nothing is checked here: all
that is wrong with a request is found, and told, at once (`request.py`).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from virtmigrate.cli import steering
from virtmigrate.cli.help import NEGATIVE, TaughtCommand
from virtmigrate.option_rows import ROWS, Switch, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Command = TypeVar("Command", bound="Callable[..., None]")

SWITCHES_PANEL = "Switches of libvirt: --NAME yes, --no-NAME no, neither the default"
OTHER_PANEL = "Other switches, in the same way"
TIMERS_PANEL = "Timers of virsh"
VALUES_PANEL = "Values"

METAVARS = {
    "_mib_s": "MiB/s",
    "_s": "SECONDS",
    "_bytes": "BYTES",
    "_percent": "PERCENT",
    "_level": "LEVEL",
    "_disks": "DISK,…",
    "_detect_zeroes": "DISK,…",
    "_target_zero": "DISK,…",
    "_methods": "METHOD,…",
    "_uri": "URI",
    "_xml": "FILE",
    "_name": "NAME",
    "_address": "ADDRESS",
    "_destination": "NAME",
    "_port": "PORT",
}

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Connect = Annotated[
    str | None,
    typer.Option(
        "-c",
        "--connect",
        metavar="SOURCE_URI",
        envvar="VIRTMIGRATE_CONNECT",
        help="The host that the guest is on.",
        show_envvar=True,
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        "-c",
        "--connect",
        metavar="SOURCE_URI",
        help="The host that the guest is on; also before the command.",
        rich_help_panel=steering.HOSTS_PANEL,
    ),
]
GuestName = Annotated[
    str, typer.Argument(metavar="GUEST", help="Its name or UUID at the source.")
]
Destination = Annotated[
    str,
    typer.Argument(
        metavar="DESTINATION_URI",
        help="Where it goes: qemu+ssh://host/system, mock:///world?host=b",
    ),
]
SourceAgain = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="URI", help="The source, if its URI had a password."
    ),
]
"""What is written down holds no password: who needs one says the URI again."""
DestinationAgain = Annotated[
    str | None,
    typer.Option(
        "--destination", metavar="URI", help="The destination, if its URI had one."
    ),
]


def metavar(row: Value) -> str:
    """What stands for its value in the help: the unit, where it has one."""
    ends = [end for end in METAVARS if row.name.endswith(end)]
    if ends:
        return METAVARS[max(ends, key=len)]
    return "TEXT" if row.kind == "string" else "NUMBER"


def panel(row: Switch | Value) -> str:
    """Under which heading the help shows it."""
    if row.virsh.startswith("timeout") or getattr(row, "knob", None):
        return TIMERS_PANEL
    if isinstance(row, Value):
        return VALUES_PANEL
    return OTHER_PANEL if row.bit is None else SWITCHES_PANEL


def _parameters(row: Switch | Value) -> Iterator[inspect.Parameter]:
    if isinstance(row, Switch):
        help_text = f"{row.yes}{NEGATIVE}{row.no}"
        yield _parameter(row.name, bool, False, f"--{row.virsh}", help_text, row)
        # Two options and no pair: so that both at once can be told from either.
        yield _parameter(f"no_{row.name}", bool, False, f"--no-{row.virsh}", None, row)
    else:
        kind = list[str] if row.many else str
        yield _parameter(row.name, kind, None, f"--{row.virsh}", row.meaning, row)


def _parameter(
    name: str,
    kind: Any,  # noqa: ANN401 - a type, as data
    default: object,
    word: str,
    help_text: str | None,
    row: Switch | Value,
) -> inspect.Parameter:
    option = typer.Option(
        word,
        metavar=metavar(row) if isinstance(row, Value) else None,
        help=help_text,
        hidden=help_text is None,
        show_default=False,
        rich_help_panel=panel(row),
    )
    if kind is not bool:
        kind |= None
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )


def with_options(command: Command) -> Command:
    """Give a command every option of a migration in place of its `**words`."""
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    made = [parameter for row in ROWS for parameter in _parameters(row)]
    made += steering.parameters()
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*own, *made]
    )
    return command


class VirshCommand(TaughtCommand):
    """A command that takes virsh's `--domain` and `--desturi` for its arguments."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Put them where the arguments stand, then parse as usual."""
        rest = list(args)
        guest, destination = _pull(rest, "--domain"), _pull(rest, "--desturi")
        return super().parse_args(ctx, [*guest, *rest, *destination])


def _pull(words: list[str], name: str) -> list[str]:
    """Take `--name VALUE` or `--name=VALUE` out; give the value."""
    for at, word in enumerate(words):
        if word == "--":
            break
        if word == name and at + 1 < len(words):
            taken = words[at + 1]
            del words[at : at + 2]
            return [taken]
        if word.startswith(f"{name}="):
            del words[at]
            return [word.partition("=")[2]]
    return []
