"""A migration as a running thing: made from its plan, or again from its journal."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.context import Context
from virtmigrate.errors import BadInput, Side
from virtmigrate.logbook import Logbook
from virtmigrate.monitor import Monitor
from virtmigrate.recovery import remember
from virtmigrate.silent import SilentHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.api import Migrator
    from virtmigrate.host import Host
    from virtmigrate.plan import HostFacts, Plan
    from virtmigrate.recovery import Remembered
    from virtmigrate.relay import Relay


@dataclass(frozen=True, slots=True)
class Reopened:
    """A migration that another run began, made again from its journal."""

    ctx: Context
    relay: Relay
    book: Logbook
    monitor: Monitor
    state: Remembered


def opened(
    plan: Plan, hosts: tuple[Host, Host], book: Logbook, cancel: threading.Event
) -> tuple[Context, Monitor]:
    """A plan between two open hosts, and the eye on it.

    Args:
        plan: What is to be done.
        hosts: Source and destination, open.
        book: Its journal, events and clock.
        cancel: Set by who wants it to end.
    """
    here, there = hosts
    monitor = Monitor(book, cancel)
    ctx = Context(
        migration=book.migration,
        attempt=1,
        plan=plan,
        options=plan.settlement.effective(),
        source=here,
        destination=there,
        guest=here.guest_by_uuid(plan.guest.uuid),
        arrival=there.guest_by_uuid(plan.guest.uuid),
        engine=monitor,
        clock=book.clock,
    )
    monitor.bind(ctx)
    return ctx, monitor


def _same(hosts: tuple[Host, Host], plan: Plan, proof: str) -> tuple[Host, Host]:
    """A guest is looked for on the hosts of the plan, wherever a URI leads today."""
    here, there = hosts
    if isinstance(here, SilentHost) and isinstance(there, SilentHost):
        raise here.unreachable()
    return _one(here, plan.source, proof), _one(there, plan.destination, proof)


def _one(host: Host, facts: HostFacts, proof: str) -> Host:
    if host.uuid == facts.uuid:
        return host
    msg = f"{host.uri} leads to {host.name}, another host than {facts.name}"
    if proof in (facts.name, facts.uri, facts.uuid):
        return SilentHost(facts, host.side, msg)  # it is no more, says somebody
    raise BadInput(
        msg,
        side=host.side,
        subject="uri",
        remedy=f"name its URI: --{host.side}; or --fence-proof if it is no more",
    )


@contextmanager
def reopened(
    migration: str,
    plan: Plan,
    uris: tuple[str, str],
    migrator: Migrator,
    proof: str = "",
) -> Iterator[Reopened]:
    """A migration made again from its journal; one host at least is open.

    Args:
        migration: Its id.
        plan: Its plan.
        uris: Of source and destination.
        migrator: Its journal, its hosts.
        proof: A host of the plan that is stated to be off, "" for none.

    Raises:
        HostUnreachable: Neither answers.
        BadInput: Another host answers than the plan was made for.
    """
    state = remember(migrator.journal.records(migration))
    facts = {Side.SOURCE: plan.source, Side.DESTINATION: plan.destination}

    def silent(side: Side, why: str) -> Host:
        return SilentHost(facts[side], side, why)

    with migrator.doors.pair(*uris, otherwise=silent) as opened_hosts:
        hosts = _same(opened_hosts, plan, proof)
        book = Logbook(migration, migrator.journal, migrator.clock, migrator.sinks)
        ctx, monitor = opened(plan, hosts, book, threading.Event())
        ctx.captured, ctx.notes = state.captured, state.notes
        relay = migrator.manager.relay(hosts[0].hypervisor)
        yield Reopened(ctx, relay, book, monitor, state)
