"""Starts, checks and stops guests on the hosts of a lab."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab import domains
from virtmigrate_lab.disk_image import ImageReport
from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import LabError, LabRefused
from virtmigrate_lab.heartbeat import Heartbeat
from virtmigrate_lab.host import Host
from virtmigrate_lab.images import Images
from virtmigrate_lab.layout import Layout
from virtmigrate_lab.processes import wait_for
from virtmigrate_lab.qemu_host import virsh
from virtmigrate_lab.report import GuestReport, Seen, make_report

START_TIMEOUT_S = 30.0
PROGRESS_TIMEOUT_S = 3.0
SILENT_TIMEOUT_S = 0.5


@dataclass(frozen=True)
class Guests:
    """The guests of a lab.

    Args:
        layout: The lab's files.
        hosts: The qemu hosts.
    """

    layout: Layout
    hosts: Mapping[str, Host]

    @property
    def uris(self) -> dict[str, str]:
        """Host and its libvirt URI."""
        return {name: host.uri for name, host in self.hosts.items()}

    @property
    def images(self) -> Images:
        """The images of their disks."""
        return Images(self.hosts, self.layout.state_dir)

    def start(
        self, options: GuestOptions, host: str, *, persistent: bool, paused: bool
    ) -> GuestOptions:
        """Boot a guest and wait until it has filled its memory (unless paused).

        Raises:
            LabError: it did not get ready in time.
        """
        name, uri = options.name, self.uris[host]
        self.images.refuse_taken(options, host)
        self.heartbeat(name).forget()
        self._record(name).write_text(json.dumps(options.to_json()), encoding="utf-8")
        try:
            self.images.create(options, host)
            self._boot(options, host, persistent=persistent, paused=paused)
            if not paused:
                self._wait_ready(name, host)
        except LabError:
            domains.remove(uri, options.uuid)
            self.images.remove(options)
            self._forget(name)
            raise
        return options

    def _boot(
        self, options: GuestOptions, host: str, *, persistent: bool, paused: bool
    ) -> None:
        xml, uri = self.layout.guests / f"{options.name}.xml", self.uris[host]
        xml.write_text(options.to_xml(host), encoding="utf-8")
        words = ["--paused"] if paused else []
        if persistent:
            virsh(uri, "define", str(xml))
            virsh(uri, "start", options.uuid, *words)
        else:
            virsh(uri, "create", str(xml), *words)

    def _wait_ready(self, name: str, host: str) -> None:
        if not wait_for(self.heartbeat(name).ready, START_TIMEOUT_S):
            raise LabError(
                f"guest {name} on host {host} was not ready in {START_TIMEOUT_S} s",
                remedy=f"see {self.layout.host(host).var}/log/libvirt/qemu",
            )

    def names(self) -> list[str]:
        """The guests that were started and not stopped."""
        return sorted(path.stem for path in self.layout.guests.glob("*.json"))

    def options(self, name: str) -> GuestOptions:
        """How a guest was started.

        Raises:
            LabRefused: there is no such guest.
        """
        names = self.names()
        if name not in names:
            known = ", ".join(names) or "none"
            raise LabRefused(f"no guest {name} in this lab (guests: {known})")
        text = self._record(name).read_text(encoding="utf-8")
        return GuestOptions.from_json(json.loads(text))

    def stop(self, name: str) -> None:
        """Destroy and undefine a guest wherever it is, and forget it and its images.

        Raises:
            LabError: there is no such guest, or a host did not let go of it.
        """
        guest = self.options(name)
        domains.remove_everywhere(self.uris.values(), guest.uuid)
        self.images.remove(guest)
        self._forget(name)

    def clear(self) -> None:
        """Destroy and undefine every domain on every host; images stay."""
        domains.clear(self.uris.values())
        for name in self.names():
            self._forget(name)

    def heartbeat(self, name: str) -> Heartbeat:
        """What the observer hears of a guest."""
        return Heartbeat(self.layout, name)

    def ramp(self, name: str) -> None:
        """Have a guest begin to change its rate, as it was started to be able to.

        Raises:
            LabRefused: there is no such guest, or it was started without a ramp.
            LabError: it does not listen.
        """
        if not self.options(name).ramp_ms:
            raise LabRefused(
                f"guest {name} has no ramp", remedy="start it with ramp_ms"
            )
        if not self.heartbeat(name).ramp():
            raise LabError(f"guest {name} does not listen", remedy="see guest check")

    def check(
        self, name: str, *, since: float | None = None, verify: bool = True
    ) -> GuestReport:
        """Look at a guest: what hosts say, what its heartbeat shows, memory, disks.

        Args:
            name: The guest.
            since: From when on silences count (monotonic seconds; default: all).
            verify: Have it walk over all of its memory and its disks.

        Raises:
            LabRefused: there is no such guest.
        """
        guest, heartbeat = self.options(name), self.heartbeat(name)
        with ThreadPoolExecutor(len(self.uris)) as pool:
            found = pool.map(
                lambda uri: domains.state(uri, guest.uuid), self.uris.values()
            )
            hosts = dict(zip(self.uris, found, strict=True))
        asked = time.monotonic()
        runs = any(state == domains.RUNNING for state, _ in hosts.values())
        limit = PROGRESS_TIMEOUT_S if runs else SILENT_TIMEOUT_S
        alive = wait_for(lambda: heartbeat.heard_since(asked), limit)
        walk = heartbeat.verify() if alive and verify else None
        seen = Seen(hosts, heartbeat.windows(), alive, walk)
        return make_report(guest, seen, since)

    def check_images(self, name: str, *, killed: bool = False) -> list[ImageReport]:
        """Judge the images of a guest that does not run, from outside.

        Args:
            name: The guest; it is paused or shut off.
            killed: Its QEMU was killed: what it had not flushed may be lost.

        Raises:
            LabRefused: there is no such guest, or it runs.
        """
        last = self.heartbeat(name).last_record()
        return self.images.verify(self.options(name), last, killed=killed)

    def _forget(self, name: str) -> None:
        self._record(name).unlink(missing_ok=True)
        (self.layout.guests / f"{name}.xml").unlink(missing_ok=True)

    def _record(self, name: str) -> Path:
        return self.layout.guests / f"{name}.json"
