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

VERSION = 1


@dataclass(frozen=True)
class LabRecord:
    """A lab that is up.

    Args:
        id: Unique to the lab.
        switch: The namespaces that hold its network.
        observer: The process that hears heartbeats.
        hosts: Its hosts, in order.
    """

    id: str
    switch: Space
    observer: Process
    hosts: tuple[Host, ...]

    def whole(self) -> bool:
        """Whether everything that was started still runs."""
        held = [self.switch.holder, self.observer]
        held += [p for host in self.hosts for p in (host.space.holder, host.daemon)]
        return all(process.alive() for process in held)

    def with_daemon(self, name: str, daemon: Process) -> Self:
        """The same with another libvirtd on one host."""
        hosts = (
            replace(host, daemon=daemon) if host.name == name else host
            for host in self.hosts
        )
        return replace(self, hosts=tuple(hosts))

    def save(self, layout: Layout) -> None:
        """Write it, all or nothing."""
        hosts = [
            {
                "name": host.name,
                "kind": host.kind,
                "address": host.address,
                "holder": asdict(host.space.holder),
                "daemon": asdict(host.daemon),
            }
            for host in self.hosts
        ]
        write(
            layout,
            {
                "version": VERSION,
                "id": self.id,
                "names": [host.name for host in self.hosts],
                "user_namespace": self.switch.user,
                "switch": asdict(self.switch.holder),
                "observer": asdict(self.observer),
                "hosts": hosts,
            },
        )

    @classmethod
    def load(cls, layout: Layout) -> Self | None:
        """Read it; None if no lab was started, or not to its end."""
        data = read(layout)
        if data is None or "hosts" not in data:
            return None
        user = data["user_namespace"]
        hosts = tuple(
            Host(
                name=host["name"],
                kind=host["kind"],
                address=host["address"],
                index=index,
                lab_id=data["id"],
                space=Space(Process(**host["holder"]), user),
                daemon=Process(**host["daemon"]),
                paths=layout.host(host["name"]),
            )
            for index, host in enumerate(data["hosts"])
        )
        switch = Space(Process(**data["switch"]), user)
        return cls(data["id"], switch, Process(**data["observer"]), hosts)


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
