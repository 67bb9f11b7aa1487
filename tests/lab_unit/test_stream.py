from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab_unit.guest_says import beats, record
from virtmigrate_lab.stream import DiskRecord, Parser, parse_record


def parse(data, cuts=()):
    """All feeds of a stream that was read in pieces, empty ones left out."""
    parser, pieces, last = Parser(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        pieces += parser.feed(data[last:cut])
        last = cut
    return [p for p in pieces if p.beats or p.record or p.garbled]


def test_a_record_tells_everything_the_guest_said():
    (feed,) = parse(
        record(counter=255, writes=16, started=3, walks=2, verified=7, errors=1,
               first_bad=9, flags=0x81)
    )  # fmt: skip
    said = feed.record
    assert (said.name, said.counter, said.writes) == ("g", 255, 16)
    assert (said.started, said.walks, said.verified, said.pages) == (3, 2, 7, 100)
    assert (said.errors, said.first_bad) == (1, 9)
    assert said.ready
    assert said.fault


def test_a_record_tells_of_disks_too():
    disks = [(0x123, 0x100, 0x4000, 7, 1, 2, 5), (9, 8, 0x1000, 3, 0, 0, 0xFFFFFFFF)]
    (feed,) = parse(record(disks=disks))
    one, two = feed.record.disks
    assert one == DiskRecord(0x123, 0x100, 0x4000, 7, 1, 2, 5)
    assert (two.written, two.first_bad) == (9, None)
    assert parse(record())[0].record.disks == ()


def test_half_a_disk_is_not_believed():
    (feed,) = parse(record(disks=[(1, 2, 3)]))
    assert (feed.record, feed.garbled) == (None, 1)


def test_no_bad_page_is_none():
    assert parse(record())[0].record.first_bad is None


def test_beats_belong_to_the_record_that_follows_them():
    stream = beats(1, 5) + record(counter=5) + beats(6, 2)
    first, second = parse(stream)
    assert (first.beats, first.record.counter) == (5, 5)
    assert (second.beats, second.record) == (2, None)


@pytest.mark.parametrize("missing", [1, 2, 100, 127])
def test_missing_beats_are_counted(missing):
    stream = beats(1, 3) + beats(4 + missing, 2)
    assert sum(feed.lost for feed in parse(stream)) == missing


@given(st.sets(st.integers(0, 300)))
def test_how_the_stream_is_cut_makes_no_difference(cuts):
    stream = beats(1, 100) + record(counter=100) + beats(101, 3) + record(counter=103)
    feeds = parse(stream, [cut for cut in cuts if cut < len(stream)])
    assert sum(feed.beats for feed in feeds) == 103
    assert sum(feed.lost for feed in feeds) == 0
    assert [f.record.counter for f in feeds if f.record] == [100, 103]


@given(st.integers(1, 60))
def test_a_record_that_lost_a_byte_is_never_believed(index):
    line = record(counter=0xABCDEF).strip(b"\n")
    assert parse_record(line)
    damaged = line[: index % len(line)] + line[index % len(line) + 1 :]
    assert parse_record(damaged) is None


@given(st.binary(max_size=600))
def test_garbage_is_no_record_and_no_crash(data):
    assert all(feed.record is None for feed in parse(data))


def test_a_record_after_garbage_is_believed():
    feeds = parse(b"S g 1 2*\n" + b"x" * 1000 + record(counter=7))
    assert [f.record.counter for f in feeds if f.record] == [7]
    assert sum(feed.garbled for feed in feeds) == 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "-x", "a" * 41])
def test_a_name_that_is_no_file_name_is_never_believed(name):
    assert all(feed.record is None for feed in parse(record(name=name)))
