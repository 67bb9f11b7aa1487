"""libvirt's persistence table (docs/migration.rst), as far as it is declared.

Destination persistent after = asked for, or it had a definition there, whose text is
replaced by the source's only if asked for. Source keeps its own unless undefined.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from virtmigrate.capabilities import How
from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate_testkit.kit import NAME, Kit, not_applicable

if TYPE_CHECKING:
    from virtmigrate_testkit.kit import Run

Row = tuple[bool, bool, bool, bool]
WORDS = ("source-persistent", "defined-there", "undefine", "persist")
ROWS: list[Row] = [
    (a, b, c, d) for a, b, c, d in itertools.product((True, False), repeat=4)
]


def name_of(row: Row) -> str:
    """A row's id."""
    return "+".join(w for w, yes in zip(WORDS, row, strict=True) if yes) or "none"


class PersistenceTests:
    """Standard tests of both definitions."""

    @pytest.mark.parametrize("row", ROWS, ids=name_of)
    def test_persistence(self, kit: Kit, row: Row) -> None:
        """Each row of the table holds, once what is deferred has been carried out."""
        persistent, defined_there, undefine, persist = row
        if not persistent and kit.bench.no_transient:
            not_applicable(kit.bench.no_transient)
        refused = [
            option
            for option, answer in (
                ("undefine_source", undefine),
                ("persist_dest", persist),
            )
            if kit.how(option, answer) is How.REFUSED
        ]
        kit.guest(persistent=persistent)
        older = prepare_there(kit, persistent=persistent) if defined_there else None
        asked = {"undefine_source": undefine, "persist_dest": persist}
        if (defined_there and kit.bench.no_define_there) or refused:
            assert kit.refused(**asked)
            return
        source = kit.bench.look(NAME)[0].definition
        run = kit.moved(**asked)
        carry_out(kit, run, persist=persist)
        here, there = kit.bench.look(NAME)
        assert here.definition == (None if undefine else source)
        assert (there.definition is not None) is (persist or defined_there)
        if defined_there and not persist:
            assert there.definition == older, "it is as it was there before"
        elif defined_there and source != older:
            assert there.definition != older, "the source's replaced it"

    def test_no_definition_is_left_by_accident(self, kit: Kit) -> None:
        """A persistent guest asked not to persist there is refused, or kept here."""
        if kit.how("persist_dest", answer=False) is How.REFUSED:
            not_applicable("persist_dest=no is refused")
        kit.guest()
        assert "persist_dest" in {e.subject for e in kit.refused(persist_dest=False)}

    def test_stopped_guest_keeps_its_definition(self, kit: Kit) -> None:
        """undefine_source=no of a stopped guest: it is defined on both hosts."""
        if kit.how("undefine_source", answer=False) is How.REFUSED:
            not_applicable("undefine_source=no is refused")
        kit.guest(RunState.SHUTOFF)
        kit.moved(undefine_source=False)
        assert all(copy.definition for copy in kit.bench.look(NAME))


def prepare_there(kit: Kit, *, persistent: bool) -> str | None:
    """An older definition of the guest at the destination; its text there."""
    if persistent:
        return kit.define_there().definition
    with kit.open() as host:
        live = host.guest(NAME).definitions().live
    assert live, "a running guest has a live definition"
    with kit.open(Side.DESTINATION) as host:
        host.define(kit.bench.older(live))
    return kit.bench.look(NAME)[1].definition


def carry_out(kit: Kit, run: Run, *, persist: bool) -> None:
    """What is deferred: owed while it runs, done by `settle` once it has stopped."""
    settled = run.plan.settlement["persist_dest"]
    if settled.how is not How.DEFERRED or persist:
        assert run.result.obligations == ()
        return
    assert run.result.obligations == ("undo_persist",)
    assert kit.bench.look(NAME)[1].state is RunState.RUNNING, "settling stops nothing"
    kit.migrator.settle()
    assert kit.bench.look(NAME)[1].definition is not None, "it waits until it stops"
    with kit.open(Side.DESTINATION) as host:
        host.guest(NAME).destroy()
    kit.migrator.settle()
