"""Where a definition is after a move: libvirt's table, all sixteen rows.

docs/migration.rst: the destination is persistent if asked or if it had a definition,
whose content is replaced only if asked; the source keeps its own unless told.
"""

from __future__ import annotations

import itertools

import pytest

from tests.mock.rig import connect, furnished, move
from virtmigrate import Side
from virtmigrate_mock import domxml

ROWS = list(itertools.product((False, True), repeat=4))
YES_NO = ("no", "yes")


def name_row(row):
    names = ("persist", "undefine", "defined-here", "defined-there")
    return "-".join(n for n, yes in zip(names, row, strict=True) if yes) or "nothing"


@pytest.mark.parametrize("row", ROWS, ids=name_row)
def test_definitions_after_a_move(row):
    persist, undefine, here, there = row
    world = furnished(persistent=here)
    uuid = next(iter(world.copies("g").values())).uuid
    old = domxml.write(domxml.Domain("g", uuid, memory_mib=7))
    if there:
        connect(world, "b", Side.DESTINATION).define(old)

    result = move(world, persist_dest=persist, undefine_source=undefine)

    result.raise_unless_succeeded()
    copies = world.copies("g")
    arrived = copies["b"].persistent_xml
    assert (arrived is not None) is (persist or there)
    if arrived is not None:
        assert (arrived == old) is (there and not persist)
    assert ("a" in copies) is (here and not undefine)
    vanished = (uuid,) if here and undefine and not persist else ()
    assert world.violations(may_vanish=vanished) == []


def test_a_transient_copy_is_gone_when_it_stops():
    world = furnished()
    move(world, persist_dest=False, undefine_source=False).raise_unless_succeeded()
    world.befall("shutdown", "b", "g")
    assert list(world.copies("g")) == ["a"]


def test_the_persistent_definition_follows_the_new_name():
    world = furnished()
    move(world, dest_name="h").raise_unless_succeeded()
    arrived = world.copies("h")["b"]
    assert domxml.read(arrived.persistent_xml).name == "h"
    assert domxml.read(arrived.live.xml).name == "h"


def test_a_persistent_definition_of_ones_own():
    world = furnished()
    uuid = world.copies("g")["a"].uuid
    own = domxml.write(domxml.Domain("g", uuid, memory_mib=5))
    move(world, persist_xml=own).raise_unless_succeeded()
    assert world.copies("g")["b"].persistent_xml == own
