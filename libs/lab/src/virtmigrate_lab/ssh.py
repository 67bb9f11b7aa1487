"""An ssh daemon on each host, by keys of the lab's own; never the machine's service."""

from __future__ import annotations

import shutil
from pathlib import Path

from virtmigrate_lab.commands import run, spawn, tail
from virtmigrate_lab.errors import LabError
from virtmigrate_lab.layout import HostPaths
from virtmigrate_lab.namespaces import Space
from virtmigrate_lab.needs import search_path
from virtmigrate_lab.processes import Process, wait_for

READY_TIMEOUT_S = 10.0

HOST_KEY = "ssh_host_ed25519_key"
LOGIN_KEY = "lab_key"
"""By it any host of the lab logs in on any other."""

SSHD_CONFIG = f"""\
ListenAddress {{address}}
HostKey /etc/ssh/{HOST_KEY}
PidFile /run/sshd/pid
AuthorizedKeysFile /etc/ssh/authorized_keys
AuthenticationMethods publickey
PermitRootLogin prohibit-password
# Our directories are as the caller's umask made them.
StrictModes no
UsePAM no
UseDNS no
MaxStartups 100
"""

# Hosts that are new have new keys: those of another lab must not be remembered.
SSH_CONFIG = """\
UserKnownHostsFile none
"""


def furnish(peers: dict[str, str], etc: dict[str, Path]) -> None:
    """Give every host its key, those of the others, and a key to log in with.

    Args:
        peers: Name and address of every host.
        etc: What stands for ``/etc`` on each.
    """
    places = {name: etc[name] / "ssh" for name in peers}
    for name, place in places.items():
        keygen(place / HOST_KEY, name)
    first = next(iter(places.values())) / LOGIN_KEY
    keygen(first, "lab")
    known = "".join(
        f"{name},{peers[name]} {public(place / HOST_KEY)}\n"
        for name, place in places.items()
    )
    for name, place in places.items():
        if place != first.parent:
            shutil.copy(first, place / LOGIN_KEY)
        contents = {
            "authorized_keys": public(first) + "\n",
            "ssh_known_hosts": known,
            "ssh_config": SSH_CONFIG,
            "sshd_config": SSHD_CONFIG.format(address=peers[name]),
        }
        for file, text in contents.items():
            (place / file).write_text(text, encoding="ascii")


def keygen(path: Path, comment: str) -> None:
    """Make a key, in place of one that is there."""
    path.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def public(key: Path) -> str:
    """The public half of a key: its kind and its value."""
    return Path(f"{key}.pub").read_text(encoding="ascii").rpartition(" ")[0]


def start(space: Space, paths: HostPaths, log: Path, lab_id: str) -> Process:
    """Start a host's ssh daemon, and wait until it listens.

    Raises:
        LabError: it ended, or was not ready in time.
    """
    pid_file = paths.run / "sshd" / "pid"
    pid_file.unlink(missing_ok=True)
    # it starts itself again for each login, and so must be called by its full path
    program = shutil.which("sshd", path=search_path()) or "sshd"
    daemon = spawn([*space.enter(), program, "-D", "-e"], log, lab_id)
    wait_for(lambda: pid_file.exists() or not daemon.alive(), READY_TIMEOUT_S)
    if not pid_file.exists() or not daemon.alive():
        name = paths.root.name
        raise LabError(f"the ssh daemon of host {name} did not start: {tail(log)}")
    return daemon


def uri(name: str) -> str:
    """The URI by which hosts of the lab reach one of them."""
    return f"qemu+ssh://root@{name}/system?keyfile=/etc/ssh/{LOGIN_KEY}"
