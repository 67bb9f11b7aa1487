"""A migration's story from its journal, whatever stands there."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.stories import (
    BEGAN,
    FORECAST,
    MIB,
    POLICY,
    Script,
    begun,
    landed,
    transfer,
)
from virtmigrate.errors import UnknownMigration
from virtmigrate.report import chapters, story_of
from virtmigrate.report.story import Kind, tell
from virtmigrate.wording import about, deed, lasting

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["at_ms", "remaining_bytes", "percent", "iteration", "postcopy", "action", "value",
     "why", "step", "result", "timing", "fired", "limit"]
)  # fmt: skip
KINDS = st.sampled_from(
    ["sample", "acted", "end", "commit", "fault", "record", "intent", "rollback", "x"]
)


def labels(story, *kinds):
    return [mark.label for mark in story.of_kind(*kinds)]


def test_samples_become_points_with_their_units():
    script = begun().sample(
        remaining_bytes=512 * MIB,
        processed_bytes=MIB,
        dirty_bytes_s=90 * MIB,
        bandwidth_bytes_s=64 * MIB,
        iteration=2,
        throttle_percent=20,
        postcopy=False,
        percent=None,
    )
    (point,) = script.story().points
    assert point.at_s == pytest.approx(script.at_s)
    assert (point.remaining_mib, point.sent_mib) == (512.0, 1.0)
    assert (point.dirty_mib_s, point.bandwidth_mib_s) == (90.0, 64.0)
    assert (point.iteration, point.throttle_percent, point.percent) == (2, 20, None)


def test_what_happened_is_marked_in_order():
    script = transfer(begun(), postcopy_s=17.0, until_s=60)
    story = landed(script).story()
    assert labels(story, Kind.ACTION) == ["post-copy"]
    assert labels(story, Kind.BOUNDARY)[0] == "pass 2"
    assert labels(story, Kind.COMMIT, Kind.LANDED) == ["COMMIT", "landed"]
    times = [mark.at_s for mark in story.marks]
    assert times == sorted(times)


def test_without_a_result_the_steps_say_when_it_landed():
    script = begun().write("record", 1.0, step="perform").write("commit", landing="x")
    script.step("finish", 0.5)
    (mark,) = script.story().of_kind(Kind.LANDED)
    assert mark.at_s == pytest.approx(script.at_s)
    assert script.story().outcome == "not over"


def test_a_migration_that_was_taken_back_never_landed():
    script = begun().acted("abort", None, "cancelled")
    script.write("fault", step="perform", message="aborted").write("rollback", why="x")
    story = script.end(outcome="rolled back").story()
    assert labels(story, Kind.ACTION, Kind.FAULT, Kind.ROLLBACK) == [
        "abort", "fault in perform", "roll back",
    ]  # fmt: skip
    assert not story.of_kind(Kind.LANDED)


def test_limits_have_a_value_a_unit_and_an_origin():
    story = begun().story(policy=POLICY)
    assert [(x.name, x.value, x.unit, x.origin) for x in story.limits] == [
        ("max_downtime_ms", 300, "ms", "policy adaptive"),
        ("max_total_s", 60, "s", "request"),
        ("max_switchover_s", 30, "s", "policy adaptive"),
    ]
    assert story.deadline_s == pytest.approx(story.transfer_s + 60)
    assert begun().story(policy={}).limits == ()


def test_max_time_by_size_counts_as_the_policy_says():
    limits = {"max_total_s_per_gib": 100.0}
    sizing = {"unit": "GiB", "least": 2.0, "round_up": True}
    data = {"name": "p", "limits": limits, "sizing": sizing}
    for gib, length in ((1, 200.0), (2.5, 300.0)):
        script = begun().sample(remaining_bytes=int(gib * 1024 * MIB))
        story = script.story(policy=data)
        assert story.deadline_s - story.transfer_s == pytest.approx(length)
        known = begun().story(policy=data, workload={"memory_bytes": gib * 1024 * MIB})
        assert known.deadline_s - known.transfer_s == pytest.approx(length)
    assert begun().story(policy=data).deadline_s is None


def test_a_clock_that_is_set_moves_nothing():
    script = begun().sample(percent=1.0)
    told_ms = script.at_s * 1000
    script.at_s += 3600
    script.write("sample", at_ms=told_ms + 100, percent=2.0)
    script.write("commit", 0.05, landing="running")
    story = script.story()
    assert story.ended_s == pytest.approx(told_ms / 1000 + 0.15)


def test_nothing_is_later_than_the_end_by_its_own_count():
    script = begun()
    script.at_s += 3600
    script.write("commit", landing="running")
    story = script.end(timing={"total_ms": 5000.0}).story()
    assert story.ended_s == 5.0


def test_forecast_against_what_happened():
    script = transfer(begun(), postcopy_s=17.0, until_s=60)
    more = {"processed_bytes": 1540 * MIB, "bandwidth_bytes_s": 64 * MIB}
    table = chapters.forecast(landed(script, **more).story(forecast=FORECAST))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["verdict"] == ("not by itself, by post-copy", "succeeded", "")
    assert rows["sent"] == ("1400 MiB", "1540 MiB", "+10 %")
    assert rows["stop"] == ("320 ms", "212 ms", "-34 %")
    assert "consent to post-copy" in table.note
    assert chapters.forecast(landed(begun()).story()) is None


def test_the_limit_that_fired_has_value_and_origin():
    it = {"limit": "max_total", "value": 60, "unit": "s", "origin": "request",
          "action": "abort", "at_s": 60.04}  # fmt: skip
    story = begun().end(fired=it).story()
    assert chapters.fired(story) == "max time 60 s (request): abort after 1 min 00 s"
    assert chapters.fired(begun().end(limit="cancelled").story()) == "cancelled"
    assert chapters.fired(begun().story()) == ""


def test_old_journals_and_refused_ones_make_a_story():
    story = Script().story(policy={})
    assert (story.counts, story.points, story.ended_s) == ("nothing", (), None)
    assert chapters.samples(story) is None
    assert chapters.policy(story) is None
    assert chapters.troubles(story) is None


def test_secrets_and_control_characters_are_gone():
    script = begun().acted("abort", None, "qemu://u:hunter2@h/ \x1b[31m\u202e")
    script.end(reason="password=hunter2", faults=[{"message": "token: hunter2"}])
    told = json.dumps(script.story().to_json(), default=str, ensure_ascii=False)
    assert "hunter2" not in told
    assert told.isprintable()


def test_the_journal_is_read_and_an_unknown_id_refused(journal):
    script = landed(transfer(begun(Script(journal)), until_s=5))
    story = story_of(journal, script.name)
    assert len(story.points) == len(script.story().points)
    assert len(story.digest) == 64
    with pytest.raises(UnknownMigration):
        story_of(journal, "gone")


@given(
    st.lists(st.tuples(KINDS, st.dictionaries(NAMES, JSON, max_size=4)), max_size=6),
    st.dictionaries(NAMES, JSON, max_size=4) | JSON,
)
def test_whatever_stands_in_a_journal_makes_a_story(records, policy):
    script = Script()
    for kind, body in records:
        script.journal.append(script.name, kind, BEGAN, body, durable=True)
    (entry,) = script.journal.entries()
    plan = {"policy": policy, "forecast": policy, "settlement": policy}
    story = tell(entry, plan, script.journal.records(script.name))
    for mark in story.marks:
        assert math.isfinite(mark.at_s)
    for table in (chapters.forecast, chapters.events, chapters.policy, chapters.passes,
                  chapters.troubles, chapters.identity, chapters.options,
                  chapters.samples, chapters.figures):  # fmt: skip
        table(story)


def test_long_journals_are_thinned_in_the_table_and_say_so():
    script = begun()
    for i in range(1000):
        script.sample(percent=i / 10)
    table = chapters.samples(script.story())
    assert len(table.rows) <= 401
    assert "of 1000 samples" in table.note
    assert table.rows[-1][1] == "99.9"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.446, "0.45 s"), (12.34, "12.3 s"), (59.7, "1 min 00 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds, text):
    assert lasting(seconds) == text


def test_words_for_deeds_and_predictions():
    assert deed("downtime-ms", 95) == "downtime 95 ms"
    assert deed("postcopy") == "post-copy"
    assert deed("warp", 9) == "warp 9"
    assert [about(s) for s in (12.4, 300, 8000)] == ["12 s", "5 min", "2 h"]
