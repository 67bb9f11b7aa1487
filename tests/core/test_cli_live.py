"""The line of a running migration: what stands in it, and what goes first."""

from __future__ import annotations

import math
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_cli_progress import FULL, MIB, PERFORM, reading, result
from tests.requirements import requirement
from virtmigrate import events
from virtmigrate.cli import progress
from virtmigrate.cli.live import ASCII_BLOCKS, BLOCKS, Style, Track, ahead, line, spark
from virtmigrate.cli.progress import Bar
from virtmigrate.phases import Outcome

PERCENTS = st.floats(0, 100)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "percent": PERCENTS,
        "remaining_bytes": st.integers(0, 1 << 60),
        "bandwidth_bytes_s": st.integers(0, 1 << 40),
        "dirty_bytes_s": st.integers(0, 1 << 40),
        "iteration": st.integers(0, 10**9),
        "throttle_percent": st.integers(0, 100),
        "remaining_s": st.floats(),
        "converges": st.booleans(),
    },
)


def started(guest="web", migration="m"):
    return events.Started(
        migration=migration,
        at_ms=0,
        guest=guest,
        uuid="u",
        source="a",
        destination="b",
        digest="d",
    )


def after(*told):
    return reduce(Track.after, told, Track())


def course(count=100):
    """A transfer that gets on, a reading each 100 ms."""
    return [
        reading(
            at_ms=100.0 * i,
            percent=float(i),
            remaining_bytes=(count - i) * MIB,
            bandwidth_bytes_s=64 * MIB,
            dirty_bytes_s=90 * MIB,
            iteration=2,
            throttle_percent=20,
            remaining_s=12.0,
            converges=True,
        )
        for i in range(count)
    ]


def test_a_wide_line_has_all():
    text = line(after(started(), PERFORM, *course()), Style(200, elapsed_s=65))
    for part in (
        "perform", "━━━━━━━━━─", "99 %", "1.0 MiB left", "▇", "64 MiB/s", "dirty   90",
        "pass 2", "throttle 20 %", "~12 s to go", "1:05",
    ):  # fmt: skip
        assert part in text


def test_80_columns_hold_what_counts():
    text = line(after(started(), PERFORM, *course()), Style(79))
    assert len(text) <= 79
    for part in ("perform", "99 %", "MiB left", "▇", "64 MiB/s", "dirty", "to go"):
        assert part in text


@pytest.mark.parametrize(
    ("width", "gone", "stays"),
    [
        (105, "throttle", "━"),
        (90, "━", "pass 2"),
        (79, "pass 2", "dirty"),
        (70, "dirty", "▇"),
        (56, "▇", "MiB/s"),
        (46, "MiB/s", "MiB left"),
        (27, "MiB left", "to go"),
        (15, "to go", "99 %"),
        (8, "99 %", "perform"),
    ],
)
def test_the_least_important_goes_first(width, gone, stays):
    text = line(after(started(), PERFORM, *course()), Style(width))
    assert gone not in text
    assert stays in text
    assert len(text) <= width


@given(st.lists(KNOWN, max_size=20), st.integers(1, 200), st.booleans())
def test_whatever_is_told_a_line_fits_and_shows_plain_text(told, width, ascii_only):
    readings = [reading(at_ms=float(i), **known) for i, known in enumerate(told)]
    track = after(started("g\x1b[31m"), PERFORM, *readings)
    text = line(track, Style(width, ascii=ascii_only, named=True))
    assert len(text) <= width
    assert text.isprintable()
    assert text.isascii() or not ascii_only


@given(st.lists(PERCENTS | st.none()))
def test_percent_never_runs_backwards(told):
    shown, track = 0.0, Track()
    for percent in told:
        track = track.after(reading(percent=percent))
        assert (track.percent or 0.0) >= shown
        shown = track.percent or 0.0


def test_a_sparkline_is_the_course_of_what_is_left():
    falls = [(float(i), 80 - i) for i in range(80)]
    assert spark(falls, 8)[0] == BLOCKS[-2]
    assert spark(falls, 8)[-1] == BLOCKS[0]
    assert list(spark(falls, 8)) == sorted(spark(falls, 8), reverse=True)
    assert spark(falls, 8, ASCII_BLOCKS).isascii()
    assert spark([(0.0, 9), (1.0, 9)]) == "██"
    # Where nothing was read it stays as it was.
    assert spark([(0.0, 8), (1.0, 8), (100.0, 0), (100.0, 0)], 4) == "███▁"


@pytest.mark.parametrize(
    "lefts", [(), ((0.0, 5),), ((1.0, 5), (1.0, 4)), ((0.0, 0), (1.0, 0))]
)
def test_what_has_no_course_has_no_sparkline(lefts):
    assert spark(lefts) == ""


def test_a_long_history_is_thinned_and_keeps_its_ends():
    track = after(*(reading(at_ms=float(i), remaining_bytes=i) for i in range(5_000)))
    assert len(track.lefts) <= 256
    assert (track.lefts[0][1], track.lefts[-1][1]) == (0, 4999)
    assert spark(track.lefts)[-1] == BLOCKS[-1]


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({"converges": False, "remaining_s": 5.0}, "won't converge"),
        ({"converges": False, "remaining_s": 5.0, "postcopy": True}, "~5 s to go"),
        ({}, "end unknown"),
        ({"remaining_s": math.nan}, "end unknown"),
        ({"remaining_s": math.inf, "converges": True}, "end unknown"),
        ({"remaining_s": 600.0}, "~10 min to go"),
        ({"remaining_s": 90.0}, "~90 s to go"),
    ],
)
def test_what_is_expected(known, text):
    assert ahead(reading(**known)) == text


def test_the_end_is_a_question_of_the_transfer_only():
    assert "unknown" not in line(after(started(), reading(percent=1.0)), Style(200))
    assert "unknown" in line(after(PERFORM, reading(percent=1.0)), Style(200))


@pytest.fixture
def bar(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(progress, "REDRAW_S", 0.0)
    made = Bar()
    yield made
    made.close()


def test_one_line_for_each_guest_and_its_name_where_there_are_several(bar):
    assert "plan" in bar._drawn().plain
    bar.show(started("web", "m"))
    bar.show(PERFORM)
    assert "web" not in bar._drawn().plain
    bar.show(started("db", "n"))
    first, second = bar._drawn().plain.split("\n")
    assert first.startswith("web ")
    assert "perform" in first
    assert second.startswith("db ")


def test_what_is_done_goes_above_the_lines_with_its_reason(bar, capsys):
    bar.show(started())
    bar.show(FULL)
    bar.show(events.Acted(migration="m", at_ms=0, action="postcopy", value=None,
                          why="it won't fit"))  # fmt: skip
    said = capsys.readouterr().err
    assert "post-copy: it won't fit" in said
    assert said.index("post-copy: it won't fit") < said.rindex("524 MiB left")


def mirroring(percent, at_ms=0.0):
    """A reading while disks are copied; nobody counts memory yet."""
    left = (100 - percent) * MIB
    return reading(
        at_ms=at_ms,
        percent=percent / 2,
        remaining_bytes=left,
        total_bytes=100 * MIB,
        disk_total_bytes=100 * MIB,
        disk_processed_bytes=percent * MIB,
        disk_remaining_bytes=left,
        remaining_s=9.0,
    )


@requirement("disks.told")
def test_while_disks_are_copied_the_line_says_so_and_how_far():
    text = line(after(started(), PERFORM, mirroring(40)), Style(width=200))
    assert "disks 40 %" in text
    assert "60 MiB left" in text
    memory = reading(total_bytes=300 * MIB, disk_total_bytes=100 * MIB, iteration=1)
    text = line(after(started(), PERFORM, mirroring(40), memory), Style(width=200))
    assert "disks" not in text
    assert "pass 1" in text


@requirement("disks.told")
def test_memory_has_a_course_of_its_own():
    disks = [mirroring(n, 10.0 * n) for n in range(50)]
    assert len(after(*disks).lefts) == 50
    memory = reading(
        total_bytes=300 * MIB, disk_total_bytes=100 * MIB, remaining_bytes=200 * MIB
    )
    assert len(after(*disks, memory).lefts) == 1


@requirement("disks.told")
@requirement("disks.again")
def test_a_second_try_has_the_line_of_the_first(bar):
    bar.show(started("web", "m"))
    bar.show(mirroring(40))
    bar.show(events.Ended(migration="m", at_ms=0, result=result(Outcome.ROLLED_BACK)))
    assert "plan" in bar._drawn().plain
    bar.show(started("web", "n"))
    bar.show(mirroring(10).model_copy(update={"migration": "n"}))
    text = bar._drawn().plain
    assert "disks 10 %" in text
    assert "\n" not in text
