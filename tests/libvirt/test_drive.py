"""The driven phases, call by call: what goes out, to whom, and after which failure."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.requirements import requirement
from virtmigrate.errors import AnswerLost, BadInput, HostError, HostUnreachable, Side
from virtmigrate_libvirt import phases
from virtmigrate_libvirt.drive import Drive
from virtmigrate_libvirt.rules import Reached

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
MOVE = 0x1 | 0x8 | 0x10
DOMAIN = f"<domain><name>g</name><uuid>{UUID}</uuid></domain>"
C1, C2, C3, C4 = (
    f"<qemu-migration><uuid>{UUID}</uuid><n>{n}</n></qemu-migration>\0".encode()
    for n in range(1, 5)
)
PROTECT, PAUSED, OFFLINE = 0x100, 0x20, 0x400


class Domain:
    def __init__(self, state):
        self._state = state

    def state(self, flags):
        return [self._state, 0]


@dataclass
class Connection:
    state: int = 1

    def lookupByUUIDString(self, uuid):  # noqa: N802
        assert uuid == UUID
        return Domain(self.state)

    def getLibVersion(self):  # noqa: N802
        return 9000000


@dataclass
class Link:
    host: FakeHost
    alive: bool = True

    def call(self, doing, function, *, deadline_s=None, lookup=False):
        if not self.alive:
            raise HostUnreachable("closed", side=self.host.side)
        return function(self.host.connection)


@dataclass
class FakeHost:
    """As much of `LibvirtHost` as a drive uses."""

    side: Side
    connection: Connection = field(default_factory=Connection)
    link: Link | None = None
    waits: bool = False
    uri: str = "qemu:///system"

    def wire(self, migration, *, reopen=True):
        if self.link is None or (reopen and not self.link.alive):
            self.link = Link(self)
        if not self.link.alive:
            raise HostUnreachable("dead", side=self.side)
        return self.link

    def waited_on(self, migration):
        return self.waits

    def unwire(self, migration):
        self.link = None


class Wire:
    """Stands for libvirt: keeps what went out, fails where it is told to."""

    def __init__(self, monkeypatch):
        self.sent = []
        self.fails = {}
        self.answers = {}
        for name in ("begin", "prepare", "perform", "finish", "confirm"):
            monkeypatch.setattr(phases, name, self._phase(name))

    def _phase(self, name):
        usual = {
            "begin": phases.Begun(DOMAIN, C1),
            "prepare": phases.Prepared(C2, "tcp:b:49152"),
            "perform": C3,
            "finish": C4,
        }

        def phase(_thing, params, flags, cookie=None, *, cancelled=None):
            label = f"{name}!" if cancelled else name
            self.sent.append((label, flags, cookie, params))
            if label in self.fails:
                raise self.fails[label]
            return {**usual, **self.answers}.get(name)

        return phase

    @property
    def calls(self):
        return [label for label, *_ in self.sent]


@pytest.fixture
def wire(monkeypatch):
    return Wire(monkeypatch)


def make(flags=MOVE, params=None, notes=None, *, state=1):
    hosts = (
        FakeHost(Side.SOURCE, Connection(state)),
        FakeHost(Side.DESTINATION),
    )
    kept = {} if notes is None else notes
    return Drive("m1", (UUID, "g"), hosts, (flags, params or {}), kept)


def through_perform(drive, *, protects=True):
    return drive.perform(drive.prepare(drive.begin(protects=protects)))


def test_a_whole_move(wire):
    drive = make()
    cookie = drive.finish(through_perform(drive), paused=False)
    drive.confirm(cookie)
    assert wire.calls == ["begin", "prepare", "perform", "finish", "confirm"]
    flags = {label: word for label, word, *_ in wire.sent}
    assert flags["begin"] == flags["perform"] == flags["confirm"] == MOVE | PROTECT
    assert flags["prepare"] == flags["finish"] == MOVE
    cookies = [cookie for _, _, cookie, _ in wire.sent]
    assert cookies == [None, C1, C2, C3, C4], "passed on untouched"
    finish = wire.sent[3][3]
    assert finish["destination_xml"] == DOMAIN
    assert finish["destination_name"] == "g"
    assert finish["migrate_uri"] == "tcp:b:49152"


FORGED = {
    "begin": phases.Begun(DOMAIN, b"<forged/>"),
    "prepare": phases.Prepared(b"<forged/>", "tcp:b:49152"),
    "perform": b"<forged/>",
}


@pytest.mark.parametrize("phase", FORGED)
@requirement("cookies.checked")
def test_a_forged_cookie_goes_no_further(wire, phase):
    wire.answers[phase] = FORGED[phase]
    with pytest.raises(HostError, match="not passed on"):
        through_perform(make())
    assert wire.calls[-1] == phase


@requirement("cookies.checked")
def test_confirm_does_without_a_cookie_that_is_none(wire):
    wire.answers["finish"] = b"<forged/>"
    drive = make()
    assert drive.finish(through_perform(drive), paused=False) == b""


@requirement("documents.bounded")
def test_a_hostile_document_of_the_source_goes_no_further(wire):
    hostile = DOMAIN.replace("<name>", "<vcpu>1000000000</vcpu><name>")
    wire.answers["begin"] = phases.Begun(hostile, C1)
    with pytest.raises(BadInput, match="vcpu"):
        make().begin(protects=True)


def test_a_paused_source_and_a_landing_that_was_decided_later(wire):
    drive = make(state=3)
    drive.finish(through_perform(drive), paused=False)
    flags = {label: word for label, word, *_ in wire.sent}
    assert not flags["begin"] & PAUSED
    assert flags["prepare"] & PAUSED
    assert flags["perform"] & PAUSED
    assert not flags["finish"] & PAUSED


def test_an_offline_move_skips_perform_and_sends_finish_no_cookie(wire):
    drive = make(MOVE | OFFLINE)
    cookie = drive.prepare(drive.begin(protects=True))
    drive.finish(cookie, paused=False)
    assert wire.sent[-1][2] == b""


def test_no_uri_at_all_is_an_error_that_both_sides_hear_of(wire, monkeypatch):
    drive = make()
    cookie = drive.begin(protects=True)
    monkeypatch.setattr(phases, "prepare", lambda *a: phases.Prepared(C2, None))
    with pytest.raises(HostError, match="where the memory is to go"):
        drive.prepare(cookie)
    drive.cancel_destination()
    drive.cancel_source()
    assert wire.calls == ["begin", "finish!", "confirm!"]


BROKE = HostError("broke", side=Side.SOURCE)
LOST = AnswerLost("lost", side=Side.SOURCE)

MATRIX = [
    # fails, how, protects, what goes out afterwards, state
    ("begin", BROKE, True, [], Reached.BEGIN_FAILED),
    ("begin", LOST, True, ["confirm!"], Reached.BEGIN_LOST),
    ("prepare", BROKE, True, ["confirm!"], Reached.PREPARE_FAILED),
    ("prepare", BROKE, False, [], Reached.PREPARE_FAILED),
    ("prepare", LOST, True, ["finish!", "confirm!"], Reached.PREPARE_LOST),
    ("perform", BROKE, True, ["finish!"], Reached.PERFORM_FAILED),
    ("perform", BROKE, False, ["finish!"], Reached.PERFORM_FAILED),
    ("perform", LOST, True, ["finish!"], Reached.PERFORM_LOST),
    ("finish", BROKE, True, ["confirm!"], Reached.FINISH_FAILED),
]


@pytest.mark.parametrize(("fails", "how", "protects", "after", "reached"), MATRIX)
def test_what_follows_a_failure(wire, fails, how, protects, after, reached):
    wire.fails[fails] = how
    drive = make()
    with pytest.raises(type(how)):
        drive.finish(through_perform(drive, protects=protects), paused=False)
    assert drive.reached is reached
    sent = len(wire.calls)
    drive.cancel_destination()
    drive.cancel_source()
    assert wire.calls[sent:] == after


def test_a_perform_that_is_waited_for_no_longer_is_taken_back_by_confirm(wire):
    """Its connection lives, so the daemon lets the source go by nothing else."""
    wire.fails["perform"] = LOST
    drive = make()
    with pytest.raises(AnswerLost):
        through_perform(drive)
    drive.source.waits = True
    drive.cancel_destination()
    drive.cancel_source()
    assert wire.calls[-2:] == ["finish!", "confirm!"]


def test_cancelled_after_perform_both_sides_hear_of_it(wire):
    drive = make()
    through_perform(drive)
    drive.cancel_destination()
    drive.cancel_source()
    assert wire.calls[-2:] == ["finish!", "confirm!"]


def test_finish_never_goes_over_a_fresh_connection(wire):
    """The daemon destroyed the incoming guest when it saw the first one close."""
    drive = make()
    cookie = through_perform(drive)
    drive.destination.link.alive = False
    with pytest.raises(HostUnreachable):
        drive.finish(cookie, paused=False)
    assert "finish" not in wire.calls
    with pytest.raises(HostUnreachable):
        drive.check_destination()
    with pytest.raises(HostUnreachable):
        drive.cancel_destination()
    drive.cancel_source()
    assert wire.calls[-1] == "confirm!"


def test_confirm_may_go_over_a_fresh_connection(wire):
    drive = make()
    through_perform(drive)
    drive.source.link.alive = False
    drive.confirm(b"")
    assert wire.calls[-1] == "confirm"


def test_another_controller_goes_on_from_the_notes(wire):
    notes = {}
    first = make(MOVE, notes=notes, state=3)
    first.finish(through_perform(first), paused=True)
    assert all(isinstance(value, str) for value in notes.values())
    second = make(MOVE, notes=dict(notes))
    assert second.reached is Reached.FINISHED
    assert second.flags == MOVE | PAUSED
    second.confirm(b"")
    label, flags, _, params = wire.sent[-1]
    assert label == "confirm"
    assert flags == MOVE | PAUSED | PROTECT
    assert params["destination_name"] == "g"
