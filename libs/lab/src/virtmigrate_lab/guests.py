"""Starts, checks and stops guests on the hosts of a lab."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import CommandFailed, LabError, LabRefused
from virtmigrate_lab.layout import Layout
from virtmigrate_lab.processes import wait_for
from virtmigrate_lab.qemu_host import virsh
from virtmigrate_lab.report import ABSENT, GuestReport
from virtmigrate_lab.stream import Record
from virtmigrate_lab.windows import (
    STALL_S,
    Window,
    longest_silence,
    overlaps,
    read_windows,
    silences,
)

START_TIMEOUT_S = 20.0
PROGRESS_TIMEOUT_S = 3.0
VERIFY_TIMEOUT_S = 60.0
ASK_AGAIN_S = 2.0
LOOK_BACK_S = 1.0
UNREACHABLE = "unreachable"


def control(layout: Layout, request: str) -> None:
    """Send the observer a request.

    Raises:
        LabError: it does not listen.
    """
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(str(layout.control))
            peer.sendall(f"{request}\n".encode("ascii"))
        except OSError as error:
            raise LabError(
                f"the lab's observer does not listen on {layout.control}: {error}",
                remedy="start the lab anew",
            ) from error


@dataclass(frozen=True)
class Guests:
    """The guests of a lab.

    Args:
        layout: The lab's files.
        sockets: Host and its daemon's socket.
    """

    layout: Layout
    sockets: dict[str, Path]

    def start(
        self, options: GuestOptions, host: str, *, persistent: bool, paused: bool
    ) -> GuestOptions:
        """Boot a guest and wait until it has filled its memory (unless paused).

        Raises:
            LabError: the name is taken, or it did not get ready in time.
        """
        if options.name in self.names():
            raise LabRefused(
                f"guest {options.name} has been started in this lab",
                remedy="stop it first, or choose another name",
            )
        control(self.layout, f"forget {options.name}")
        self._beats(options.name).unlink(missing_ok=True)
        xml = self.layout.guests / f"{options.name}.xml"
        xml.write_text(options.to_xml(), encoding="utf-8")
        words = ["--paused"] if paused else []
        if persistent:
            virsh(self.sockets[host], "define", str(xml))
            virsh(self.sockets[host], "start", options.name, *words)
        else:
            virsh(self.sockets[host], "create", str(xml), *words)
        record = json.dumps(options.to_json(), indent=1)
        self._record(options.name).write_text(record, encoding="utf-8")
        if not paused and not wait_for(lambda: self._ready(options), START_TIMEOUT_S):
            raise LabError(
                f"guest {options.name} on host {host} was not ready in"
                f" {START_TIMEOUT_S} s",
                remedy=f"see {self.layout.host(host).var}/log/libvirt/qemu",
            )
        return options

    def names(self) -> list[str]:
        """The guests that were started and not stopped."""
        return sorted(path.stem for path in self.layout.guests.glob("*.json"))

    def options(self, name: str) -> GuestOptions:
        """How a guest was started.

        Raises:
            LabError: there is no such guest.
        """
        try:
            text = self._record(name).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            known = ", ".join(self.names()) or "none"
            raise LabRefused(
                f"no guest {name} in this lab (guests: {known})"
            ) from error
        return GuestOptions.from_json(json.loads(text))

    def stop(self, name: str) -> None:
        """Destroy and undefine a guest wherever it is, and forget it."""
        guest = self.options(name)
        for path in self.sockets.values():
            self._remove(path, guest.uuid)
        self._forget(name)

    def clear(self) -> None:
        """Destroy and undefine every domain on every host."""
        for path in self.sockets.values():
            for uuid in virsh(path, "list", "--all", "--uuid").split():
                self._remove(path, uuid)
        for name in self.names():
            self._forget(name)

    def _remove(self, path: Path, uuid: str) -> None:
        state, persistent = self.state(path, uuid)
        if state not in (ABSENT, UNREACHABLE, "shut off"):
            virsh(path, "destroy", uuid)
        if persistent:
            virsh(path, "undefine", uuid)

    def _forget(self, name: str) -> None:
        self._record(name).unlink(missing_ok=True)
        (self.layout.guests / f"{name}.xml").unlink(missing_ok=True)

    @staticmethod
    def state(path: Path, uuid: str) -> tuple[str, bool]:
        """What a host says of a guest: its state, and whether it is persistent."""
        try:
            listed = virsh(path, "list", "--all", "--uuid").split()
            if uuid not in listed:
                return ABSENT, False
            lines = virsh(path, "dominfo", uuid).splitlines()
        except CommandFailed as error:
            gone = "Domain not found" in error.stderr
            return (ABSENT if gone else UNREACHABLE), False
        info = dict(line.split(":", 1) for line in lines if ":" in line)
        return info["State"].strip(), info["Persistent"].strip() == "yes"

    def windows(self, name: str, since: float = 0.0) -> list[Window]:
        """What the observer heard of a guest after a time (monotonic seconds)."""
        return read_windows(self._beats(name), since)

    def last_record(self, name: str, since: float = 0.0) -> Record | None:
        """What a guest last said of itself after a time."""
        records = [window.record for window in self.windows(name, since)]
        return next((record for record in reversed(records) if record), None)

    def check(
        self, name: str, *, since: float | None = None, verify: bool = True
    ) -> GuestReport:
        """Look at a guest: what hosts say, what its heartbeat shows, its memory.

        Args:
            name: The guest.
            since: From when on silences count (monotonic seconds; default: all).
            verify: Have it walk over all of its memory.

        Raises:
            LabError: there is no such guest.
        """
        guest = self.options(name)
        with ThreadPoolExecutor(len(self.sockets)) as pool:
            paths = self.sockets.values()
            states = list(pool.map(lambda path: self.state(path, guest.uuid), paths))
        hosts = dict(zip(self.sockets, states, strict=True))
        asked = time.monotonic()
        alive = wait_for(lambda: self._beats_since(name, asked), PROGRESS_TIMEOUT_S)
        verified = self._verify(name) if alive and verify else None
        return self._report(guest, hosts, alive=alive, verified=verified, since=since)

    def _report(
        self,
        guest: GuestOptions,
        hosts: dict[str, tuple[str, bool]],
        *,
        alive: bool,
        verified: int | None,
        since: float | None,
    ) -> GuestReport:
        windows = self.windows(guest.name)
        last = next((w.record for w in reversed(windows) if w.record), None)
        start = windows[0].first if since is None and windows else since or 0.0
        errors = last.errors + last.fault if last else 0
        quiet = sorted(silences(windows, start))
        return GuestReport(
            name=guest.name,
            uuid=guest.uuid,
            hosts={host: state for host, (state, _) in hosts.items()},
            persistent=[host for host, (_, kept) in hosts.items() if kept],
            beats_on=windows[-1].host if alive and windows else None,
            alive=alive,
            counter=last.counter if last else 0,
            writes=last.writes if last else 0,
            pages=last.pages if last else 0,
            verified=verified or 0,
            memory_ok=None if verified is None else not errors,
            errors=errors,
            first_bad_page=last.first_bad if last else None,
            longest_silence_ms=round(1000 * longest_silence(windows, start), 1),
            silences_ms=[
                round(1000 * (end - begin), 1)
                for begin, end in quiet
                if end - begin >= STALL_S
            ],
            double_run=overlaps(windows),
            since=start,
        )

    def _verify(self, name: str) -> int | None:
        """Have all memory verified; how many pages were, None if it did not end."""
        before = self.last_record(name)
        if before is None:
            return None
        deadline = time.monotonic() + VERIFY_TIMEOUT_S
        while time.monotonic() < deadline:
            asked = time.monotonic()
            control(self.layout, f"verify {name}")
            wait_for(
                lambda: self._walked(name, before) or self._gone(name), ASK_AGAIN_S
            )
            record = self.last_record(name, asked - LOOK_BACK_S)
            if record is None:
                return None
            while record.started > before.started:
                if record.walks > before.started:
                    return record.verified - before.verified
                if time.monotonic() >= deadline or self._gone(name):
                    return None
                wait_for(lambda: self._walked(name, before), ASK_AGAIN_S)
                record = self.last_record(name) or record
        return None

    def _walked(self, name: str, before: Record) -> bool:
        record = self.last_record(name, time.monotonic() - LOOK_BACK_S)
        return record is not None and record.walks > before.started

    def _gone(self, name: str) -> bool:
        return not self.windows(name, time.monotonic() - LOOK_BACK_S)

    def _beats_since(self, name: str, moment: float) -> bool:
        return any(window.beats for window in self.windows(name, moment))

    def _ready(self, options: GuestOptions) -> bool:
        record = self.last_record(options.name)
        return record is not None and record.ready

    def _beats(self, name: str) -> Path:
        return self.layout.beats / f"{name}.jsonl"

    def _record(self, name: str) -> Path:
        return self.layout.guests / f"{name}.json"
