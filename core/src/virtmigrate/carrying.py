"""From a request or a plan to its result, between two open hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.again import once_more
from virtmigrate.engine import Engine
from virtmigrate.errors import NotMovable, leaves
from virtmigrate.handle import new_id
from virtmigrate.journal import refuse_claimed
from virtmigrate.logbook import Logbook
from virtmigrate.opening import opened
from virtmigrate.planning import Planned, make_plan

if TYPE_CHECKING:
    import threading

    from virtmigrate.api import Migrator
    from virtmigrate.host import Host
    from virtmigrate.planning import Request
    from virtmigrate.results import Result

FRESH_S = 1.0
"""What a plan saw so shortly ago, before anything was touched, is not asked again."""


def moved(
    migrator: Migrator,
    migration: str,
    wanted: Request,
    hosts: tuple[Host, Host],
    cancel: threading.Event,
) -> Result:
    """Plan and run; once more with synchronous writes if its disks can't catch up.

    Args:
        migrator: Its plugins, journal, clock and sinks.
        migration: The id of the first; the second has its own.
        wanted: The request.
        hosts: Source and destination.
        cancel: Ends whichever runs.
    """

    def once(name: str, request: Request, *told: str) -> Result:
        began = migrator.clock.now()
        planned = _planned(migrator, request, hosts)
        if migrator.clock.now() - began > FRESH_S:
            planned = Planned(planned.plan)
        return carried_out(migrator, name, planned, hosts, cancel, told=told)

    first = once(migration, wanted)
    return once_more(
        first, wanted, cancel, lambda request, why: once(new_id(), request, why)
    )


def _planned(migrator: Migrator, wanted: Request, hosts: tuple[Host, Host]) -> Planned:
    here, there = hosts
    try:
        return make_plan(migrator.manager, wanted, here, there)
    except ExceptionGroup as refused:
        # What is in the way may be a migration of ours: then that is the news.
        if any(isinstance(error, NotMovable) for error in leaves(refused)):
            refuse_claimed(lambda: migrator.journal, here.guest(wanted.guest).uuid)
        raise


def carried_out(
    migrator: Migrator,
    migration: str,
    planned: Planned,
    hosts: tuple[Host, Host],
    cancel: threading.Event,
    *,
    told: tuple[str, ...] = (),
) -> Result:
    """Run a plan.

    Args:
        migrator: Its plugins, journal, clock and sinks.
        migration: Its id.
        planned: What is to be done, and what was seen just now, if anything.
        hosts: Source and destination.
        cancel: Set by who wants it to end.
        told: Warnings to begin with.
    """
    book = Logbook(migration, migrator.journal, migrator.clock, migrator.sinks, told)
    ctx, monitor = opened(planned.plan, hosts, book, cancel)
    here, there = (migrator.manager.relay(host.hypervisor) for host in hosts)
    return Engine(ctx, (here, there), book, monitor, planned.seen).run()
