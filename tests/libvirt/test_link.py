"""A connection under deadlines, and libvirt's own in-process driver behind it."""

from __future__ import annotations

import gc
import threading
import weakref

import libvirt
import pytest

from tests.requirements import requirement
from virtmigrate.errors import (
    AnswerLost,
    GuestNotFound,
    HostError,
    HostUnreachable,
    Side,
)
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt import phases
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.link import Link, code_of, open_link

TEST_DRIVER = parse_uri("test:///default")
BOUND_S = 10.0


class Connection:
    """A stand-in that lives until it is closed."""

    def __init__(self):
        self.closed = threading.Event()
        self.alive = 1

    def isAlive(self):  # noqa: N802
        return self.alive

    def close(self):
        self.closed.set()
        return 0


@pytest.fixture
def connection():
    return Connection()


@pytest.fixture
def link(connection):
    return Link(connection, "qemu:///system", Side.SOURCE)


@pytest.fixture
def real():
    found = open_link(TEST_DRIVER, TEST_DRIVER.text, Side.SOURCE, deadline_s=BOUND_S)
    yield found
    found.close()


def test_a_call_gives_its_answer(link):
    assert link.call("asking", lambda c: c.isAlive(), deadline_s=BOUND_S) == 1


@requirement("calls.bounded")
def test_nothing_that_would_ask_later_leaves_its_call(link):
    with pytest.raises(TypeError, match="listing: an iterator must not leave its call"):
        link.call("listing", lambda _: (n for n in "ab"), deadline_s=BOUND_S)


def test_a_call_that_does_not_return_costs_its_deadline_only(link):
    release = threading.Event()
    with pytest.raises(AnswerLost) as caught:
        link.call("finish", lambda _: release.wait(BOUND_S), deadline_s=0.05)
    release.set()
    assert caught.value.side is Side.SOURCE
    assert "finish: no answer within 0.05 s" in caught.value.message


def test_a_stuck_connection_sends_nothing_more(link):
    release = threading.Event()
    with pytest.raises(AnswerLost):
        link.call("one", lambda _: release.wait(BOUND_S), deadline_s=0.05)
    assert not link.alive
    with pytest.raises(HostUnreachable, match="never sent"):
        link.call("two", lambda _: None, deadline_s=BOUND_S)
    release.set()


def test_a_dead_connection_sends_nothing(link, connection):
    connection.alive = 0
    with pytest.raises(HostUnreachable, match="never sent"):
        link.call("begin", lambda _: pytest.fail("it was sent"), deadline_s=BOUND_S)


def test_a_connection_is_not_closed_under_a_call(link, connection):
    """libvirt frees it, and the call would go on with freed memory."""
    release, inside = threading.Event(), threading.Event()

    def slow(_):
        inside.set()
        release.wait(BOUND_S)

    with pytest.raises(AnswerLost):
        link.call("perform", slow, deadline_s=0.05)
    assert inside.wait(BOUND_S)
    link.close()
    assert not connection.closed.is_set()
    release.set()
    assert connection.closed.wait(BOUND_S), "the last call closes it"


def test_closing_twice_is_harmless(link, connection):
    link.close()
    link.close()
    assert connection.closed.is_set()
    with pytest.raises(HostUnreachable):
        link.call("asking", lambda _: None, deadline_s=BOUND_S)
    with pytest.raises(HostUnreachable), link.held("asking"):
        pytest.fail("it was closed")


@requirement("errors.no-libvirt")
def test_no_libvirt_error_escapes(real):
    with pytest.raises(HostError) as caught:
        real.call("looking", lambda c: c.lookupByName("nobody"), deadline_s=BOUND_S)
    assert not isinstance(caught.value, libvirt.libvirtError)
    assert code_of(caught.value) == Code.NO_DOMAIN
    with pytest.raises(GuestNotFound):
        real.call(
            "looking",
            lambda c: c.lookupByName("nobody"),
            lookup=True,
            deadline_s=BOUND_S,
        )


def test_an_error_keeps_no_guest_of_libvirt_alive(real):
    """Its frames would keep the connection open behind our back."""

    def fail(c):
        domain = c.lookupByName("test")
        assert domain.name() == "test"
        return c.lookupByName("nobody")

    with pytest.raises(HostError) as caught:
        real.call("looking", fail, deadline_s=BOUND_S)
    gc.collect()
    assert caught.value.__cause__.__traceback__ is None
    assert not [o for o in gc.get_objects() if isinstance(o, libvirt.virDomain)]


@requirement("errors.no-libvirt")
def test_errors_of_the_phases_are_built_in_the_thread_that_failed(real):
    """The test driver has no migration: each phase is answered with an error."""
    assert phases.available()

    def begin(c):
        return phases.begin(c.lookupByName("test"), {"bandwidth": 1}, 0)

    calls = {
        "begin": begin,
        "prepare": lambda c: phases.prepare(c, {}, 0, b""),
        "perform": lambda c: phases.perform(c.lookupByName("test"), {}, 0, b"x\0y"),
        "finish": lambda c: phases.finish(c, {}, 0, b"", cancelled=False),
        "confirm": lambda c: phases.confirm(
            c.lookupByName("test"), {}, 0, b"", cancelled=True
        ),
    }
    for name, call in calls.items():
        with pytest.raises(HostError) as caught:
            real.call(name, call, deadline_s=BOUND_S)
        assert code_of(caught.value) == Code.NO_SUPPORT, name


def test_features_are_asked(real):
    assert (
        real.call("asking", lambda c: phases.supports(c, 13), deadline_s=BOUND_S)
        is False
    )
    assert (
        real.call("asking", lambda c: phases.supports(c, 9), deadline_s=BOUND_S) is True
    )


def test_nobody_there():
    uri = parse_uri("qemu+unix:///system?socket=/nonexistent/sock")
    with pytest.raises(HostUnreachable) as caught:
        open_link(uri, uri.text, Side.DESTINATION, deadline_s=BOUND_S)
    assert caught.value.side is Side.DESTINATION
    assert caught.value.remedy


# Callbacks, by which libvirt keeps a connection and its descriptors.


class Listening(Connection):
    """One on which callbacks are registered; `refuses` is how taking one back fails."""

    def __init__(self, refuses=None):
        super().__init__()
        self.refuses = refuses
        self.told = []

    def domainEventDeregisterAny(self, token):  # noqa: N802
        self.told.append(token)
        if self.refuses:
            raise self.refuses

    def close(self):
        self.told.append("close")
        return super().close()


def heard(connection):
    found = Link(connection, "qemu:///system", Side.SOURCE)
    assert found.listen("listening", lambda c: 7) == 7
    return found


@pytest.mark.parametrize("refuses", [None, libvirt.libvirtError("the host is gone")])
def test_a_link_that_is_closed_takes_its_callbacks_back_first(refuses):
    connection = Listening(refuses)
    heard(connection).close()
    assert connection.told == [7, "close"]


def test_one_that_was_taken_back_is_not_taken_back_again():
    connection = Listening()
    found = heard(connection)
    found.hush("no more", 7)
    found.hush("no more", 7)
    found.close()
    found.hush("no more", 7)
    assert connection.told == [7, "close"]


def test_one_that_could_not_be_taken_back_goes_with_the_connection():
    connection = Listening(libvirt.libvirtError("the host is gone"))
    found = heard(connection)
    with pytest.raises(HostError):
        found.hush("no more", 7)
    found.close()
    assert connection.told == [7, 7, "close"]


def test_libvirt_lets_go_of_what_listened_on_a_link_that_was_closed(real):
    def hear(*_):
        raise AssertionError

    kept = weakref.ref(hear)
    lifecycle = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
    real.listen(
        "listening",
        lambda c, hear=hear: c.domainEventRegisterAny(None, lifecycle, hear, None),
    )
    del hear
    gc.collect()
    assert kept() is not None
    real.close()
    gc.collect()
    assert kept() is None
