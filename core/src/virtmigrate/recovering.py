"""A migration whose controller died, or that owes something: made again, and ended."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from virtmigrate.adjudication import WHY, Told
from virtmigrate.closing import Closing
from virtmigrate.debts import collect, owes
from virtmigrate.errors import BadInput, NotMovable, Side, VirtmigrateError
from virtmigrate.forward import decide_landing
from virtmigrate.insecure import words
from virtmigrate.journal import unknown
from virtmigrate.opening import reopened
from virtmigrate.phases import Outcome
from virtmigrate.recovery import last_result
from virtmigrate.results import Judgement
from virtmigrate.rollback import completes_alone
from virtmigrate.settle import Settler, see
from virtmigrate.silent import SilentHost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.api import Migrator
    from virtmigrate.context import Context
    from virtmigrate.journal import Entry
    from virtmigrate.opening import Reopened
    from virtmigrate.relay import Relay
    from virtmigrate.results import Debt, Result

LOOK_S = 0.25
PATIENCE_S = 60.0
"""So long after its policy's last deadline a transfer is watched, and no longer."""


def recover(
    migrator: Migrator, migration: str, uris: tuple[str | None, str | None], proof: str
) -> Result:
    """See `Migrator.recover`.

    Args:
        migrator: Its journal, its hosts.
        migration: Its id.
        uris: Of source and destination; None = as in the plan.
        proof: The host that is stated to be off, "" for none.
    """
    journal = migrator.journal
    entry = journal.take_over(migration)
    if entry.closed is not None:
        return last_result(journal.records(migration))
    try:
        return _end(migrator, migration, uris, proof)
    except VirtmigrateError:
        # It is carried out by nobody now: whoever comes next may take it over.
        now = migrator.clock.wall()
        journal.close(migration, Outcome.UNKNOWN, now, settled=False)
        raise


def settle(
    migrator: Migrator, migration: str | None, uris: tuple[str | None, str | None]
) -> list[Debt]:
    """See `Migrator.settle`. Arguments as `recover`; None = all that owe something."""
    journal = migrator.journal
    entries = journal.entries()
    if migration is not None and all(e.migration != migration for e in entries):
        raise unknown(migration)

    @contextmanager
    def reopen(entry: Entry) -> Iterator[tuple[Context, Relay]]:
        plan = journal.plan(entry.migration)
        source, destination = uris
        ways = (source or plan.source.uri, destination or plan.destination.uri)
        with reopened(entry.migration, plan, ways, migrator) as again:
            yield again.ctx, again.relay

    of = [e for e in entries if migration in (None, e.migration) and owes(e)]
    now = (journal, migrator.clock.wall())
    return [debt for entry in of for debt in collect(entry, entries, reopen, now)]


def _end(
    migrator: Migrator, migration: str, uris: tuple[str | None, str | None], proof: str
) -> Result:
    with _again(migrator, migration, uris, proof) as again:
        ctx, state = again.ctx, again.state
        for name in sorted(migrator.insecure):
            again.book.warn(words(name))
        if ctx.fenced:
            again.book.write("fenced", durable=True, side=ctx.fenced, host=proof)
        _see_through(again)
        ctx.landing = state.landing or decide_landing(ctx, see(ctx.guest))
        again.book.obligations = list(state.owed)
        return Closing(
            ctx,
            again.relay,
            again.book,
            again.monitor,
            state.told,
            prepared=state.prepared,
            left=state.left(ctx.plan),
            removes=state.removes(ctx.plan),
        ).close()


def judge(
    migrator: Migrator, migration: str, uris: tuple[str | None, str | None], proof: str
) -> Judgement:
    """See `Migrator.judge`; arguments as `recover`."""
    with _again(migrator, migration, uris, proof) as again:
        settler = Settler(
            again.ctx,
            again.relay,
            again.state.told,
            prepared=again.state.prepared,
            judged=lambda *_: None,
            fault=lambda _: None,
        )
        source, destination = settler.look()
        verdict = settler.judge(source, destination)
        return Judgement(
            migration=migration,
            guest=again.ctx.plan.guest.name,
            told=again.state.told.value,
            source=source.state,
            destination=destination.state,
            verdict=verdict.value,
            why=WHY[verdict],
        )


@contextmanager
def _again(
    migrator: Migrator, migration: str, uris: tuple[str | None, str | None], proof: str
) -> Iterator[Reopened]:
    """The migration as it was left, with a person's word about a host."""
    plan = migrator.journal.plan(migration)
    ends = uris[0] or plan.source.uri, uris[1] or plan.destination.uri
    with reopened(migration, plan, ends, migrator, proof) as again:
        again.ctx.suspended = again.state.suspended
        if proof:
            again.ctx.fenced = _fenced(again.ctx, proof)
        yield again


def _fenced(ctx: Context, proof: str) -> Side:
    """The side of the host that a person states to be off.

    Raises:
        BadInput: It is no host of this migration.
        NotMovable: It answers.
    """
    for host in (ctx.source, ctx.destination):
        if proof in (host.name, host.uri, host.uuid):
            break
    else:
        raise BadInput(
            f"{proof[:80]!r} is no host of migration {ctx.migration}",
            subject="fence_proof",
            remedy=f"name {ctx.source.name} or {ctx.destination.name}",
        )
    if not isinstance(host, SilentHost):
        msg = f"{host.name} answers: what runs there can be seen"
        raise NotMovable(
            msg, side=host.side, subject=host.name, remedy="recover without the proof"
        )
    return host.side


def _see_through(again: Reopened) -> None:
    """Steer a transfer that outlived its controller, by the plan's own policy.

    Only the hypervisor that completes a move by itself goes on without us; what we
    drove ends with the connection. The clock of the policy runs on from its start.
    """
    ctx, began = again.ctx, again.state.performing
    alone = again.state.told is Told.PERFORM_INTENDED and completes_alone(ctx)
    if not alone or began is None or not see(ctx.guest).job:
        return
    since_s = max(0.0, ctx.clock.wall() - began)
    policy = ctx.plan.policy
    size = ctx.plan.workload.memory_bytes if ctx.plan.workload else 0
    most = (
        policy.deadline_s(size, ctx.plan.copy_bytes)
        + policy.limits.max_switchover_s
        + PATIENCE_S
    )
    until = ctx.clock.now() - since_s + most

    def wait() -> None:
        while see(ctx.guest).job and ctx.clock.now() < until:
            again.monitor.pulse()
            ctx.clock.sleep(LOOK_S)

    again.book.note("resumed", since_s=since_s)
    try:
        again.monitor.watch(wait, since_s=since_s)
    except VirtmigrateError as error:
        # Neither answer nor end: what both hosts show decides.
        again.book.fault(error, "perform")
