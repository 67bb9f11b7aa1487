"""libvirt's persistence table (docs/migration.rst), each of its 16 rows on real hosts.

Destination persistent after = asked for, or it had a definition. Its content is the
source's if asked for, else unchanged. Source keeps its definition unless undefined.
"""

from __future__ import annotations

import itertools

import pytest

from virtmigrate import Outcome

pytestmark = pytest.mark.lab

ROWS = list(itertools.product((True, False), repeat=4))
MARK = "<title>as it was there before</title>"


def ids(row: tuple[bool, ...]) -> str:
    words = ("source-persistent", "defined-there", "undefine", "persist")
    return ",".join(word for word, yes in zip(words, row, strict=True) if yes) or "none"


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_row(rig, guest_name, tmp_path, row):
    persistent, defined_there, undefine, persist = row
    rig.lab.guest_start(
        guest_name,
        host="a",
        memory_mib=24,
        working_set_mib=1,
        dirty_rate_mib_s=1,
        persistent=persistent,
    )
    if defined_there:
        define_older(rig, guest_name, tmp_path)
    began = rig.lab.now()
    result = rig.move(guest_name, undefine_source=undefine, persist_dest=persist)
    assert result.outcome is Outcome.SUCCEEDED, result
    rig.runs_only_on("b", guest_name, began)
    assert rig.persistent("b", guest_name) is (persist or defined_there)
    assert rig.persistent("a", guest_name) is (persistent and not undefine)
    if persist or defined_there:
        xml = rig.lab.hosts["b"].virsh("dumpxml", "--inactive", guest_name)
        assert (MARK in xml) is (defined_there and not persist)


def define_older(rig, guest: str, tmp_path) -> None:
    """Give the destination a definition of the same guest that can be told apart."""
    xml = rig.lab.hosts["a"].virsh("dumpxml", "--migratable", guest)
    file = tmp_path / "older.xml"
    file.write_text(xml.replace("</name>", f"</name>{MARK}", 1), encoding="utf-8")
    rig.lab.hosts["b"].virsh("define", str(file))
