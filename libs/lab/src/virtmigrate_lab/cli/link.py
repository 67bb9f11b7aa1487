"""The links: ``link rate``, ``down`` and ``up``."""

from __future__ import annotations

from typing import Annotated

import typer

from virtmigrate_lab.cli.common import Directory, Json, say, told
from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.lab import Lab

app = typer.Typer(no_args_is_help=True, help="The links between hosts.")

HostName = Annotated[
    str | None, typer.Argument(metavar="HOST", help="Its link only; default: all.")
]


@app.command("rate")
@told
def link_rate(
    *,
    rate: Annotated[
        str, typer.Argument(metavar="MiB/s|none", help="Payload, each way; or none.")
    ],
    host: HostName = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Shape the links of all hosts, or of one, in both directions.

    Of a vz host it is the rate at which memory leaves.
    """
    value = parse_rate(rate)
    Lab.attach(directory).link_rate(value, host)
    shown = "unlimited" if value is None else f"{value} MiB/s"
    data = {"rate_mib_s": value, "host": host}
    say(data, f"link of {host or 'all hosts'}: {shown}", as_json=as_json)


@app.command("down")
@told
def link_down(
    *, host: HostName = None, directory: Directory = None, as_json: Json = False
) -> None:
    """Cut the links: what is sent is lost, and nobody is told.

    What leaves a vz host stands still until `link up`; who asked can still cancel it.
    """
    Lab.attach(directory).link_down(host)
    data = {"link": "down", "host": host}
    say(data, f"link of {host or 'all hosts'}: down", as_json=as_json)


@app.command("up")
@told
def link_up(
    *, host: HostName = None, directory: Directory = None, as_json: Json = False
) -> None:
    """Mend the links."""
    Lab.attach(directory).link_up(host)
    data = {"link": "up", "host": host}
    say(data, f"link of {host or 'all hosts'}: up", as_json=as_json)


def parse_rate(text: str) -> float | None:
    """MiB/s, or None for ``none``."""
    if text == "none":
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise LabRefused(f"rate {text!r}: MiB/s, or none") from error
    if not 0.1 <= value <= 1e6:  # noqa: PLR2004
        raise LabRefused(f"rate {text}: 0.1 to 1000000 MiB/s")
    return value
