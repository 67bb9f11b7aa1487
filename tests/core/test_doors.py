"""Opening hosts: what is kept for the next, and what is not."""

from __future__ import annotations

import gc
import itertools
import threading

import pytest

from virtmigrate import doors
from virtmigrate.api import Migrator
from virtmigrate.clock import RealClock
from virtmigrate.doors import Doors
from virtmigrate.errors import Side


class Kept:
    """A host that may be used again, as long as it lives."""

    def __init__(self, number):
        self.number = number
        self.reusable = True
        self.closed = 0
        self.gone = threading.Event()
        self.lock = threading.Lock()

    def close(self):
        with self.lock:
            self.closed += 1
        self.gone.set()


class Kind:
    """A hypervisor that numbers its hosts."""

    def __init__(self):
        self.made = []

    def check_uri(self, uri):
        """All are well."""

    def connect(self, _uri, _side, _clock):
        self.made.append(Kept(len(self.made)))
        return self.made[-1]

    # as the manager that knows one hypervisor
    def hypervisor_for(self, _uri):
        return self


@pytest.fixture
def kind():
    return Kind()


@pytest.fixture
def way(kind):
    return Doors(kind, RealClock())


def used(way, uri="x://a/", side=Side.SOURCE):
    with way.one(uri, side) as host:
        return host.number


def test_a_host_is_kept_for_the_next_in_the_same_role(way, kind):
    assert (used(way), used(way)) == (0, 0)
    assert (used(way, side=Side.DESTINATION), used(way)) == (1, 0)
    assert used(way, "x://user@a/") == 2
    assert [host.closed for host in kind.made] == [0, 0, 0]
    way.shut()
    way.shut()
    assert [host.closed for host in kind.made] == [1, 1, 1]


def test_it_never_serves_two_at_once(way, kind):
    with way.one("x://a/", Side.SOURCE) as one, way.one("x://a/", Side.SOURCE) as two:
        assert one is not two
    assert [host.closed for host in kind.made] == [0, 1]


def test_one_that_died_is_not_kept(way, kind):
    with way.one("x://a/", Side.SOURCE) as host:
        host.reusable = False
    assert (host.closed, used(way)) == (1, 1)


def test_one_that_breaks_at_the_question_fails_nobody_and_is_closed(way, kind):
    class Broken(Kept):
        @property
        def reusable(self):
            raise OSError

        @reusable.setter
        def reusable(self, value):
            """A `Kept` says so of itself."""

    kind.connect = lambda *_: kind.made.append(Broken(9)) or kind.made[-1]
    assert used(way) == 9
    assert kind.made[0].closed == 1


def test_one_that_died_meanwhile_is_not_used(way, kind):
    used(way)
    kind.made[0].reusable = False
    assert (used(way), kind.made[0].closed) == (1, 1)


def test_one_that_waited_too_long_is_not_used(way, kind, monkeypatch):
    used(way)
    monkeypatch.setattr(doors, "KEPT_S", 0.0)
    assert (used(way), kind.made[0].closed) == (1, 1)


def test_one_is_closed_after_an_error(way, kind):
    with pytest.raises(ZeroDivisionError), way.one("x://a/", Side.SOURCE):
        raise ZeroDivisionError
    assert kind.made[0].closed == 1


def test_the_oldest_goes_when_there_are_many(way, kind):
    for number in range(doors.KEPT_MOST + 2):
        used(way, f"x://{number}/")
    assert [h.number for h in kind.made if h.closed] == [0, 1]


def test_a_pair_is_kept_too_and_closed_with_its_migrator(kind):
    migrator = Migrator(manager=kind, journal=object())
    for _, _ in itertools.product(range(2), repeat=2):
        with migrator.doors.pair("x://a/", "x://b/"):
            pass
    assert len(kind.made) == 2
    del migrator
    gc.collect()
    assert all(host.gone.wait(10) for host in kind.made)
    assert [host.closed for host in kind.made] == [1, 1]


def test_a_collection_closes_them_without_waiting_for_what_this_thread_holds(kind):
    """It may come while the collecting thread holds what the host needs to close."""
    migrator = Migrator(manager=kind, journal=object())
    with migrator.doors.one("x://a/", Side.SOURCE) as host:
        pass
    with host.lock:
        del migrator
        gc.collect()
        assert host.closed == 0
    assert host.gone.wait(10)
