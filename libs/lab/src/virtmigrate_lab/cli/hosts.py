"""The hosts: ``up``, ``env``, ``check`` and ``down``."""

from __future__ import annotations

import json
import os
import shlex
from typing import Annotated, Any

import typer

from virtmigrate_lab import releases
from virtmigrate_lab.cli.common import REFUSED, Directory, Json, say, told
from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.host import Host
from virtmigrate_lab.lab import AnyHost, Lab
from virtmigrate_lab.needs import obstacles
from virtmigrate_lab.vz_host.host import VzHost


@told
def up(
    *,
    hosts: Annotated[
        str,
        typer.Option(
            metavar="N|KIND:N,...",
            help="How many, of which kinds: 2, vz:2 or qemu:2,vz:2.",
        ),
    ] = "2",
    bandwidth: Annotated[
        float | None,
        typer.Option(metavar="MiB/s", min=0.1, help="Rate of each link, each way."),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Reach qemu hosts by TLS too; see lab run.")
    ] = False,
    ssh: Annotated[
        bool, typer.Option("--ssh", help="Reach qemu hosts by ssh too; see lab run.")
    ] = False,
    release: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST=RELEASE",
            help="Run libvirtd and QEMU of another Debian release; see lab fetch.",
        ),
    ] = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Start hosts; what a crashed lab left is cleaned up first.

    A qemu host (a, b ...) is a real libvirtd in mount, UTS and network namespaces of
    its own. The first lab on a machine takes some seconds longer: libvirt learns what
    QEMU can do. A vz host (vz-a, vz-b ...) answers stock clients as libvirt's vz driver
    does; it is that driver's contract, not Virtuozzo, and needs no privilege.
    """
    ways = [way for way, asked in (("tls", tls), ("ssh", ssh)) if asked]
    lab = Lab.up(
        hosts,
        bandwidth_mib_s=bandwidth,
        state_dir=directory,
        ways=ways,
        releases=paired(release or []),
    )
    text = "\n".join(f"host {h.name}: {h.uri}" for h in lab.hosts.values())
    say(describe(lab), text, as_json=as_json)


def paired(asked: list[str]) -> dict[str, str]:
    """``HOST=RELEASE``, each, as a mapping.

    Raises:
        LabRefused: one is not of that form.
    """
    pairs = [text.partition("=") for text in asked]
    for text, (host, equals, release) in zip(asked, pairs, strict=True):
        if not (host and equals and release):
            raise LabRefused(f"--release {text}: HOST=RELEASE, as b=trixie")
    return {host: release for host, _, release in pairs}


@told
def fetch(
    *,
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help="Its code name, trixie.")
    ],
    as_json: Json = False,
) -> None:
    """Unpack libvirtd and QEMU of another Debian release, for lab up --release.

    By this machine's own package sources; nothing is installed. About 270 MB, kept
    under ~/.cache/virtmigrate/lab.
    """
    path = releases.fetch(release)
    say({"release": release, "path": str(path)}, f"{release}: {path}", as_json=as_json)


@told
def env(
    *,
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Print this host's URI only.")
    ] = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """Print where the hosts are: shell exports, or --json.

    Example: eval "$(virtmigrate lab env)"; virsh -c "$VIRTMIGRATE_LAB_A" list
    """
    lab = Lab.attach(directory)
    if host is not None:
        typer.echo(lab.host(host).uri)
    elif as_json:
        typer.echo(json.dumps(describe(lab), indent=2))
    else:
        exports = {"VIRTMIGRATE_LAB_DIR": str(lab.state_dir)}
        for each in lab.hosts.values():
            name = each.name.upper().replace("-", "_")
            exports[f"VIRTMIGRATE_LAB_{name}"] = each.uri
        for name, value in exports.items():
            typer.echo(f"export {name}={shlex.quote(value)}")


@told
def run(
    *,
    host: Annotated[str, typer.Argument(metavar="HOST", help="Where.")],
    command: Annotated[
        list[str], typer.Argument(metavar="-- COMMAND...", help="What, and its words.")
    ],
    directory: Directory = None,
) -> None:
    """Run a command on a qemu host: its network, /etc, /run and /var; exit code as is.

    URIs by TLS and ssh are good there, as nobody else sees the lab's network.

    Example: lab run a -- virsh -c qemu+tls://b/system list
    """
    where = Lab.attach(directory).host(host)
    if isinstance(where, VzHost):
        raise LabRefused(f"host {host} is of kind vz: a process, not a place")
    argv = where.command(*command)
    os.execvp(argv[0], argv)  # noqa: S606 - a command of the caller's own


@told
def down(*, directory: Directory = None, as_json: Json = False) -> None:
    """End everything that belongs to the lab, and remove its files.

    Also cleans up what a crashed lab left. Fine when nothing is up.
    """
    state_dir = Lab.clear(directory)
    say({"down": str(state_dir)}, f"lab {state_dir} is down", as_json=as_json)


@told
def check(*, as_json: Json = False) -> None:
    """Say whether this machine can run a lab, and what is in the way."""
    found = obstacles()
    text = "\n".join(found) or "this machine can run a lab"
    say({"ok": not found, "obstacles": found}, text, as_json=as_json)
    if found:
        raise typer.Exit(REFUSED)


def describe(lab: Lab) -> dict[str, Any]:
    """A lab as JSON data."""

    def of(host: AnyHost) -> dict[str, Any]:
        return {
            "uri": host.uri,
            "uris": host.uris,
            "kind": host.kind,
            "address": host.address,
            "socket": str(host.socket),
            "migrate_uri": host.migrate_uri,
            "pid": host.pid,
            **({"release": host.release} if isinstance(host, Host) else {}),
        }

    hosts = {host.name: of(host) for host in lab.hosts.values()}
    return {"dir": str(lab.state_dir), "hosts": hosts}
