"""The dispatcher's leaving side: moves guests to other vz hosts, as Virtuozzo's does.

Hosts find each other by name in the directory that they share. The source simulates the
transfer (disks that are not shared, then memory, each / rate), stops the guest, and
hands it over in one message; the destination makes it durable before it answers, and
only then does the source delete it.
A handover whose answer is lost is asked for until it is known: never two, never none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from virtmigrate_lab.vz_host import images
from virtmigrate_lab.vz_host.errors import VzError
from virtmigrate_lab.vz_host.facts import MIGRATION_PORT, PROGRESS_S
from virtmigrate_lab.vz_host.machine import Guest, now
from virtmigrate_lab.vz_host.peers import Lost, Peer

if TYPE_CHECKING:
    from virtmigrate_lab.vz_host.machine import Machine

RATE_MIB_S = 512.0
ASK_AGAIN_S = 0.2
MIB = 1 << 20


@dataclass(slots=True)
class Job:
    """A migration that leaves this host.

    Attributes:
        migration: Its id.
        began: Boot time.
        percent: How far it is.
        moving: Whether the destination has let it in.
        cancel: Set by an abort.
    """

    migration: str
    began: float
    percent: int = 0
    moving: bool = False
    cancel: asyncio.Event = field(default_factory=asyncio.Event)


class Dispatcher:
    """One host's guests that leave.

    Attributes:
        session: The session uuid that lets a source in.
        rate_mib_s: How fast memory goes.
        stalled: Whether nothing goes at all.
        jobs: Migrations that leave, by guest.
    """

    def __init__(self, machine: Machine, changed: Callable[[Guest, str], None]) -> None:
        """Serve one machine.

        Args:
            machine: Its guests.
            changed: Is told of each guest and what became of it.
        """
        self.machine = machine
        self.session = str(uuid4())
        self.rate_mib_s = RATE_MIB_S
        self.stalled = False
        self.jobs: dict[str, Job] = {}
        self.changed = changed
        self._asking: set[asyncio.Task[None]] = set()

    @property
    def socket(self) -> Path:
        """Where other dispatchers find it."""
        return self.machine.root / "dispatcher.sock"

    async def migrate(
        self, guest: Guest, target: tuple[str, int], session: str, how: dict[str, Any]
    ) -> None:
        """Move a guest; returns when it is there and gone here.

        Args:
            guest: One of ours.
            target: Host and port.
            session: The session uuid of the destination.
            how: `name` there, whether to `resume` there.

        Raises:
            VzError: It failed, with the SDK's text; the guest is as before.
        """
        job = self.jobs[guest.uuid] = Job(os.urandom(6).hex(), now())
        try:
            await asyncio.sleep(0)
            if job.cancel.is_set():  # before the SDK waits for anything
                raise VzError(78, "Operation cancelled by client")
            await self._move(guest, target, job, {**how, "session": session})
        finally:
            self.jobs.pop(guest.uuid, None)

    async def _move(
        self, guest: Guest, target: tuple[str, int], job: Job, how: dict[str, Any]
    ) -> None:
        self._check(guest)
        peer = await self._connect(target)
        try:
            offer = {"op": "offer", "guest": asdict(guest), **how}
            offer |= {"migration": job.migration, "disks": self._disks(guest)}
            offer["vendor"] = self.machine.hardware.vendor
            answer = await peer.ask(offer)
            guest.copied = list(answer["own"])
            job.moving = True
            self.changed(guest, "migrating")
            await self._transfer(guest, peer, job)
            await self._hand_over(guest, peer, job, target[0])
        except Lost as error:
            msg = "The connection to the destination dispatcher was lost"
            raise VzError(1, msg) from error
        finally:
            peer.close()

    def _check(self, guest: Guest) -> None:
        """What the source refuses by itself."""
        for what in guest.definition.tied:
            raise VzError(1, f"The virtual machine has a connected {what}")
        for path in guest.definition.images:
            if not self.machine.file_of(path).exists():
                raise VzError(1, f"The disk image {path} does not exist")

    async def _connect(self, target: tuple[str, int]) -> Peer:
        host, port = target
        path = self.machine.world / host / "dispatcher.sock"
        known = "/" not in host and port == MIGRATION_PORT and path.exists()
        unable = VzError(
            1, f"Unable to connect to the destination dispatcher at {host}:{port}"
        )
        if not known or host == self.machine.name:
            raise unable
        try:
            return await Peer.connect(path)
        except OSError as error:
            raise unable from error

    async def _transfer(self, guest: Guest, peer: Peer, job: Job) -> None:
        sent, memory = 0.0, guest.definition.memory_mib if guest.active else 0.0
        own = [self.machine.file_of(path) for path in guest.copied]
        disks = sum(images.facts(path).allocated_bytes for path in own) / MIB
        before, copied = now(), 0.0
        while sent < disks + memory:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(job.cancel.wait(), PROGRESS_S / 4)
            if job.cancel.is_set():
                raise VzError(1, "Operation was canceled")
            if peer.lost:
                raise Lost
            at = now()
            sent += 0.0 if self.stalled else (at - before) * self.rate_mib_s
            before = at
            job.percent = min(99, int(100 * sent / (disks + memory)))
            share = min(1.0, sent / disks) if disks else copied
            if share > copied:
                part = {"begin": copied, "end": share}
                await peer.ask({"op": "copy", "migration": job.migration, **part})
                copied = share

    async def _hand_over(self, guest: Guest, peer: Peer, job: Job, host: str) -> None:
        """From here on the guest runs nowhere until it is known where it is."""
        state = guest.state
        guest.handover = f"{job.migration} {host} {state}"
        self.machine.halt(guest, "handover", "paused" if guest.active else "stopped")
        offer = {"op": "take", "migration": job.migration, "guest": asdict(guest)}
        try:
            await peer.ask({**offer, "state": state})
        except Lost:
            await self._ask_until_known(guest)
            return
        except VzError:
            self._keep(guest)
            raise
        self._gone(guest)

    async def _ask_until_known(self, guest: Guest) -> None:
        migration, host, _ = guest.handover.split()
        while (taken := await self._has(host, migration)) is None:
            await asyncio.sleep(ASK_AGAIN_S)  # the other host tells nobody
        if taken:
            self._gone(guest)
            return
        self._keep(guest)
        raise VzError(1, "The destination dispatcher did not take the guest")

    async def _has(self, host: str, migration: str) -> bool | None:
        """Whether that host took it; None = it does not answer."""
        try:
            peer = await Peer.connect(self.machine.world / host / "dispatcher.sock")
        except OSError:
            return None
        try:
            answer = await peer.ask({"op": "has", "migration": migration})
        except Lost:
            return None
        finally:
            peer.close()
        return bool(answer["taken"])

    def _keep(self, guest: Guest) -> None:
        ran = guest.handover.endswith(" running")
        guest.handover = ""
        if ran:
            self.machine.run(guest, "migration failed")
        else:
            self.machine.save()
        self.changed(guest, "kept")

    def _gone(self, guest: Guest) -> None:
        """It is there: what was its own here goes."""
        for path in guest.copied:
            images.remove(self.machine.file_of(path))
        self.machine.forget(guest, "migrated")
        self.changed(guest, "gone")

    def _disks(self, guest: Guest) -> dict[str, str]:
        """Its disks: the path, and the file, which the destination may see too."""
        return {
            path: str(self.machine.file_of(path)) for path in guest.definition.images
        }

    def resume_handovers(self) -> None:
        """After a restart: find out what became of the guests in between."""
        for guest in list(self.machine.guests.values()):
            if guest.handover:
                task = asyncio.ensure_future(self._find_out(guest))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def _find_out(self, guest: Guest) -> None:
        with contextlib.suppress(VzError):  # nobody waits for that answer any more
            await self._ask_until_known(guest)
