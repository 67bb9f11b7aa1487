"""When a pass began, by libvirt's event; and what a host without it costs: nothing."""

from __future__ import annotations

import libvirt
import pytest

from tests.requirements import requirement
from virtmigrate.errors import HostError
from virtmigrate_libvirt.passes import Passes

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"


class Connection:
    """A control, its link and its connection in one: it has one guest.

    Attributes:
        heard: (guest, event id) of what was registered.
        hushed: Numbers of callbacks that were taken back.
        error: Raised in place of an answer.
    """

    def __init__(self, error=None):
        self.heard, self.hushed = [], []
        self.error = error

    def listen(self, doing, register):
        del doing
        if self.error:
            raise self.error
        return self, register(self)

    def hush(self, doing, token):
        del doing
        if self.error:
            raise self.error
        self.hushed.append(token)

    def lookupByUUIDString(self, uuid):  # noqa: N802
        return f"guest {uuid}"

    def domainEventRegisterAny(self, domain, event, callback, opaque):  # noqa: N802
        self.heard.append((domain, event))
        self.tell = lambda number: callback(self, domain, number, opaque)
        return 7


def test_a_pass_is_heard_by_libvirt_s_own_event():
    host = Connection()
    passes = Passes(host, UUID)
    passes.listen()
    assert host.heard == [
        (f"guest {UUID}", libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION)
    ]
    assert [passes.age_ms(number) for number in (None, 0, 1, 2)] == [None] * 4
    host.tell(2)
    first = passes.age_ms(2)
    assert 0 <= first < 60_000
    assert passes.age_ms(2) >= first
    assert passes.age_ms(1) is passes.age_ms(3) is None
    passes.hush()
    passes.hush()
    assert host.hushed == [7]


@pytest.mark.parametrize("when", ["listening", "hushing"])
def test_a_host_without_the_event_is_no_error(when):
    host = Connection(HostError("unsupported event") if when == "listening" else None)
    passes = Passes(host, UUID)
    passes.listen()
    host.error = HostError("the connection has gone")
    passes.hush()
    assert passes.age_ms(1) is None


@requirement("ends.verdict")
def test_what_was_heard_stays_heard_when_nobody_listens_any_more():
    host = Connection()
    passes = Passes(host, UUID)
    passes.listen()
    host.tell(3)
    passes.hush()
    assert passes.age_ms(3) is not None
