"""The commands ``up``, ``guest``, ``link``, ``env``, ``check``, ``fetch``, ``down``.

Data goes to stdout (``--json``: one document), text for people to stderr. Exit codes:
0 fine, 1 it failed or the guest is not well, 2 refused before anything was touched.
"""

from __future__ import annotations

import typer

from virtmigrate_lab.cli import guest, hosts, link

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Real hosts on one machine: libvirtd and QEMU in namespaces, guests that"
    " prove that a migration lost nothing, links whose rate is known.",
    epilog="Try: lab up; lab guest start g; virsh -c $(lab env --host a) list;"
    " lab guest check g; lab down",
)
for command in (
    *(hosts.up, hosts.env, hosts.run),
    *(hosts.check, hosts.fetch, hosts.down),
):
    app.command()(command)
app.add_typer(guest.app, name="guest")
app.add_typer(link.app, name="link")

__all__ = ["app"]
