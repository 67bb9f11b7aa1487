"""What a host's libvirt says of a domain, and how it is removed there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from virtmigrate_lab.errors import CommandFailed, LabError
from virtmigrate_lab.processes import wait_for
from virtmigrate_lab.qemu_host import virsh

ABSENT = "absent"
RUNNING = "running"
SHUT_OFF = "shut off"
UNREACHABLE = "unreachable"
REMOVED_S = 10.0
"""Longest wait for a domain to go."""


def state(uri: str, uuid: str) -> tuple[str, bool]:
    """What a host says of a domain: its state, and whether it is persistent.

    Returns:
        The state as virsh has it (``running``, ``paused``, ``shut off`` ...),
        ``absent``, or ``unreachable`` if the host does not answer.
    """
    try:
        if uuid not in uuids(uri):
            return ABSENT, False
        lines = virsh(uri, "dominfo", uuid).splitlines()
    except CommandFailed as error:
        gone = "Domain not found" in error.stderr
        return (ABSENT if gone else UNREACHABLE), False
    info = dict(line.split(":", 1) for line in lines if ":" in line)
    return info["State"].strip(), info["Persistent"].strip() == "yes"


def uuids(uri: str) -> list[str]:
    """The UUIDs of all domains that a host knows."""
    return virsh(uri, "list", "--all", "--uuid").split()


def remove(uri: str, uuid: str) -> None:
    """Destroy and undefine a domain, if it is there.

    A daemon that is busy with it (it ends by itself, or a move of it fails) may refuse
    at first: what counts is what is left.

    Raises:
        LabError: it is still there, or the host does not answer.
    """
    why = ""

    def is_gone() -> bool:
        nonlocal why
        now, persistent = state(uri, uuid)
        try:
            if now not in (ABSENT, UNREACHABLE, SHUT_OFF):
                virsh(uri, "destroy", uuid)
            if persistent:
                virsh(uri, "undefine", uuid, "--managed-save", "--snapshots-metadata")
        except CommandFailed as error:
            why = f" ({error.stderr})"
        return state(uri, uuid)[0] == ABSENT

    if not wait_for(is_gone, REMOVED_S):
        after, _ = state(uri, uuid)
        raise LabError(f"domain {uuid} stays on {uri}: it is {after}{why}")


def remove_everywhere(uris: Iterable[str], uuid: str) -> None:
    """Remove a domain from hosts; see :func:`remove`."""
    _at_once(uris, lambda uri: remove(uri, uuid))


def clear(uris: Iterable[str]) -> None:
    """Remove every domain from hosts; see :func:`remove`."""

    def empty(uri: str) -> None:
        for uuid in uuids(uri):
            remove(uri, uuid)

    _at_once(uris, empty)


def _at_once(uris: Iterable[str], work: Callable[[str], None]) -> None:
    """Work on all hosts side by side: mostly it waits for their daemons."""
    hosts = list(uris)
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        list(pool.map(work, hosts))
