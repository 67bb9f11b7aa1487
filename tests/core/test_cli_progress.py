"""Displays: what a bar, lines, quiet and JSON lines show of the same events."""

from __future__ import annotations

import json

import pytest

from tests.core.terminal import Gone
from tests.requirements import requirement
from virtmigrate import events
from virtmigrate.cli import progress
from virtmigrate.cli.progress import Bar, EventLines, Lines, Quiet, display
from virtmigrate.cli.telling import figures, mib, summary, told
from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.options import Options
from virtmigrate.phases import Outcome, Phase
from virtmigrate.results import Fault, Fired, Result, Timing

MIB = 1 << 20
NOTHING = dict.fromkeys(
    (
        "percent", "raw_percent", "total_bytes", "processed_bytes", "remaining_bytes",
        "dirty_bytes_s", "bandwidth_bytes_s", "iteration",
    )
)  # fmt: skip


def reading(at_ms=0.0, **known):
    return events.Progress(
        migration="m", at_ms=at_ms, **{**NOTHING, "postcopy": False, **known}
    )


FULL = reading(
    percent=45.4,
    total_bytes=1024 * MIB,
    processed_bytes=500 * MIB,
    remaining_bytes=524 * MIB,
    bandwidth_bytes_s=98 * MIB,
    dirty_bytes_s=61 * MIB,
    iteration=2,
    throttle_percent=20,
    remaining_s=12.3,
    converges=True,
    postcopy=True,
)
PERFORM = events.StepStarted(
    migration="m", at_ms=0, step="perform", phase=Phase.PERFORM, side=Side.SOURCE
)
WARNED = events.Warned(migration="m", at_ms=0, message="mind \x1b[31mthis")


def result(outcome=Outcome.SUCCEEDED, **fields):
    return Result(
        migration="m1",
        guest="g\x1b",
        uuid="u",
        outcome=outcome,
        reason="both hosts show it",
        source=fields.pop("source", RunState.ABSENT),
        destination=RunState.RUNNING,
        effective=fields.pop("effective", Options()),
        timing=fields.pop("timing", Timing()),
        **fields,
    )


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in ("FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def test_figures_hold_what_is_known_and_nothing_else():
    assert figures(FULL) == (
        "45 %, post-copy, 500 MiB sent, 524 of 1024 MiB left, 98 MiB/s, "
        "61 MiB/s rewritten, pass 2, throttle 20 %, ~12 s to go"
    )
    assert figures(reading(percent=0.0)) == "0 %, end unknown"
    assert figures(reading()) == "it moves, end unknown"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0.0"), (MIB * 9 // 2, "4.5"), (10 * MIB, "10")]
)
def test_mib_without_false_precision(count, text):
    assert mib(count) == text


def test_lines_come_now_and_then(capsys):
    lines = Lines(pace_ms=5000)
    lines.show(PERFORM)
    for second in range(11):
        lines.show(reading(at_ms=second * 1000.0, percent=second * 10.0))
    said = capsys.readouterr()
    assert said.err.split("\n")[:-1] == [
        f"perform: {done} %, end unknown" for done in (0, 50, 100)
    ]
    assert said.out == ""


def test_lines_say_that_planning_takes_its_time_once(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines = Lines()
    lines.tick()
    assert capsys.readouterr().err == ""
    now[0] += 1.1
    lines.tick()
    lines.tick()
    assert capsys.readouterr().err == "planning …\n"


def test_quiet_shows_what_went_wrong_only(capsys):
    quiet = Quiet()
    for event in (PERFORM, FULL, WARNED):
        quiet.show(event)
    quiet.tick()
    assert capsys.readouterr().err == "warning: mind \\x1b[31mthis\n"


def test_json_lines_are_events_and_ascii(capsys):
    EventLines().show(WARNED)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out)["message"] == WARNED.message


def test_json_lines_outlive_their_reader(capsys, monkeypatch):
    lines = EventLines()
    monkeypatch.setattr(progress, "write", _left)
    lines.show(WARNED)
    lines.show(WARNED)
    assert capsys.readouterr().err.count("nobody reads the events") == 1


def _left(text):
    raise progress.Unread


def test_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display(verbose=False, quiet=False), Lines)
    monkeypatch.setenv("FORCE_COLOR", "1")
    bar = display(verbose=False, quiet=False)
    assert isinstance(bar, Bar)
    bar.close()
    assert isinstance(display(verbose=False, quiet=True), Quiet)
    assert isinstance(display(verbose=True, quiet=False), Lines)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display(verbose=False, quiet=False), Lines)


def test_the_bar_shows_phase_and_figures_and_gives_the_cursor_back(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "REDRAW_S", 0.0)
    bar = Bar()
    for event in (PERFORM, FULL, WARNED, reading()):
        bar.show(event)
    bar.tell("cancelling")
    bar.close()
    bar.close()
    err = capsys.readouterr().err
    assert "perform" in err
    assert "524 MiB left" in err
    assert "98 MiB/s" in err
    assert "mind \\x1b[31mthis" in err
    assert "cancelling" in err
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")


def test_a_terminal_that_goes_away_under_the_bar_stops_nothing(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    bar = Bar()
    gone = Gone(tty=True)
    monkeypatch.setattr("sys.stderr", gone)
    bar._next_s = 0.0
    for event in (PERFORM, FULL, WARNED):
        bar.show(event)
    bar.close()
    assert gone.tried


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (events.Committed(migration="m", at_ms=0, landing=RunState.PAUSED), "paused"),
        (events.Landed(migration="m", at_ms=0, state=RunState.RUNNING), "landed"),
        (events.Acted(migration="m", at_ms=0, action="abort", value=None, why="you"),
         "abort: you"),
        (events.Acted(migration="m", at_ms=0, action="downtime-ms", value=95, why="x"),
         "downtime 95 ms: x"),
        (events.StepEnded(migration="m", at_ms=0, step="s", ok=True), ""),
        (events.StepEnded(migration="m", at_ms=0, step="s", ok=False,
                          fault=Fault(error="E", message="no", side="request")),
         "fault: no"),
    ],
)  # fmt: skip
def test_events_in_words(event, text):
    words = told(event)
    assert text in words
    assert bool(words) is bool(text)


def test_the_summary_has_all_that_a_person_must_know():
    text = summary(
        result(
            limit="cancelled",
            timing=Timing(landed_ms=1500, gap_ms=12, total_ms=2000),
            downtime_ms=7,
            processed_bytes=300 * MIB,
            bandwidth_bytes_s=64 * MIB,
            iterations=4,
            throttle_percent=30,
            fired=Fired(
                limit="max_total",
                value=60,
                unit="s",
                origin="request",
                action="postcopy",
                at_s=60.04,
            ),
            faults=(
                Fault(error="E", message="bad", side="source", step="s", remedy="fix"),
            ),
            warnings=("mind",),
            obligations=("undefine later",),
        ),
        Options(),
    )
    for part in (
        "succeeded: g\\x1b: both hosts show it [cancelled]",
        "landed after 1.50 s, gap 12 ms, hypervisor's downtime 7 ms, 300 MiB sent",
        "transfer: 4 passes, 64 MiB/s, throttled by up to 30 %",
        "fired: max time 60 s (request): post-copy after 1 min 00 s",
        "fault: s: source: bad (fix)",
        "warning: mind",
        "owed: undefine later",
    ):
        assert part in text


BARE = {"live": True, "persist_dest": True, "undefine_source": True, "p2p": False}
SECRET = "tcp://me:swordfish@b"


@requirement("cli.effective")
@pytest.mark.parametrize(
    ("effective", "asked", "told"),
    [
        ({}, {}, "the defaults"),
        ({}, {"live": True, "p2p": False}, "--live --no-p2p"),
        ({"live": False, "tls": True}, {}, "--no-live --tls"),
        ({"change_protection": True}, {}, "the defaults"),
        ({"change_protection": True}, {"change_protection": True},
         "--change-protection"),
        (
            {"compressed": True, "compression_methods": ("xbzrle", "mt")},
            {},
            "--compressed --comp-methods xbzrle,mt",
        ),
        ({"bandwidth_mib_s": 0}, {"bandwidth_mib_s": 0}, "--bandwidth 0"),
        ({"dest_name": "a b"}, {}, "--dname 'a b'"),
        ({"dest_xml": "<domain/>" * 99}, {}, "--xml FILE"),
        ({"migrate_uri": SECRET}, {}, "--migrateuri tcp://me:***@b"),
    ],
)  # fmt: skip
def test_the_end_tells_the_options_that_were_in_effect(effective, asked, told):
    ended = result(effective=Options(**BARE | effective))
    lines = summary(ended, Options(**asked)).split("\n")
    assert [line for line in lines if "in effect" in line] == [f"  in effect: {told}"]


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Outcome.UNKNOWN, "recover m1"), (Outcome.QUARANTINED, "journal m1")],
)
def test_an_open_end_says_what_to_do(outcome, word):
    assert word in summary(result(outcome), Options())


@pytest.mark.parametrize(
    ("outcome", "seen", "said"),
    [
        (Outcome.UNKNOWN, RunState.UNREACHABLE, True),
        (Outcome.UNKNOWN, RunState.PAUSED, False),
        (Outcome.SUCCEEDED, RunState.UNREACHABLE, False),
    ],
)
def test_a_host_that_does_not_answer_may_be_off_for_good(outcome, seen, said):
    assert ("--fence-proof" in summary(result(outcome, source=seen), Options())) is said


@requirement("disks.told")
def test_plain_lines_tell_the_disks_and_begin_anew_with_a_second_try(capsys):
    shown = Lines()
    shown.show(PERFORM)
    disks = {"disk_total_bytes": 8 * MIB, "disk_remaining_bytes": 2 * MIB}
    shown.show(reading(at_ms=60_000.0, total_bytes=8 * MIB, **disks))
    begun = {"guest": "g", "uuid": "u", "source": "a", "destination": "b"}
    shown.show(events.Started(migration="n", at_ms=0, digest="d", **begun))
    shown.show(PERFORM)
    disks["disk_remaining_bytes"] = 6 * MIB
    shown.show(reading(at_ms=10.0, total_bytes=8 * MIB, **disks))
    err = capsys.readouterr().err
    assert "perform: disks 75 %" in err
    assert "perform: disks 25 %" in err
