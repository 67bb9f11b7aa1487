"""The Typer application: our commands, and those that plugins bring."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.main import get_command, get_group

from virtmigrate import __version__
from virtmigrate.cli.arguments import Connect
from virtmigrate.cli.commands import (
    capabilities,
    check,
    explain,
    journal,
    migrate,
    options,
    plan,
    plugins,
    policies,
    recover,
    report,
    run,
    settle,
    status,
    version,
)
from virtmigrate.cli.help import TaughtGroup
from virtmigrate.cli.tools import Tools

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from typer.core import TyperGroup

# In the order in which `virtmigrate --help` shows them.
COMMANDS = (
    check,
    plan,
    explain,
    migrate,
    run,
    status,
    recover,
    settle,
    journal,
    report,
    options,
    policies,
    capabilities,
    plugins,
    version,
)
EXIT_CODES = (
    "Exit codes: 0 succeeded, 1 rolled back (or a host failed), 2 refused (nothing was "
    "touched), 3 unknown: needs recovery, 4 quarantined: a human decides, 5 the "
    "journal can't be trusted, 6 a plugin (or virtmigrate) is broken, 130 interrupted "
    "before anything was touched."
)
ENVIRONMENT = (
    "Environment: VIRTMIGRATE_CONNECT (the source), VIRTMIGRATE_STATE_DIR (the "
    "journal's directory), VIRTMIGRATE_PLUGINS (distributions whose plugins may be "
    "imported; others are not), VIRTMIGRATE_DEBUG=1 (tracebacks and logs), NO_COLOR."
)
EPILOG = f"{EXIT_CODES}\n\n{ENVIRONMENT}"
WITHOUT_PLUGINS = ("options", "policies", "status", "journal", "report", "version")


def build(tools: Tools, words: Sequence[str] = ()) -> TyperGroup:
    """The application for these words.

    Args:
        tools: Where the plugins are.
        words: What was typed; a command of ours that needs no plugin loads none.
    """
    app = _app()
    asked = _command(words)
    if asked not in WITHOUT_PLUGINS:
        tools.manager.extend_cli(app)
    group = cast("TyperGroup", get_command(app))
    added: dict[str, Any] = {}
    ours = [each for each in COMMANDS if each.__name__.endswith(f".{asked}")]
    # To describe every option of every command takes longer than to carry one out.
    for command in ours or COMMANDS:
        added |= _built(command)
    group.commands = added | dict(group.commands)
    return group


def _app() -> typer.Typer:
    """The application without commands."""
    app = typer.Typer(
        name="virtmigrate",
        help="Move virtual machines between hosts of any hypervisor.\n\n"
        "See what is in the way: virtmigrate -c SOURCE_URI check GUEST "
        "DESTINATION_URI\n\n"
        "See what would happen: virtmigrate -c SOURCE_URI plan GUEST "
        "DESTINATION_URI\n\n"
        "Do it: virtmigrate -c SOURCE_URI migrate GUEST DESTINATION_URI",
        epilog=EPILOG,
        cls=TaughtGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_before)
    return app


@cache
def _built(command: ModuleType) -> dict[str, Any]:
    """What a module adds, by name: made once, and carried out as often as is asked."""
    app = typer.Typer(rich_markup_mode="rich")
    command.add(app, EXIT_CODES)
    return dict(get_group(app).commands)


def _version(asked: bool) -> None:  # noqa: FBT001 - Typer's way to call it
    if asked:
        typer.echo(f"virtmigrate {__version__}")
        raise typer.Exit


def _before(
    ctx: typer.Context,
    *,
    connect: Connect = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Say the version, and nothing else.",
            is_eager=True,
            callback=_version,
        ),
    ] = False,
) -> None:
    del version
    ctx.obj.connect = connect


def _command(words: Sequence[str]) -> str | None:
    """The command among the words, as far as that is certain without parsing."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        valued = rest[0] in ("-c", "--connect")
        rest = rest[2:] if valued else rest[1:]
    return rest[0] if rest else None
