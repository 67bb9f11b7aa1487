"""The guests of one vz host: records in a file, and a history of who ran when.

The file is written anew, and synced, at each change: a host that is killed shows its
truth when it is started again. Guests go on while that process is down, as VMs do
without their management.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from virtmigrate_lab.vz_host import domxml
from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.store import Hardware, Store

RunState = Literal["running", "paused", "stopped"]
LOG = "log"
"""What a host's process prints; it outlives what it tells of."""


def now() -> float:
    """Seconds since this machine was booted; the same in every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Guest:
    """A guest on one host.

    Attributes:
        name: Its name.
        uuid: Its identity.
        xml: Its definition.
        state: What its CPUs do.
        id: libvirt's number of an active domain, else -1.
        counter_s: CPU seconds until `running_since`.
        running_since: When it last began to run (boot time), None = it does not.
        boot: Which boot of it this is: drawn when it is started.
        handover: The migration that has stopped it for good, unless the other host says
            that it never took it: its id, that host, the state before; "" = none.
        copied: Images of its own that this migration copies: they go with it.
    """

    name: str
    uuid: str
    xml: str
    state: RunState = "stopped"
    id: int = -1
    counter_s: float = 0.0
    running_since: float | None = None
    boot: str = ""
    handover: str = ""
    copied: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        """Whether it runs or is paused."""
        return self.state != "stopped"

    def counter(self, at: float) -> float:
        """CPU seconds of this boot until `at`."""
        since = self.running_since
        return self.counter_s + (at - since if since is not None else 0.0)

    def digest(self, at: float) -> str:
        """Digest of its memory: what its CPUs have written until `at`."""
        text = f"{self.uuid}:{self.boot}:{self.counter(at):.6f}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def rename(self, name: str) -> None:
        """Give it another name."""
        self.name, self.xml = name, domxml.renamed(self.xml, name)

    @property
    def definition(self) -> domxml.Definition:
        """Its definition, read."""
        return domxml.read(self.xml)


@dataclass
class Machine:
    """One host's guests, in memory and on disk.

    Attributes:
        name: The host's name.
        root: Its directory: its file and its own storage.
        world: The directory that all hosts share: the history, shared storage.
        guests: By UUID.
        taken: Migrations whose guest was taken over here.
        next_id: The number of the next domain that becomes active.
        store: Its storage.
        hardware: What it is made of.
    """

    name: str
    root: Path
    world: Path
    guests: dict[str, Guest] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    next_id: int = 1
    store: Store = field(default_factory=Store)
    hardware: Hardware = field(default_factory=Hardware)

    @classmethod
    def load(cls, name: str, world: Path) -> Machine:
        """What the host's file says; an empty host if there is none."""
        root = world / name
        root.mkdir(parents=True, exist_ok=True)
        made = cls(name, root, world)
        try:
            data = json.loads(made._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return made
        made.guests = {uuid: _guest(fact) for uuid, fact in data["guests"].items()}
        made.taken, made.next_id = list(data["taken"]), int(data["next_id"])
        made.store = Store(**data["store"])
        made.hardware = Hardware(**data["hardware"])
        return made

    @property
    def _file(self) -> Path:
        return self.root / "guests.json"

    def save(self) -> None:
        """Make it durable."""
        data = {
            "guests": {uuid: asdict(guest) for uuid, guest in self.guests.items()},
            "taken": self.taken,
            "next_id": self.next_id,
            "store": asdict(self.store),
            "hardware": asdict(self.hardware),
        }
        draft = self._file.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)

    def file_of(self, path: str) -> Path:
        """The file that stands for a path on this host.

        Raises:
            VzError: It leads out of the host.
        """
        parts = Path(path).parts
        if not path.startswith("/") or ".." in parts:
            raise VzError(8, f"path {path} is not absolute")
        for mount, directory in self.store.mounts.items():
            if Path(path).is_relative_to(mount):
                return self.world / directory / Path(path).relative_to(mount)
        return self.root.joinpath("files", *parts[1:])

    def named(self, name: str) -> Guest | None:
        """The guest of this name."""
        return next((g for g in self.guests.values() if g.name == name), None)

    def number(self, guest: Guest) -> None:
        """Give an active guest its number."""
        guest.id, self.next_id = self.next_id, self.next_id + 1

    # Changes of what a guest's CPUs do: the only ones there are.

    def start(self, guest: Guest, why: str) -> None:
        """Boot it."""
        guest.boot, guest.counter_s = os.urandom(6).hex(), 0.0
        self.number(guest)
        self.run(guest, why)

    def run(self, guest: Guest, why: str) -> None:
        """Let its CPUs run."""
        guest.state, guest.running_since = "running", now()
        self.note(guest, "start", why, guest.running_since)
        self.save()

    def halt(self, guest: Guest, why: str, state: RunState = "paused") -> None:
        """Stop its CPUs; for good, if it is to be `stopped`."""
        at = now()
        if guest.running_since is not None:
            guest.counter_s, guest.running_since = guest.counter(at), None
            self.note(guest, "stop", why, at)
        guest.state = state
        if state == "stopped":
            guest.id = -1
        self.save()

    def forget(self, guest: Guest, why: str) -> None:
        """Delete it, running or not."""
        self.halt(guest, why, "stopped")
        del self.guests[guest.uuid]
        self.note(guest, "deleted", why, now())
        self.save()

    def note(self, guest: Guest, what: str, why: str, at: float) -> None:
        """Add a line to the history that all hosts share."""
        line = {
            "at": at,
            "host": self.name,
            "uuid": guest.uuid,
            "name": guest.name,
            "what": what,
            "why": why,
            "boot": guest.boot,
            "counter_s": round(guest.counter(at), 6),
            "digest": guest.digest(at),
        }
        with history_of(self.world).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _guest(facts: dict[str, Any]) -> Guest:
    names = {one.name for one in fields(Guest)}
    return Guest(**{name: value for name, value in facts.items() if name in names})


def wipe(directory: Path, *, keep: Collection[str] = (LOG,)) -> None:
    """Remove what is in a directory, but for some names."""
    for path in directory.iterdir():
        if path.name in keep:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def history_of(world: Path) -> Path:
    """The file of the history."""
    return world / "history.jsonl"


def read_history(world: Path, guest: str = "") -> Iterator[dict[str, Any]]:
    """Lines of the history, oldest first.

    Args:
        world: The directory that all hosts share.
        guest: Only of this guest, by name or UUID.
    """
    path = history_of(world)
    if not path.exists():
        return
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    # A guest may be renamed on its way: it is followed by its identity.
    wanted = {
        line["uuid"] for line in lines if guest in ("", line["uuid"], line["name"])
    }
    yield from (line for line in lines if line["uuid"] in wanted)
