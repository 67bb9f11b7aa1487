"""Looking at a guest's pages: where it is safe, twice, and nothing is kept of them."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.libvirt.test_gauge import NAMED, UUID, Daemon, VirtualTime, measured
from tests.requirements import requirement
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable
from virtmigrate.pages import FEW, Pages
from virtmigrate_libvirt.aside import APART, PLACES, Aside
from virtmigrate_libvirt.gauge import MEASURED
from virtmigrate_libvirt.peeks import (
    CHUNK_BYTES,
    PAGE_BYTES,
    PHYSICAL,
    Peeks,
    difference,
    packed,
    places,
)
from virtmigrate_libvirt.xml import parse

MIB, GIB = 1 << 20, 1 << 30
PC = "<os><type arch='x86_64' machine='{machine}'>hvm</type></os>"


def written(memory_mib=256, machine="pc-i440fx-7.2", more=""):
    """A definition of so much memory."""
    memory = f"<memory unit='MiB'>{memory_mib}</memory>"
    os = PC.format(machine=machine)
    return f"<domain type='kvm'>{NAMED}{memory}{os}{more}</domain>"


def defined(*args, **kwargs):
    """The same, read."""
    return parse(written(*args, **kwargs))


# Where.


@requirement("ends.gauge-safe")
@given(st.integers(1, 1 << 20), st.integers(0, 64))
def test_only_where_every_pc_has_memory(memory_mib, count):
    found = places(defined(memory_mib), count)
    memory = memory_mib * MIB
    assert len(set(found)) == len(found) <= count
    for begin in found:
        end = begin + CHUNK_BYTES
        assert begin % PAGE_BYTES == 0
        # i440fx has RAM up to 3.5 or 3 GiB, q35 up to 2.75 or 2, the rest from 4 on.
        low = begin >= MIB and end <= min(memory, 2 * GIB)
        high = begin >= 4 * GIB and end <= memory
        assert low or high


@pytest.mark.parametrize(("memory_mib", "high"), [(256, 0), (4096, 0), (8192, 21)])
def test_places_are_spread_over_all_memory_that_may_be_read(memory_mib, high):
    found = sorted(places(defined(memory_mib), 32))
    assert len(found) == 32
    assert abs(sum(place >= 4 * GIB for place in found) - high) <= 1
    # One in each equal part: no gap is wider than two parts.
    part = (min(memory_mib, 2048) + max(0, memory_mib - 4096)) * MIB / 32
    gaps = [b - a for a, b in pairwise(found) if a >= 4 * GIB or b < 2 * GIB]
    assert max(gaps) <= 2 * part + CHUNK_BYTES


@requirement("ends.gauge-safe")
@pytest.mark.parametrize(
    "document",
    [
        defined(machine="microvm"),
        defined(machine="virt-7.2"),
        defined(machine="pcxyz"),
        parse(f"<domain>{NAMED}<memory unit='GiB'>1</memory></domain>"),
        parse(written().replace("x86_64", "aarch64")),
        defined(more="<memoryBacking><hugepages/></memoryBacking>"),
        defined(more="<maxMemory slots='4' unit='GiB'>64</maxMemory>"),
        defined(more="<launchSecurity type='sev'/>"),
    ],
    ids=["microvm", "arm", "pc?", "silent", "arch", "huge", "grows", "secret"],
)
def test_nowhere_where_it_is_not_known_what_lies_there(document):
    assert places(document, 8) == []


# What a page takes as a difference.


@given(
    st.binary(min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, PAGE_BYTES - 1), st.integers(1, 255))),
)
def test_a_difference_takes_no_less_than_what_changed_and_no_more_than_the_page(
    pattern, writes
):
    before = (pattern * PAGE_BYTES)[:PAGE_BYTES]
    after = bytearray(before)
    for at, by in writes:
        after[at] ^= by
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    share = difference(before, bytes(after))
    assert changed / PAGE_BYTES <= share <= min(1.0, 4 * changed / PAGE_BYTES)


def test_a_page_of_other_content_is_no_difference_at_all():
    assert difference(bytes(PAGE_BYTES), b"\xff" * PAGE_BYTES) == 1.0


# Two looks.


class Memory:
    """A guest's memory, by chunks; what is written shows at the next reading."""

    def __init__(self, *fills):
        self.chunks = {n * CHUNK_BYTES: bytes([f]) * CHUNK_BYTES for n, f in fills}

    def read(self, address):
        return self.chunks[address]

    def write(self, address, at, data):
        chunk = bytearray(self.chunks[address])
        chunk[at : at + len(data)] = data
        self.chunks[address] = bytes(chunk)


def test_two_looks_tell_zeros_and_what_changed():
    memory = Memory((0, 0), (1, 7))
    peeks = Peeks(list(memory.chunks), memory.read)
    while not peeks.turned:
        assert peeks.step()
    memory.write(CHUNK_BYTES, 100, b"word")
    memory.write(0, PAGE_BYTES, b"\x01" * PAGE_BYTES)
    while peeks.step():
        pass
    found = peeks.found
    assert (found.looked_at, found.zero, found.changed) == (32, 16, 2)
    assert found.difference == pytest.approx((7 / PAGE_BYTES + 1) / 2)
    assert (found.price, found.differences_help) == (None, None)  # too few of them


@pytest.mark.parametrize(("share", "so"), [(0.01, True), (0.79, True), (1.0, False)])
def test_of_enough_changed_pages_it_is_told_whether_differences_help(share, so):
    seen = Pages(looked_at=128, zero=0, changed=FEW, difference=share)
    assert (seen.price, seen.differences_help) == (share, so)


def looked_at_twice(memory, change=lambda: None):
    peeks = Peeks(list(memory.chunks), memory.read)
    while not peeks.turned:
        peeks.step()
    change()
    while peeks.step():
        pass
    return peeks.found


@requirement("ends.combined")
def test_what_pages_take_compressed_is_told_of_those_that_hold_more_than_zeros():
    memory = Memory((0, 0), (1, 7))
    share = looked_at_twice(memory).compressed_share
    assert 0 < share < 0.02
    noise = random.Random(7).randbytes(CHUNK_BYTES // 2)
    memory.write(CHUNK_BYTES, 0, noise)
    assert looked_at_twice(memory).compressed_share == pytest.approx(0.5, abs=0.02)
    assert looked_at_twice(Memory((0, 0))).compressed_share is None


@requirement("ends.combined")
def test_what_is_written_counts_where_it_compresses_worse():
    memory = Memory((0, 7), (1, 7))
    noise = random.Random(7).randbytes(FEW * PAGE_BYTES)
    few, enough = (FEW - 1) * PAGE_BYTES, FEW * PAGE_BYTES

    def told(count):
        found = looked_at_twice(memory, lambda: memory.write(0, 0, noise[:count]))
        memory.write(0, 0, b"\7" * CHUNK_BYTES)
        return found.compressed_share

    assert told(few) < 0.02
    assert told(enough) > 0.99


@given(st.binary(min_size=1, max_size=64), st.integers(0, PAGE_BYTES))
def test_a_page_takes_no_more_compressed_than_it_is(pattern, noise):
    page = random.Random(7).randbytes(noise) + pattern * PAGE_BYTES
    assert 0 < packed(page[:PAGE_BYTES]) <= 1


def test_nothing_was_seen_where_there_was_nowhere_to_look():
    peeks = Peeks([], lambda address: b"")
    assert not peeks.step()
    assert peeks.found is None


def test_a_host_that_does_not_let_us_is_asked_once():
    asked = []

    def read(address):
        asked.append(address)
        raise HostError("access denied")

    peeks = Peeks([0, 1, 2], read)
    assert not peeks.step()
    assert not peeks.step()
    assert (asked, peeks.problem, peeks.found) == ([2], "access denied", None)


@pytest.mark.parametrize("kind", [AnswerLost, HostUnreachable])
def test_a_host_that_is_gone_is_told_of(kind):
    def read(address):
        raise kind("gone")

    with pytest.raises(kind):
        Peeks([0], read).step()


# In use: before the start, and beside a move.


class Peeked(Daemon):
    """A host whose guest's pages can be read: a counter in each, and half are zero."""

    def __init__(self, error=None):
        super().__init__()
        self.reads = 0
        self.peeked = []
        self.refuses = error
        self.polls = 0

    def domainListGetStats(self, domains, groups):  # noqa: N802
        """A window takes a hundred polls, as a real one does."""
        self.polls += 1
        over = {"dirtyrate.calc_status": MEASURED if self.polls % 100 == 0 else 1}
        return [(domains[0], self.stats | over)]

    def memoryPeek(self, start, size, flags):  # noqa: N802
        if self.refuses:
            raise self.refuses
        assert (size, flags) == (CHUNK_BYTES, PHYSICAL)
        self.peeked.append(start)
        self.reads += 1
        page = self.reads.to_bytes(8, "little") + b"\x55" * (PAGE_BYTES - 8)
        return (page + bytes(PAGE_BYTES)) * (CHUNK_BYTES // PAGE_BYTES // 2)


@requirement("ends.forecast")
def test_a_measurement_tells_zeros_and_whether_differences_help(monkeypatch):
    clock = VirtualTime()
    monkeypatch.setattr("virtmigrate_libvirt.gauge.RealClock", lambda: clock)
    daemon = Peeked()
    found = measured(daemon, 8.0, written())
    assert found.used_bytes == 128 * MIB
    assert found.pages.differences_help is True
    assert sorted(daemon.peeked[:32]) == sorted(daemon.peeked[32:])
    assert any("hold zeros; a changed one takes" in line for line in found.basis)
    assert any("compressed, others take 1%" in line for line in found.basis)
    assert "UUUU" not in repr(found)


def test_a_measurement_without_the_right_to_read_memory_says_so(monkeypatch):
    clock = VirtualTime()
    monkeypatch.setattr("virtmigrate_libvirt.gauge.RealClock", lambda: clock)
    found = measured(Peeked(HostError("access denied")), 3.0, written())
    assert found.curve
    assert (found.pages, found.used_bytes) == (None, None)
    assert "pages: not looked at: access denied" in found.basis


def test_beside_a_move_one_place_is_looked_at_each_time():
    daemon = Peeked()
    aside = Aside(daemon, UUID)
    assert aside.peek() is None
    aside.begin(1 << 30, places(defined(), PLACES))
    told = [aside.peek() for _ in range(APART + PLACES + 1)]
    assert told[:-1] == [None] * (APART + PLACES)
    assert told[-1].differences_help is True
    assert daemon.peeked[:PLACES] == daemon.peeked[PLACES:]
    assert aside.peek() is None


@pytest.mark.parametrize("error", [HostError("denied"), AnswerLost("gone")])
def test_beside_a_move_a_refusal_is_no_trouble(error):
    aside = Aside(Peeked(error), UUID)
    aside.begin(1 << 30, places(defined(), PLACES))
    assert [aside.peek() for _ in range(3)] == [None] * 3
