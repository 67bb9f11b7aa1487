"""Disks that can't catch up: taken back by name, then again with synchronous writes."""

from __future__ import annotations

import threading

import anyio
import pytest

from tests.mock.rig import MANAGER
from tests.mock.test_disks import HERE, THERE, furnished
from tests.requirements import requirement
from virtmigrate import MemoryJournal, Migrator, Options
from virtmigrate.again import OPTION, once_more
from virtmigrate.aio import AsyncMigrator
from virtmigrate.errors import OptionRefused
from virtmigrate.phases import Outcome
from virtmigrate.planning import Request

BUSY = 140
"""MiB/s that the guest writes to its disk; the link carries 100."""


class Twice:
    """A busy world, a migrator in it, and what both told."""

    def __init__(self, **more):
        self.world = furnished(write_mib_s=more.pop("write_mib_s", BUSY))
        self.journal, self.events = MemoryJournal(), []
        self.mover = Migrator(
            manager=MANAGER,
            journal=self.journal,
            clock=self.world.clock,
            sinks=[self.events.append, *more.pop("sinks", ())],
        )

    def arguments(self, **asked):
        return "g", self.world.uri("a"), self.world.uri("b"), Options(**asked)

    def outcomes(self):
        """Of each migration that the journal has, oldest first."""
        kept = sorted(self.journal.entries(), key=lambda entry: entry.opened)
        return [(entry.migration, entry.outcome) for entry in kept]

    def ended(self):
        return [event.result for event in self.events if event.kind == "ended"]


def by_migrate(twice, **asked):
    return twice.mover.migrate(*twice.arguments(**asked))


def by_start(twice, **asked):
    return twice.mover.start(*twice.arguments(**asked)).wait(60)


def by_awaiting(twice, **asked):
    async def awaited():
        return await AsyncMigrator(twice.mover).migrate(*twice.arguments(**asked))

    return anyio.run(awaited)


@requirement("disks.again")
@pytest.mark.parametrize("way", [by_migrate, by_start, by_awaiting])
def test_the_second_move_writes_synchronously_and_names_the_first(way):
    twice = Twice()
    result = way(twice)
    assert result.outcome is Outcome.SUCCEEDED
    assert getattr(result.effective, OPTION) is True
    first, last = twice.ended()
    assert (first.outcome, first.fired.limit) == (Outcome.ROLLED_BACK, "mirror_lags")
    assert (first.fired.value, first.fired.unit) == (20.0, "s")
    assert first.migration != last.migration == result.migration
    assert twice.outcomes() == [
        (first.migration, "rolled back"),
        (result.migration, "succeeded"),
    ]
    (told,) = (text for text in result.warnings if first.migration in text)
    assert "the disks can't catch up" in told
    assert "100.0 MiB/s are sent" in told
    assert twice.world.images() == {HERE: ["g.img"], THERE: ["g.img"]}
    assert twice.world.violations() == []


@requirement("disks.again")
def test_disks_that_can_catch_up_need_no_second_move():
    twice = Twice(write_mib_s=80)
    assert by_migrate(twice).outcome is Outcome.SUCCEEDED
    assert len(twice.ended()) == 1


@requirement("disks.again")
def test_whoever_said_no_is_told_what_helps():
    twice = Twice()
    result = by_migrate(twice, **{OPTION: False})
    assert (result.outcome, len(twice.ended())) == (Outcome.ROLLED_BACK, 1)
    assert "leave --no-copy-storage-synchronous-writes out" in result.warnings[-1]
    assert twice.world.images() == {HERE: ["g.img"], THERE: []}


@requirement("disks.again")
def test_hosts_that_lack_it_say_so_and_what_helps():
    first = by_migrate(Twice(), **{OPTION: False})

    def refused(request, why):
        assert getattr(request.options, OPTION) is True
        assert first.migration in why
        lacking = OptionRefused(
            "it needs libvirt 8.0, 7.2 runs there", subject=OPTION, remedy="leave it"
        )
        raise ExceptionGroup("it can't move as asked", [lacking])

    result = once_more(first, Request("g"), threading.Event(), refused)
    assert (result.migration, result.outcome) == (first.migration, first.outcome)
    assert "it needs libvirt 8.0" in result.warnings[-1]
    assert "--no-live" in result.warnings[-1]


@requirement("disks.again")
@pytest.mark.parametrize("second", [False, True])
def test_a_cancel_ends_whichever_runs(second):
    """Where it comes between both, there is no second."""
    begun, cancel = [], threading.Event()

    def strike(event):
        begun.extend([event] * (event.kind == "started"))
        awaited = "progress" if second else "ended"
        if event.kind == awaited and len(begun) == 1 + second:
            cancel.set()

    twice = Twice(sinks=[strike])
    ends = twice.world.uri("a"), twice.world.uri("b")
    result = twice.mover._migrate("m", Request("g"), ends, cancel)
    assert len(begun) == len(twice.ended()) == 1 + second
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.fired.limit == ("request" if second else "mirror_lags")
    assert twice.world.images() == {HERE: ["g.img"], THERE: []}
    assert twice.world.where("g") == ["a"]
    assert twice.world.violations() == []
