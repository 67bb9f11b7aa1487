"""What was put off, done when its time has come. Looks before it acts; safe to repeat.

A migration that is over may owe something: a definition that could not go while the
guest ran, one that could not be written, an incomplete copy on a host that was silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import VirtmigrateError
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.redact import redact
from virtmigrate.results import Debt, Paid
from virtmigrate.settle import see

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from virtmigrate.context import Context
    from virtmigrate.journal import Body, Entry, Journal
    from virtmigrate.relay import Relay

AT_SOURCE = ("restore_source", "retire_source")
"""Obligations that concern the source's host; the others concern the destination's."""


@dataclass(slots=True)
class Listener:
    """What `ctx.engine` is while debts are paid: it hears that one is put off again."""

    owed: bool = False

    def pulse(self) -> None:
        """Nothing is being transferred."""

    def warn(self, message: str) -> None:
        """A debt's reason says it."""

    def owe(self, obligation: str) -> None:
        """It is put off again."""
        del obligation
        self.owed = True

    def remember(self, key: str, value: str) -> None:
        """It is tried again in full, should it not be paid now."""


def owes(entry: Entry) -> bool:
    """Whether this migration is over and owes something."""
    return entry.closed is not None and bool(entry.owed)


def collect(
    entry: Entry,
    entries: Sequence[Entry],
    reopen: Callable[[Entry], AbstractContextManager[tuple[Context, Relay]]],
    writing: tuple[Journal, float],
) -> list[Debt]:
    """Do what one migration owes, in order, and strike what is done.

    Args:
        entry: The migration; it is over.
        entries: All of the journal.
        reopen: Opens its hosts.
        writing: The journal, and seconds since the epoch.

    Raises:
        JournalError: The journal can't be written.
    """
    debts: list[Debt] = []
    due: list[str] = []
    for name in entry.owed:
        later = overtaken(entry, name, entries)
        if later is None:
            due.append(name)
            continue
        state = Paid.OWED if later.closed is None else Paid.VOID
        why = f"migration {later.migration} of this guest decides since"
        debts.append(_debt(entry, name, state, why))
    if due:
        try:
            with reopen(entry) as (ctx, relay):
                debts += _pay_all(entry, due, ctx, relay)
        except VirtmigrateError as error:
            debts += [_debt(entry, name, Paid.OWED, error.message) for name in due]
    _strike(entry, debts, *writing)
    return debts


def _pay_all(
    entry: Entry, due: Sequence[str], ctx: Context, relay: Relay
) -> list[Debt]:
    """What follows a debt that can't be paid relies on it, and waits."""
    debts: list[Debt] = []
    for name in due:
        if debts and debts[-1].state is Paid.OWED:
            state, why = Paid.OWED, f"{debts[-1].obligation} must come before it"
        else:
            state, why = pay(ctx, relay, name)
        debts.append(_debt(entry, name, state, why))
    return debts


def _strike(entry: Entry, debts: Sequence[Debt], journal: Journal, now: float) -> None:
    """Write down what is no longer owed."""
    done = [debt for debt in debts if debt.state is not Paid.OWED]
    if not done or entry.closed is None:
        return
    for debt in done:
        body: Body = {"obligation": debt.obligation, "how": debt.state, "why": debt.why}
        journal.append(entry.migration, "paid", now, body, durable=False)
    left = tuple(d.obligation for d in debts if d.state is Paid.OWED)
    journal.close(entry.migration, entry.outcome, entry.closed, settled=True, owed=left)


def _debt(entry: Entry, obligation: str, state: Paid, why: str) -> Debt:
    return Debt(
        migration=entry.migration,
        guest=entry.guest,
        uuid=entry.uuid,
        obligation=obligation,
        state=state,
        why=redact(why),
    )


def overtaken(entry: Entry, obligation: str, entries: Iterable[Entry]) -> Entry | None:
    """The later migration of this guest that concerns the same host, if there is one.

    Args:
        entry: The migration that owes.
        obligation: What.
        entries: All of the journal.
    """
    host = entry.source if obligation in AT_SOURCE else entry.destination
    for other in entries:
        later = other.uuid == entry.uuid and other.opened > entry.opened
        moved = other.outcome == Outcome.SUCCEEDED or other.closed is None
        if later and moved and host in (other.source, other.destination):
            return other
    return None


def pay(ctx: Context, relay: Relay, obligation: str) -> tuple[Paid, str]:
    """Do what is owed, if its time has come; what became of it, and why.

    Args:
        ctx: The migration, made again from its journal.
        relay: The way to its hypervisor's hooks.
        obligation: What.
    """
    ctx.engine = listener = Listener()
    payer = PAYERS.get(obligation)
    if payer is None:
        return Paid.OWED, "this version of virtmigrate does not know how"
    try:
        state, why = payer(ctx, relay)
    except VirtmigrateError as error:
        return Paid.OWED, error.message
    if listener.owed:
        return Paid.OWED, "the guest still needs it; it goes when the guest stops"
    return state, why


def _undo_persist(ctx: Context, relay: Relay) -> tuple[Paid, str]:
    """Put the destination's definition as it was; never take the last one away."""
    there = see(ctx.arrival)
    if there.state is RunState.UNREACHABLE:
        return Paid.OWED, f"the destination does not answer: {there.why}"
    captured = ctx.captured
    replaced = captured is not None and captured.destination_definitions.persistent
    if not there.persistent and not replaced:
        return Paid.PAID, "the destination has no definition of it any more"
    here = see(ctx.guest)
    if here.state is RunState.UNREACHABLE:
        return Paid.OWED, f"the source does not answer: {here.why}"
    if not here.persistent and _keeps_one(ctx):
        return Paid.OWED, "the source has no definition of it: this one is the last"
    relay.undo_persist(ctx)
    return Paid.PAID, "the destination's definition is as it was"


def _keeps_one(ctx: Context) -> bool:
    """Whether the guest is to keep a definition somewhere: nobody asked for none."""
    captured, asked = ctx.captured, ctx.options
    persistent = captured is not None and captured.source.persistent
    return persistent and not (asked.undefine_source and asked.persist_dest is False)


def _restore_source(ctx: Context, relay: Relay) -> tuple[Paid, str]:
    relay.restore_source(ctx)
    return Paid.PAID, "the source has its definition again"


def _retire_source(ctx: Context, relay: Relay) -> tuple[Paid, str]:
    """A source that was said to be off is back: its definition goes, if that was asked.

    A guest that runs there all the same is never ended.
    """
    del relay
    here, there = see(ctx.guest), see(ctx.arrival)
    if here.state is RunState.UNREACHABLE:
        return Paid.OWED, f"the source does not answer: {here.why}"
    if here.state.active:
        return Paid.OWED, f"the guest is {here.state} at the source: look at both hosts"
    if not here.persistent or not ctx.options.undefine_source:
        return Paid.PAID, "nothing is left at the source but what was asked for"
    if not there.persistent and _keeps_one(ctx):
        return Paid.OWED, f"the destination shows {there.state}: this is the last one"
    ctx.guest.undefine()
    return Paid.PAID, "the source's definition has gone"


def _clean_destination(ctx: Context, relay: Relay) -> tuple[Paid, str]:
    """End an incomplete copy, while the source is seen to hold the guest."""
    del relay
    there = see(ctx.arrival)
    if there.state is RunState.UNREACHABLE:
        return Paid.OWED, f"the destination does not answer: {there.why}"
    if there.state is RunState.SHUTOFF and there.persistent:
        return _clean_definition(ctx)
    if there.state is not RunState.PAUSED_MIGRATION:
        return Paid.PAID, "no incomplete copy is left there"
    here = see(ctx.guest)
    if not here.state.active or here.job:
        return Paid.OWED, f"the source shows {here.state}: that copy may be needed"
    ctx.arrival.destroy()
    return Paid.PAID, "the incomplete copy there was ended"


def _clean_definition(ctx: Context) -> tuple[Paid, str]:
    """Remove a definition that we brought there, while the source has its own."""
    before = ctx.captured.destination.state if ctx.captured else None
    if before is not RunState.ABSENT:
        return Paid.PAID, "the definition there was there before"
    here = see(ctx.guest)
    if not here.persistent:
        return Paid.OWED, f"the source shows {here.state}: this definition is the last"
    ctx.arrival.undefine()
    return Paid.PAID, "the definition there has gone"


def _delete_disks(ctx: Context, relay: Relay) -> tuple[Paid, str]:
    """Delete what was made for a copy that came to nothing."""
    relay.delete_disks(ctx)
    return Paid.PAID, "the images that were made there are gone"


PAYERS: dict[str, Callable[[Context, Relay], tuple[Paid, str]]] = {
    "undo_persist": _undo_persist,
    "restore_source": _restore_source,
    "clean_destination": _clean_destination,
    "retire_source": _retire_source,
    "delete_disks": _delete_disks,
}
