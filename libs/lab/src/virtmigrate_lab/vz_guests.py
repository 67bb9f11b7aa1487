"""Starts, checks and stops guests on the vz hosts of a lab."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from virtmigrate_lab import domains
from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import LabError, LabRefused
from virtmigrate_lab.stream import NAME
from virtmigrate_lab.vz_host.host import VzHosts, boot_time, guest_xml
from virtmigrate_lab.vz_host.machine import read_history
from virtmigrate_lab.vz_report import VzReport

MOST_MEMORY_MIB = 1 << 20


@dataclass(frozen=True)
class VzGuestOptions:
    """What a guest on a vz host is: a record, so its memory is but a size.

    Args:
        name: Letters, digits, ``_.-``, at most 40.
        uuid: Its UUID; it stays when the guest is renamed.
        memory_mib: Its memory: a migration takes this / the link's rate.
        container: A container (``exe``), not a virtual machine (``hvm``).

    Raises:
        LabRefused: a value is out of range.
    """

    name: str
    uuid: str
    memory_mib: int = GuestOptions.memory_mib
    container: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be."""
        if not NAME.fullmatch(self.name):
            raise LabRefused(f"guest can't be made: name {self.name!r}: {NAME.pattern}")
        if not 1 <= self.memory_mib <= MOST_MEMORY_MIB:
            limits = f"1-{MOST_MEMORY_MIB}"
            raise LabRefused(
                f"guest can't be made: memory {self.memory_mib} MiB: {limits}"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class VzGuests:
    """The guests on the vz hosts of a lab.

    Args:
        hosts: The hosts.
        records: Directory of the files that say how guests were started.
    """

    hosts: VzHosts
    records: Path

    def start(
        self, options: VzGuestOptions, host: str, *, persistent: bool, paused: bool
    ) -> VzGuestOptions:
        """Define a guest and start it.

        Raises:
            LabRefused: it is to be transient, which no vz guest is.
            LabError: the host did not take it.
        """
        if not persistent:
            raise LabRefused(
                f"guest {options.name}: on vz host {host} no guest is transient",
                remedy="leave --transient out",
            )
        xml = self.records / f"{options.name}.xml"
        about = asdict(options)
        xml.write_text(guest_xml(about.pop("name"), **about), encoding="utf-8")
        self._record(options.name).write_text(
            json.dumps(asdict(options)), encoding="utf-8"
        )
        virsh = self.hosts[host].virsh
        try:
            virsh("define", str(xml))
            virsh("start", options.uuid)
            if paused:
                virsh("suspend", options.uuid)
        except LabError:
            self._forget(options.name)
            raise
        return options

    def names(self) -> list[str]:
        """The guests that were started and not stopped."""
        return sorted(path.stem for path in self.records.glob("*.json"))

    def options(self, name: str) -> VzGuestOptions:
        """How a guest was started."""
        return VzGuestOptions(
            **json.loads(self._record(name).read_text(encoding="utf-8"))
        )

    def check(self, name: str, *, since: float | None = None) -> VzReport:
        """Look at a guest: what hosts say, and what their history shows.

        Args:
            name: The guest.
            since: From when on silences count (monotonic seconds; default: all).
        """
        guest = self.options(name)
        found = {host.name: domains.state(host.uri, guest.uuid) for host in self.hosts}
        began = 0.0 if since is None else since + boot_time() - time.monotonic()
        health = self.hosts.check(guest.uuid, since=began)
        lines = list(read_history(self.hosts.world, guest.uuid))
        ran = float(lines[-1]["counter_s"]) if lines else 0.0
        since_then = boot_time() - float(lines[-1]["at"]) if health.running_on else 0.0
        return VzReport(
            name=name,
            uuid=guest.uuid,
            hosts={host: state for host, (state, _) in found.items()},
            persistent=[host for host, (_, kept) in found.items() if kept],
            health=health,
            counter_s=round(ran + since_then, 3),
        )

    def stop(self, name: str) -> None:
        """Destroy and undefine a guest wherever it is, and forget it.

        Raises:
            LabError: a host did not let go of it.
        """
        uuid_ = self.options(name).uuid
        domains.remove_everywhere((host.uri for host in self.hosts), uuid_)
        self._forget(name)

    def clear(self) -> None:
        """Destroy and undefine every domain on every vz host."""
        domains.clear(host.uri for host in self.hosts)
        for name in self.names():
            self._forget(name)

    def _forget(self, name: str) -> None:
        self._record(name).unlink(missing_ok=True)
        (self.records / f"{name}.xml").unlink(missing_ok=True)

    def _record(self, name: str) -> Path:
        return self.records / f"{name}.json"


def asked(name: str, settings: dict[str, Any], *, container: bool) -> VzGuestOptions:
    """A vz guest's options out of those of any guest.

    Raises:
        LabRefused: one of them says what a vz guest does not do.
    """
    usual = GuestOptions.__dataclass_fields__
    for key, value in settings.items():
        if key != "memory_mib" and value != usual[key].default:
            raise LabRefused(
                f"guest {name}: {key} {value} means nothing on a vz host, whose guests "
                "are records: they write no memory",
                remedy="leave it out, or start the guest on a qemu host",
            )
    memory = settings.get("memory_mib", GuestOptions.memory_mib)
    return VzGuestOptions(name, str(uuid.uuid4()), memory, container)
