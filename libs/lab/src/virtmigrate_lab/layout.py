"""Where a lab keeps its things: one directory, nothing outside it.

::

    STATE/lab.json                what was started: identity, hosts, processes
    STATE/control.sock            the observer's requests
    STATE/beats/GUEST.jsonl       what the observer heard of a guest
    STATE/guests/GUEST.json       how a guest was started
    STATE/vz                      what the vz hosts share: a directory each, the history
    STATE/pki                     who signs certificates, while they are made
    STATE/storage                 what is mounted on hosts as pools: shared, lying-HOST
    STATE/HOST/run, etc, var      a host's private directories
    STATE/HOST/run/libvirt/libvirt-sock
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab.errors import LabRefused

SOCKET_PATH_MAX = 107
"""Longest path of a UNIX socket in bytes, without its end (``unix(7)``)."""

INNER_ETC = "/run/machine-etc"
"""Where a host finds the machine's own ``/etc``, as that is covered by its own."""

INNER_RUN = "/run/virtmigrate-lab"
"""What a host and its guests see of the lab, inside the host's mount namespace."""

LONGEST_SOCKET = "host/run/virtmigrate-lab/beat.sock"


def default_state_dir() -> Path:
    """The lab's directory: ``VIRTMIGRATE_LAB_DIR``, else under the XDG state home."""
    chosen = os.environ.get("VIRTMIGRATE_LAB_DIR")
    if chosen:
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "virtmigrate" / "lab"


def default_cache_dir() -> Path:
    """Where capability caches are kept between labs: under the XDG cache home."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "virtmigrate" / "lab"


@dataclass(frozen=True)
class HostPaths:
    """A host's private directories, as seen from outside its namespaces."""

    root: Path

    @property
    def run(self) -> Path:
        """Stands for ``/run``."""
        return self.root / "run"

    @property
    def var(self) -> Path:
        """Stands for ``/var``."""
        return self.root / "var"

    @property
    def etc(self) -> Path:
        """Stands for ``/etc``: what the host has of its own, and links for the rest."""
        return self.root / "etc"

    @property
    def socket(self) -> Path:
        """The libvirt daemon's socket."""
        return self.run / "libvirt" / "libvirt-sock"

    @property
    def beat_socket(self) -> Path:
        """Where guests of this host send their heartbeat."""
        return self.run / "virtmigrate-lab" / "beat.sock"

    @property
    def daemon_log(self) -> Path:
        """The daemon's log."""
        return self.var / "log" / "libvirt" / "libvirtd.log"

    @property
    def capability_cache(self) -> Path:
        """What libvirt remembers of its QEMU binaries."""
        return self.var / "cache" / "libvirt" / "qemu" / "capabilities"


@dataclass(frozen=True)
class Layout:
    """The files of one lab.

    Raises:
        LabRefused: the directory's path is too long for the sockets in it.
    """

    state_dir: Path

    def __post_init__(self) -> None:
        """Refuse a path that would make a socket's path too long."""
        longest = len(os.fsencode(self.state_dir / LONGEST_SOCKET))
        if longest > SOCKET_PATH_MAX:
            raise LabRefused(
                f"lab directory {self.state_dir}: sockets in it would have paths of"
                f" {longest} bytes, the limit is {SOCKET_PATH_MAX}",
                remedy="choose a shorter one with --dir or VIRTMIGRATE_LAB_DIR",
            )

    @property
    def record(self) -> Path:
        """What was started."""
        return self.state_dir / "lab.json"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the lab."""
        return self.state_dir / "lab.lock"

    @property
    def control(self) -> Path:
        """The observer's requests."""
        return self.state_dir / "control.sock"

    @property
    def log(self) -> Path:
        """What the lab's own processes print."""
        return self.state_dir / "lab.log"

    @property
    def beats(self) -> Path:
        """What the observer heard, a file a guest."""
        return self.state_dir / "beats"

    @property
    def guests(self) -> Path:
        """How guests were started, a file a guest."""
        return self.state_dir / "guests"

    @property
    def pki(self) -> Path:
        """Who signs certificates, while they are made."""
        return self.state_dir / "pki"

    @property
    def storage(self) -> Path:
        """What is mounted on hosts as pools."""
        return self.state_dir / "storage"

    @property
    def vz(self) -> Path:
        """What the vz hosts share."""
        return self.state_dir / "vz"

    @property
    def vz_guests(self) -> Path:
        """How guests on vz hosts were started, a file a guest."""
        return self.vz / "guests"

    def host(self, name: str) -> HostPaths:
        """The directories of one host."""
        return HostPaths(self.state_dir / name)
