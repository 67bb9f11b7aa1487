"""The storage pools of a qemu host: what is shared, what is not, what only looks it.

One table says it all; a host's mount namespace and its libvirtd are made from it. All
are directory pools, defined, active and started again with the daemon.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.layout import HostPaths, Layout

ROOT = "/var/lib/libvirt"
"""Where a host has its pools; a host's ``/var`` is its own."""

TINY_MIB = 64
FSTAB = "fstab"
"""A host's mounts beside its private directories, made with its namespaces."""

XML = """\
<pool type='dir'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <source/>
  <target><path>{target}</path></target>
</pool>
"""


@dataclass(frozen=True)
class Pool:
    """A pool that every qemu host has.

    Args:
        directory: Its directory below :data:`ROOT`; ``{host}`` is the host's name.
        truth: What is so, whatever its path may suggest.
        bind: The directory of the lab that is mounted there; none: the host's own.
        link: What its directory is a symbolic link to.
        size_mib: It is a file system of its own, of this size.
    """

    directory: str
    truth: str
    bind: str = ""
    link: str = ""
    size_mib: int = 0

    def target(self, host: str) -> str:
        """Its path, as the host sees it and its libvirt has it."""
        return f"{ROOT}/{self.directory.format(host=host)}"

    def mount(self, layout: Layout, host: str) -> str:
        """Its line in the host's table of mounts, if it needs one."""
        where = _field(self.target(host))
        if self.size_mib:
            return f"tiny {where} tmpfs size={self.size_mib}m,mode=0755 0 0\n"
        if self.bind:
            source = layout.storage / self.bind.format(host=host)
            return f"{_field(str(source))} {where} none bind 0 0\n"
        return ""


POOLS: Mapping[str, Pool] = {
    "local": Pool("images", "each host's own directory, at the same path"),
    "shared": Pool("shared", "one directory, at the same path", bind="shared"),
    "remount": Pool(
        "remount-{host}",
        "the directory of shared, at a path that differs from host to host",
        bind="shared",
    ),
    "lying": Pool(
        "lying",
        "a mount at the same path, of another directory on each host",
        bind="lying-{host}",
    ),
    "symlink": Pool(
        "by-link", "a symbolic link to the directory of shared", link="shared"
    ),
    "crossed": Pool(
        "by-crossed-link",
        "the same symbolic link on each host, to a directory of the host's own",
        link="images",
    ),
    "case": Pool("Shared", "each host's own; its path differs from shared's by case"),
    "tiny": Pool(
        "tiny", f"each host's own file system of {TINY_MIB} MiB", size_mib=TINY_MIB
    ),
}
"""Name and pool. ``local``, ``lying``, ``crossed`` and ``case`` look shared to whoever
compares paths; ``remount`` does not, and is."""


def named(name: str) -> Pool:
    """A pool by its name.

    Raises:
        LabRefused: hosts have none of this name.
    """
    try:
        return POOLS[name]
    except KeyError as error:
        known = ", ".join(POOLS)
        raise LabRefused(f"no pool {name} on qemu hosts (pools: {known})") from error


def furnish(layout: Layout, paths: HostPaths, host: str) -> None:
    """Write a host's pools: directories, mounts, and what libvirtd reads of them."""
    storage = paths.etc / "libvirt" / "storage"
    (storage / "autostart").mkdir(parents=True)
    for name, pool in POOLS.items():
        target = pool.target(host)
        inside = paths.root / target.lstrip("/")
        if pool.link:
            inside.symlink_to(pool.link)
        else:
            inside.mkdir(parents=True)
        if pool.bind:
            source = layout.storage / pool.bind.format(host=host)
            source.mkdir(parents=True, exist_ok=True)
        definition = XML.format(name=name, uuid=uuid.uuid4(), target=escape(target))
        (storage / f"{name}.xml").write_text(definition, encoding="utf-8")
        link = storage / "autostart" / f"{name}.xml"
        link.symlink_to(f"/etc/libvirt/storage/{name}.xml")
    mounts = "".join(pool.mount(layout, host) for pool in POOLS.values())
    (paths.root / FSTAB).write_text(mounts, encoding="utf-8")


def renew(virsh: Callable[[str], str], *, changed: bool) -> None:
    """Have a host's libvirtd know its pools, and no others, as they are now.

    Args:
        virsh: Runs virsh commands, divided by semicolons, on the host.
        changed: Whether files in its pools have come or gone without it.
    """
    words = [line.split() for line in virsh("pool-list --all").splitlines() if line]
    active = {name: state == "active" for name, state, *_ in words}
    commands = [f"pool-start {name}" for name in POOLS if not active[name]]
    if changed:
        commands += [f"pool-refresh {name}" for name in POOLS if active[name]]
    for name in active.keys() - POOLS.keys():
        commands += [f"pool-destroy {name}"] if active[name] else []
        commands += [f"pool-undefine {name}"]
    if commands:
        virsh("; ".join(commands))


def empty(directory: Path) -> bool:
    """Remove all that is in a pool; whether there was anything."""
    found = list(directory.iterdir())
    for entry in found:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return bool(found)


def _field(text: str) -> str:
    """A path as a field of a table of mounts (``fstab(5)``)."""
    for character in "\\ \t\n#":
        text = text.replace(character, f"\\{ord(character):03o}")
    return text
