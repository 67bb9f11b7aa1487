"""What was started, written down so that another process can use it or end it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from virtmigrate_lab.errors import LabError
from virtmigrate_lab.host import Host
from virtmigrate_lab.layout import Layout
from virtmigrate_lab.namespaces import Space
from virtmigrate_lab.processes import Process
from virtmigrate_lab.vz_host.host import VzHost

VERSION = 4


@dataclass(frozen=True)
class Ground:
    """What hosts in namespaces share.

    Args:
        switch: The namespaces that hold their network.
        observer: The process that hears heartbeats.
    """

    switch: Space
    observer: Process

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "user_namespace": self.switch.user,
            "switch": asdict(self.switch.holder),
            "observer": asdict(self.observer),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self | None:
        """Back from :meth:`to_json`; None if there was none."""
        if "switch" not in data:
            return None
        switch = Space(Process(**data["switch"]), data["user_namespace"])
        return cls(switch, Process(**data["observer"]))


@dataclass(frozen=True)
class LabRecord:
    """A lab that is up.

    Args:
        id: Unique to the lab.
        ground: What its hosts in namespaces share; None if it has none of those.
        hosts: Its hosts in namespaces, in order.
        vz: Its vz hosts, in order.
    """

    id: str
    ground: Ground | None
    hosts: tuple[Host, ...] = ()
    vz: tuple[VzHost, ...] = ()

    @property
    def switch(self) -> Space:
        """The namespaces that hold its network.

        Raises:
            LabError: it has none.
        """
        if self.ground is None:
            raise LabError("this lab has vz hosts only: there is no network in it")
        return self.ground.switch

    def whole(self) -> bool:
        """Whether everything that was started still runs."""
        held = [self.ground.switch.holder, self.ground.observer] if self.ground else []
        for host in self.hosts:
            held += [host.space.holder, host.daemon]
            held += [host.sshd] if host.sshd else []
        running = all(process.alive() for process in held)
        return running and all(host.alive() for host in self.vz)

    def with_host(self, changed: Host) -> Self:
        """The same with other daemons on one host."""
        hosts = (changed if host.name == changed.name else host for host in self.hosts)
        return replace(self, hosts=tuple(hosts))

    def with_vz(self, changed: VzHost) -> Self:
        """The same with another process on one vz host."""
        vz = tuple(changed if host.name == changed.name else host for host in self.vz)
        return replace(self, vz=vz)

    def save(self, layout: Layout) -> None:
        """Write it, all or nothing."""
        hosts = [
            {
                "name": host.name,
                "kind": host.kind,
                "address": host.address,
                "holder": asdict(host.space.holder),
                "daemon": asdict(host.daemon),
                "ways": host.ways,
                "sshd": host.sshd and asdict(host.sshd),
                "release": host.release,
            }
            for host in self.hosts
        ]
        vz = [
            {"name": host.name, "process": host.process and asdict(host.process)}
            for host in self.vz
        ]
        data = {
            "version": VERSION,
            "id": self.id,
            "names": [host.name for host in self.hosts],
            "hosts": hosts,
            "vz": vz,
        }
        write(layout, data | (self.ground.to_json() if self.ground else {}))

    @classmethod
    def load(cls, layout: Layout) -> Self | None:
        """Read it; None if no lab was started, or not to its end."""
        data = read(layout)
        if data is None or "hosts" not in data:
            return None
        hosts = tuple(
            Host(
                name=host["name"],
                kind=host["kind"],
                address=host["address"],
                index=index,
                lab_id=data["id"],
                space=Space(Process(**host["holder"]), data["user_namespace"]),
                daemon=Process(**host["daemon"]),
                paths=layout.host(host["name"]),
                ways=tuple(host["ways"]),
                sshd=host["sshd"] and Process(**host["sshd"]),
                release=host["release"],
            )
            for index, host in enumerate(data["hosts"])
        )
        vz = tuple(
            VzHost(
                name=host["name"],
                world=layout.vz,
                lab_id=data["id"],
                process=host["process"] and Process(**host["process"]),
            )
            for host in data["vz"]
        )
        return cls(data["id"], Ground.from_json(data), hosts, vz)


def read(layout: Layout) -> dict[str, Any] | None:
    """The file's data; None if there is none.

    Raises:
        LabError: it is not one of ours, or of another version.
    """
    try:
        text = layout.record.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise LabError(
            f"{layout.record} is not the record of a lab of this version",
            remedy="end that lab with the version that started it, or remove the file",
        )
    return data


def write(layout: Layout, data: dict[str, Any]) -> None:
    """Write the file, all or nothing."""
    text = json.dumps(data, indent=1) + "\n"
    draft = Path(f"{layout.record}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(layout.record)
