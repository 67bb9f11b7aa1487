"""The images of a guest's disks on the hosts: made, removed, verified."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from lxml import etree

from virtmigrate_lab import disk_image, disks, domains
from virtmigrate_lab.disk_image import Content, ImageReport
from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.host import Host
from virtmigrate_lab.stream import Record

QUIET = (domains.SHUT_OFF, "paused")


@dataclass(frozen=True)
class Images:
    """The images of guests' disks.

    Args:
        hosts: The qemu hosts.
        scratch: A directory that is the same on hosts and here.
    """

    hosts: Mapping[str, Host]
    scratch: Path

    def refuse_taken(self, guest: GuestOptions, host: str) -> None:
        """Refuse a new guest whose images would be written over files of a host."""
        for path in self._paths(guest, host):
            if os.path.lexists(self.hosts[host].outside(path)):
                raise LabRefused(
                    f"guest {guest.name}: host {host} has a file {path}",
                    remedy="remove it, or choose another name",
                )

    def create(self, guest: GuestOptions, host: str) -> None:
        """Make the images of a new guest's disks in a host's pools.

        Raises:
            LabError: one can't be made.
        """
        where = self.hosts[host]
        for target, disk in zip(disks.TARGETS, guest.disks, strict=False):
            path = disks.source(guest.name, target, disk, host)
            words: list[str] = []
            if disk.based:
                base = where.outside(path).with_name(disks.base(guest.name, target))
                seed = disks.seed(guest.uuid, target)
                disk_image.write_base(base, seed, disk.size_mib)
                # by a relative name, good wherever the two lie side by side
                words = ["-b", base.name, "-F", "raw"]
            argv = ["qemu-img", "create", "-q", "-f", disk.image_format, *words]
            where.space.run([*argv, path, f"{disk.size_mib}M"])
        self._refresh(guest, host)

    def remove(self, guest: GuestOptions) -> None:
        """Remove all images of its disks, copies of the same name too."""
        for name, host in self.hosts.items():
            for path in self._paths(guest, name):
                host.outside(path).unlink(missing_ok=True)
            self._refresh(guest, name)

    @staticmethod
    def _paths(guest: GuestOptions, host: str) -> Iterator[str]:
        for target, disk in zip(disks.TARGETS, guest.disks, strict=False):
            path = disks.source(guest.name, target, disk, host)
            yield path
            if disk.based:
                yield str(PurePath(path).with_name(disks.base(guest.name, target)))

    def _refresh(self, guest: GuestOptions, host: str) -> None:
        for pool in {disk.pool for disk in guest.disks}:
            self.hosts[host].virsh("pool-refresh", pool)

    def verify(
        self, guest: GuestOptions, last: Record | None, *, killed: bool
    ) -> list[ImageReport]:
        """Judge its images, wherever its definitions say that they are.

        Args:
            guest: The guest; it must not run.
            last: What it last said of itself.
            killed: Its QEMU was: what it had not flushed may be lost.

        Raises:
            LabRefused: it runs, or no host knows it.
        """
        states = {
            name: domains.state(host.uri, guest.uuid)[0]
            for name, host in self.hosts.items()
        }
        known = [name for name, state in states.items() if state != domains.ABSENT]
        busy = [name for name in known if states[name] not in QUIET]
        if busy or not known:
            said = ", ".join(f"{name}: {state}" for name, state in states.items())
            raise LabRefused(
                f"images of guest {guest.name} can't be judged ({said})",
                remedy="suspend it, or end it without guest stop",
            )
        return [
            report
            for name in known
            for report in self._verify_on(name, guest, last, killed=killed)
        ]

    def _verify_on(
        self, host: str, guest: GuestOptions, last: Record | None, *, killed: bool
    ) -> list[ImageReport]:
        where = self.hosts[host]
        paths = sources(
            where.virsh("dumpxml", guest.uuid),
            lambda pool, name: where.virsh("vol-path", "--pool", pool, name).strip(),
        )
        found = []
        for at, disk in enumerate(guest.disks):
            target = disks.TARGETS[at]
            said = last.disks[at] if last else None
            newest = (said.flushed if killed else said.written) if said else 0
            content = Content(
                *(guest.disk_working_set_mib, disks.seed(guest.uuid, target)),
                *(disk.based, newest),
            )
            report = disk_image.verify(
                paths[target], content, enter=where.command(), scratch=self.scratch
            )
            found.append(replace(report, path=f"{host}:{report.path}"))
        return found


def sources(xml: str, path_of: Callable[[str, str], str]) -> dict[str, str]:
    """Target and image of each disk of a definition.

    Args:
        xml: It.
        path_of: Gives the path of a volume: pool, name.
    """
    found = {}
    for disk in etree.fromstring(xml).iterfind("devices/disk"):
        target, source = disk.find("target"), disk.find("source")
        if target is not None and source is not None:
            pool, volume = source.get("pool", ""), source.get("volume", "")
            named = source.get("file", "") or source.get("dev", "")
            path = path_of(pool, volume) if pool else named
            found[target.get("dev", "")] = path
    return found
