"""The driver's calls about domains: what libvirt's ``vz_driver.c`` does with each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from virtmigrate_lab.vz_host import domxml
from virtmigrate_lab.vz_host.errors import (
    VzError,
    no_domain,
    unsupported_flags,
    wrong_state,
)
from virtmigrate_lab.vz_host.facts import LOCK_WAIT_S, XML_FLAGS, State
from virtmigrate_lab.vz_host.machine import Guest, now
from virtmigrate_lab.vz_host.wire import Domain, Param

if TYPE_CHECKING:
    from virtmigrate_lab.vz_host.dispatcher import Dispatcher, Job
    from virtmigrate_lab.vz_host.events import Events
    from virtmigrate_lab.vz_host.machine import Machine

SHOWN = {"running": State.RUNNING, "paused": State.PAUSED, "stopped": State.SHUTOFF}
REASON_USER, REASON_MIGRATION, REASON_BOOTED = 1, 2, 1
UNBOUNDED = 2
ULLONG = 4
FILTERS: tuple[tuple[tuple[int, str], ...], ...] = (
    ((1, "active"), (2, "inactive")),
    ((4, "persistent"), (8, "transient")),
    ((16, "running"), (32, "paused"), (64, "stopped"), (128, "other")),
)
"""``virConnectListAllDomainsFlags``: within a group one is enough."""


class Driver:
    """Domain calls. Each method is a procedure; its arguments are the signature's.

    Attributes:
        lock_wait_s: How long a change waits for another one to end.
    """

    def __init__(
        self, machine: Machine, dispatcher: Dispatcher, events: Events
    ) -> None:
        """Serve one machine."""
        self.machine = machine
        self.dispatcher = dispatcher
        self.events = events
        self.lock_wait_s = LOCK_WAIT_S
        self._locks: dict[str, asyncio.Lock] = {}

    # Finding.

    def of(self, domain: Domain) -> Guest:
        """The guest that a client means.

        Raises:
            VzError: 42, there is none.
        """
        guest = self.machine.guests.get(domain.uuid)
        if guest is None:
            raise no_domain(domain.uuid, domain.name)
        return guest

    @staticmethod
    def reference(guest: Guest) -> Domain:
        """How it is told to clients."""
        return Domain(guest.name, guest.uuid, guest.id)

    @contextlib.asynccontextmanager
    async def changing(self, guest: Guest) -> AsyncIterator[None]:
        """Be the only one who changes a guest (``vzDomainObjBeginJob``).

        Raises:
            VzError: 68 after a while, 42 if it has gone meanwhile.
        """
        lock = self._locks.setdefault(guest.uuid, asyncio.Lock())
        try:
            await asyncio.wait_for(lock.acquire(), self.lock_wait_s)
        except TimeoutError:
            raise VzError(68, "cannot acquire state change lock") from None
        try:
            if guest.uuid not in self.machine.guests:
                raise no_domain(guest.uuid, guest.name)
            yield
        finally:
            lock.release()

    async def list_all(self, need: int, flags: int) -> tuple[list[Domain], int]:
        found = [
            self.reference(guest)
            for guest in self.machine.guests.values()
            if self._wanted(guest, flags)
        ]
        return (found if need else []), len(found)

    def _wanted(self, guest: Guest, flags: int) -> bool:
        is_so = {"active" if guest.active else "inactive", "persistent", guest.state}
        groups = [
            {name for bit, name in group if flags & bit}
            for group in FILTERS
            if any(flags & bit for bit, _ in group)
        ]
        return all(group & is_so for group in groups)

    async def list_ids(self, most: int) -> tuple[list[int]]:
        ids = [guest.id for guest in self.machine.guests.values() if guest.active]
        return (ids[: max(0, most)],)

    async def num_ids(self) -> tuple[int]:
        return (sum(guest.active for guest in self.machine.guests.values()),)

    async def list_defined(self, most: int) -> tuple[list[str]]:
        names = [g.name for g in self.machine.guests.values() if not g.active]
        return (names[: max(0, most)],)

    async def num_defined(self) -> tuple[int]:
        return (sum(not guest.active for guest in self.machine.guests.values()),)

    async def lookup_by_id(self, number: int) -> tuple[Domain]:
        for guest in self.machine.guests.values():
            if guest.active and guest.id == number:
                return (self.reference(guest),)
        raise VzError(42, f"no domain with matching id {number}")

    async def lookup_by_name(self, name: str) -> tuple[Domain]:
        guest = self.machine.named(name)
        if guest is None:
            raise VzError(42, f"no domain with matching name '{name}'")
        return (self.reference(guest),)

    async def lookup_by_uuid(self, uuid: str) -> tuple[Domain]:
        guest = self.machine.guests.get(uuid)
        if guest is None:
            raise VzError(42, f"no domain with matching uuid '{uuid}'")
        return (self.reference(guest),)

    # Asking.

    def shown(self, guest: Guest) -> tuple[State, int]:
        """State and reason: one that moves says PAUSED, whatever its CPUs do."""
        if guest.uuid in self.dispatcher.jobs or guest.handover:
            return State.PAUSED, REASON_MIGRATION
        state = SHOWN[guest.state]
        return state, REASON_BOOTED if state is State.RUNNING else REASON_USER

    async def state(self, domain: Domain, flags: int) -> tuple[int, int]:
        guest = self.of(domain)
        if flags:
            raise unsupported_flags(flags, "vzDomainGetState")
        return self.shown(guest)

    async def info(self, domain: Domain) -> tuple[int, int, int, int, int]:
        guest = self.of(domain)
        defined = guest.definition
        kib = int(defined.memory_mib * 1024)
        cpu_ns = int(guest.counter(now()) * 1e9)
        return self.shown(guest)[0], kib, kib, defined.vcpus, cpu_ns

    async def xml(self, domain: Domain, flags: int) -> tuple[str]:
        if flags & ~XML_FLAGS:
            raise unsupported_flags(flags & ~XML_FLAGS, "vzDomainGetXMLDesc")
        return (self.of(domain).xml,)

    async def os_type(self, domain: Domain) -> tuple[str]:
        return (self.of(domain).definition.os_type,)

    async def is_active(self, domain: Domain) -> tuple[int]:
        return (int(self.of(domain).active),)

    async def is_persistent(self, domain: Domain) -> tuple[int]:
        self.of(domain)
        return (1,)

    async def is_updated(self, domain: Domain) -> tuple[int]:
        self.of(domain)
        return (0,)

    async def has_managed_save(self, domain: Domain, flags: int) -> tuple[int]:
        self.of(domain)
        return (0,)

    async def get_autostart(self, domain: Domain) -> tuple[int]:
        self.of(domain)
        return (0,)

    def _job(self, domain: Domain) -> Job | None:
        return self.dispatcher.jobs.get(self.of(domain).uuid)

    async def job_info(self, domain: Domain) -> tuple[int, ...]:
        """Percent, in fields that are bytes for every other driver."""
        job = self._job(domain)
        if job is None:
            return (0,) * 12
        done = job.percent
        figures = (int((now() - job.began) * 1000), 0, 100, done, 100 - done)
        return (UNBOUNDED, *figures, *(0,) * 6)

    async def job_stats(self, domain: Domain, flags: int) -> tuple[int, list[Param]]:
        if flags:
            raise unsupported_flags(flags, "vzDomainGetJobStats")
        job = self._job(domain)
        if job is None:
            return 0, []
        figures = {
            "time_elapsed": int((now() - job.began) * 1000),
            "data_total": 100,
            "data_processed": job.percent,
            "data_remaining": 100 - job.percent,
        }
        return UNBOUNDED, [Param(n, ULLONG, value) for n, value in figures.items()]

    async def abort_job(self, domain: Domain) -> tuple[()]:
        job = self._job(domain)
        if job is None:
            raise VzError(55, "no job is active on the domain")
        job.cancel.set()
        return ()

    # Changing.

    async def define(self, text: str) -> tuple[Domain]:
        read = domxml.read(text)
        known, named = self.machine.guests.get(read.uuid), self.machine.named(read.name)
        if named is not None and named is not known:
            msg = f"domain '{read.name}' already exists with uuid {named.uuid}"
            raise VzError(9, msg)
        guest = known or Guest(read.name, read.uuid, read.xml)
        guest.name, guest.xml = read.name, read.xml
        self.machine.guests[guest.uuid] = guest
        self.machine.save()
        self.events.tell(guest, "defined")
        return (self.reference(guest),)

    async def define_flags(self, text: str, flags: int) -> tuple[Domain]:
        if flags & ~1:
            raise unsupported_flags(flags & ~1, "vzDomainDefineXMLFlags")
        return await self.define(text)

    async def undefine(self, domain: Domain) -> tuple[()]:
        """Not only its definition: the VM is deleted, whatever it does."""
        guest = self.of(domain)
        async with self.changing(guest):
            self.machine.forget(guest, "undefined")
        self.events.tell(guest, "undefined")
        return ()

    async def undefine_flags(self, domain: Domain, flags: int) -> tuple[()]:
        if flags & ~3:
            raise unsupported_flags(flags & ~3, "vzDomainUndefineFlags")
        return await self.undefine(domain)

    async def create(self, domain: Domain) -> tuple[()]:
        await self._change(domain, ("stopped",), "start")
        return ()

    async def create_flags(self, domain: Domain, flags: int) -> tuple[Domain]:
        if flags:
            raise unsupported_flags(flags, "vzDomainCreateWithFlags")
        await self.create(domain)
        return (self.reference(self.of(domain)),)

    async def suspend(self, domain: Domain) -> tuple[()]:
        await self._change(domain, ("running",), "suspend")
        return ()

    async def resume(self, domain: Domain) -> tuple[()]:
        await self._change(domain, ("paused",), "resume")
        return ()

    async def destroy(self, domain: Domain) -> tuple[()]:
        await self._change(domain, ("running", "paused"), "destroy")
        return ()

    async def destroy_flags(self, domain: Domain, flags: int) -> tuple[()]:
        return await self.destroy(domain)

    async def shutdown(self, domain: Domain) -> tuple[()]:
        await self._change(domain, ("running",), "shutdown")
        return ()

    async def shutdown_flags(self, domain: Domain, flags: int) -> tuple[()]:
        return await self.shutdown(domain)

    async def _change(
        self, domain: Domain, allowed: tuple[str, ...], what: str
    ) -> None:
        guest = self.of(domain)
        async with self.changing(guest):
            if guest.state not in allowed or guest.handover:
                raise wrong_state()
            if what == "start":
                self.machine.start(guest, what)
            elif what == "resume":
                self.machine.run(guest, what)
            else:
                ends = what in ("destroy", "shutdown")
                self.machine.halt(guest, what, "stopped" if ends else "paused")
        self.events.tell(guest, what)
