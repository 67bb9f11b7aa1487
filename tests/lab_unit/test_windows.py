from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab_unit.guest_says import record
from virtmigrate_lab import windows
from virtmigrate_lab.stream import Parser
from virtmigrate_lab.windows import (
    Window,
    longest_silence,
    newest_first,
    overlaps,
    read_windows,
    runs,
)


def said(counter):
    return Parser().feed(record(counter=counter))[0].record


def window(host, first, last, *, count=10, gap=(0.0, 0.0), counter=None):
    made = Window(host, 1, first, last, beats=count, gap=gap)
    made.record = None if counter is None else said(counter)
    return made


def test_a_line_comes_back_as_it_was():
    made = window("a", 1.0, 1.1, counter=7)
    made.silence(0.9, 1.0)
    assert Window.from_line(made.to_line()) == made


def test_disks_come_back_too():
    made = window("a", 1.0, 1.1)
    disks = [(9, 8, 16, 3, 0, 0, 0xFFFFFFFF)]
    made.record = Parser().feed(record(counter=7, disks=disks))[0].record
    assert Window.from_line(made.to_line()) == made
    assert made.record.disks


def test_silences_are_clipped_to_the_time_asked_for():
    heard = [window("a", 1.0, 1.1, gap=(0.0, 1.0)), window("a", 1.1, 1.2)]
    assert longest_silence(heard, 0.0) == pytest.approx(1.0)
    assert longest_silence(heard, 0.75) == pytest.approx(0.25)
    assert longest_silence(heard, 1.05) == 0.0


def test_beats_on_two_hosts_at_once_are_found():
    heard = [window("a", 1.0, 2.0), window("b", 1.5, 2.5)]
    assert overlaps(heard) == [(1.5, 2.0)]


def test_one_after_the_other_is_no_double_run():
    heard = [window("a", 1.0, 2.0), window("b", 2.0, 3.0), window("a", 3.001, 4.0)]
    assert overlaps(heard) == []


def test_two_connections_of_one_host_are_no_double_run():
    assert overlaps([window("a", 1.0, 2.0), window("a", 1.5, 2.5)]) == []


def test_a_silence_or_another_host_ends_a_run():
    heard = [
        window("a", 1.0, 1.1, count=100, counter=100),
        window("a", 1.1, 1.15, count=50),
        window("a", 3.0, 3.1, count=100, gap=(1.15, 3.0), counter=250),
        window("b", 3.2, 3.3, count=100, gap=(3.1, 3.2), counter=350),
    ]
    found = [(r.host, r.first, r.counter_first, r.counter_last) for r in runs(heard)]
    assert found == [
        ("a", 1.0, 1, 150),
        ("a", 3.0, 151, 250),
        ("b", 3.2, 251, 350),
    ]


def test_a_guest_that_ran_unseen_shows_in_its_counter():
    heard = [
        window("a", 1.0, 1.1, count=100, counter=100),
        window("b", 3.0, 3.1, count=100, gap=(1.1, 3.0), counter=900),
    ]
    first, second = runs(heard)
    assert second.counter_first > first.counter_last + 1


@given(st.integers(0, 40), st.integers(16, 4096), st.booleans())
def test_a_file_is_read_from_its_end(tmp_path_factory, count, block, torn):
    path = tmp_path_factory.mktemp("beats") / "g.jsonl"
    text = "".join(window("a", float(i), i + 0.5).to_line() for i in range(count))
    path.write_text(text + ('{"host": "a", "fi' if torn else ""), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK", block)
        found = [w.first for w in newest_first(path)]
    assert found == [float(i) for i in reversed(range(count))]


def test_only_what_ends_after_a_time_is_read(tmp_path):
    path = tmp_path / "g.jsonl"
    text = "".join(window("a", float(i), i + 0.5).to_line() for i in range(20))
    path.write_text(text, encoding="utf-8")
    assert [w.first for w in read_windows(path, 15.5)] == [16.0, 17.0, 18.0, 19.0]


def test_a_guest_that_was_never_heard_has_no_windows(tmp_path):
    assert read_windows(tmp_path / "nobody.jsonl") == []
