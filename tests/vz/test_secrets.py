"""Session ids let a source in: nobody may read them anywhere."""

from __future__ import annotations

import json
import logging

import pytest

from tests.requirements import requirement
from virtmigrate import Migrator, Options
from virtmigrate.sqlite_journal import SQLiteJournal
from virtmigrate_lab.vz_host import cookie as baked


@pytest.fixture
def told(hosts, furnish, tmp_path, caplog, monkeypatch):
    """A move, failing or not; everything that it said or wrote."""
    from virtmigrate_libvirt import phases  # noqa: PLC0415

    seen = {}

    def overhear(phase):
        real = getattr(phases, phase)

        def heard(*words):
            made = real(*words)
            seen[phase] = baked.eat(made.cookie)
            return made

        monkeypatch.setattr(phases, phase, heard)

    overhear("begin")  # the source's own
    overhear("prepare")  # the destination's

    def run(**fault):
        caplog.set_level(logging.DEBUG)
        furnish()
        path = tmp_path / "state" / "journal.db"
        if fault:
            hosts["a"].fault("perform", **fault)
        events = []
        with Migrator(journal=SQLiteJournal(path), sinks=[events.append]) as migrator:
            result = migrator.migrate("g", hosts["a"].uri, hosts["b"].uri, Options())
            records = migrator.journal.records(result.migration)
        texts = [event.model_dump_json() for event in events]
        texts += [result.model_dump_json(), caplog.text]
        texts += [json.dumps(record.body) for record in records]
        files = b"".join(p.read_bytes() for p in path.parent.iterdir())
        assert len(set(seen.values())) == 2, "the sessions were really there"
        return seen.values(), "\n".join(texts), files

    return run


@requirement("secrets.never-shown")
@pytest.mark.parametrize(
    "fault", [{}, {"text": "no"}, {"action": "cut"}], ids=["good", "error", "cut"]
)
def test_session_ids_are_nowhere(told, fault):
    sessions, text, files = told(**fault)
    for session in sessions:
        assert session not in text
        assert session.encode() not in files
