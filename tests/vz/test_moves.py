"""Real calls of libvirt's client at two vz hosts: every answer of every option."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from tests.vz_host.conftest import virsh
from virtmigrate import Options, Outcome
from virtmigrate.host import RunState
from virtmigrate.results import Paid


def moved(move, result, state="running"):
    """It is there, and gone here, and nothing was lost."""
    assert result.outcome is Outcome.SUCCEEDED, result
    assert result.faults == ()
    assert move.where() == {"vz-b": state}
    health = move.hosts.check("g")
    assert health.problems == ()
    assert health.running_on == (("vz-b",) if state == "running" else ())
    return health


@requirement("default.bare")
@requirement("live.always")
@requirement("managed")
@pytest.mark.parametrize("container", [False, True], ids=["hvm", "exe"])
@pytest.mark.parametrize("p2p", [None, True], ids=["driven", "p2p"])
def test_a_bare_move(move, furnish, container, p2p):
    furnish(container=container)
    assert moved(move, move(p2p=p2p)).longest_silence_ms < 500


@requirement("apps.all-four")
@requirement("compressed.absent")
def test_the_four_words_of_the_thread(move, furnish):
    furnish()
    words = ("compressed", "live", "persist_dest", "undefine_source")
    result = move(**dict.fromkeys(words, True))
    moved(move, result)
    assert all(getattr(result.effective, word) is True for word in words)


@requirement("live.meaning")
@requirement("live.fake")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
def test_a_coma_lasts_from_before_perform_until_after_landing(move, furnish, p2p):
    furnish(memory_mib=256)
    move.hosts["a"].control(rate_mib_s=1000)
    health = moved(move, move(live=False, p2p=p2p))
    stopped, started = health.intervals[0].ended, health.intervals[-1].began
    assert [interval.host for interval in health.intervals] == ["vz-a", "vz-b"]
    assert started - stopped >= 0.25, "it stood still for the whole transfer"
    steps = [e.step for e in move.events if e.kind == "step-started"]
    order = [steps.index(s) for s in ("enter_coma", "perform", "restore_run_state")]
    assert order == sorted(order)


@requirement("paused")
@pytest.mark.parametrize("p2p", [False, True], ids=["driven", "p2p"])
def test_paused_lands_paused(move, furnish, p2p):
    furnish()
    result = move(paused=True, p2p=p2p)
    moved(move, result, "paused")
    assert result.warnings == ()


@requirement("paused")
def test_a_wish_to_stay_paused_is_verified(move, furnish, monkeypatch):
    furnish()
    monkeypatch.setattr("virtmigrate_vz.request.MASK", 0xBB & ~0x20)
    result = move(paused=True)
    assert result.warnings == (
        "the guest ran at the destination for a moment: paused again",
    )
    assert move.where() == {"vz-b": "paused"}


@pytest.mark.parametrize(
    ("asked", "state"), [({}, "paused"), ({"paused": False}, "running")], ids=str
)
@requirement("options.bare-is-a-move")
def test_a_paused_guest(move, furnish, asked, state):
    furnish()
    virsh(move.hosts["a"], "suspend", "g")
    assert moved(move, move(**asked), state).problems == ()


@requirement("offline.vz-disks")
@pytest.mark.parametrize("asked", [{}, {"offline": True}], ids=str)
def test_a_stopped_guest_moves_cold(move, furnish, asked):
    furnish(run=False)
    assert moved(move, move(**asked), "stopped").running_on == ()


def test_a_new_name(move, furnish):
    furnish()
    moved(move, move(dest_name="h"))
    assert virsh(move.hosts["b"], "list", "--name").out == "h"


@pytest.mark.parametrize("uri", ["vzmigr://vz-b", "vzmigr://vz-b:64000"])
def test_an_address(move, furnish, uri):
    furnish()
    result = move(migrate_uri=uri)
    moved(move, result)
    assert result.effective.migrate_uri == uri


@requirement("undefine.absent")
@requirement("vz.disks-warned")
def test_the_source_keeps_its_definition(move, furnish):
    furnish()
    before = virsh(move.hosts["a"], "dumpxml", "g").out
    result = move(undefine_source=False)
    assert result.succeeded
    assert move.where() == {"vz-a": "stopped", "vz-b": "running"}
    assert virsh(move.hosts["a"], "dumpxml", "g").out == before
    assert any("disks" in warning for warning in result.warnings)


@requirement("persist.deferred")
@requirement("persist.absent")
def test_a_definition_goes_only_when_the_guest_stops(move, furnish):
    furnish()
    result = move(persist_dest=False, undefine_source=False)
    assert result.obligations == ("undo_persist",)
    assert [d.state for d in move.migrator.settle()] == [Paid.OWED]
    assert move.where() == {"vz-a": "stopped", "vz-b": "running"}
    virsh(move.hosts["b"], "destroy", "g")
    assert [d.state for d in move.migrator.settle()] == [Paid.PAID]
    assert move.where() == {"vz-a": "stopped"}
    assert move.hosts.check("g").problems == ()


@requirement("persist.absent")
def test_a_stopped_guests_definition_goes_at_once(move, furnish):
    furnish(run=False)
    result = move(persist_dest=False, undefine_source=False)
    assert (result.succeeded, result.obligations) == (True, ())
    assert move.where() == {"vz-a": "stopped"}


@requirement("compat.semantics")
@requirement("options.flag-word-zero")
def test_a_flag_word_keeps_libvirts_strict_meaning(move, furnish):
    """No bit: coma, transient at the destination, kept at the source."""
    furnish()
    options = Options.from_libvirt_flags(0)
    result = move.migrator.migrate("g", *move.uris, options)
    assert result.succeeded
    assert move.where() == {"vz-a": "stopped", "vz-b": "running"}
    assert move.hosts.check("g").longest_silence_ms > 100
    virsh(move.hosts["b"], "destroy", "g")
    move.migrator.settle()
    assert move.where() == {"vz-a": "stopped"}


def test_a_flag_word_of_a_usual_orchestrator(move, furnish):
    furnish()
    nova = 0x1 | 0x2 | 0x8 | 0x10
    options = Options.from_libvirt_flags(nova)
    result = move.migrator.migrate("g", *move.uris, options)
    moved(move, result)
    assert (result.warnings, result.obligations) == ((), ())


@requirement("declare.progress")
def test_progress_is_percent_and_nothing_else(move, furnish):
    furnish(memory_mib=400)
    result = move()
    told = [event for event in move.events if event.kind == "progress"]
    assert told
    assert all(event.total_bytes is event.remaining_bytes is None for event in told)
    assert all(0 <= event.percent <= 100 for event in told)
    assert result.processed_bytes is None


def test_a_refused_request_touches_nothing(move, furnish):
    furnish()
    before = [(h.machine.guests, h.machine.next_id) for h in move.hosts]
    (one, two) = move.refusals(compressed=False)
    assert "--no-compressed" in one
    assert "--compressed or neither is accepted" in two
    assert [(h.machine.guests, h.machine.next_id) for h in move.hosts] == before


def test_a_bad_address_is_refused_before_anything_is_sent(move, furnish):
    furnish()
    (text,) = move.refusals(migrate_uri="vzmigr://vz-b/")
    assert "is no address of a Virtuozzo dispatcher" in text


@requirement("pair.refused-by-name")
def test_another_hypervisor_is_refused_by_name(move, furnish):
    from virtmigrate_mock import demo_world  # noqa: PLC0415

    furnish()
    world = demo_world("elsewhere")
    with pytest.raises(ExceptionGroup) as caught:
        move.migrator.plan("g", move.uris[0], world.uri("b"))
    text = "\n".join(str(error) for error in caught.value.exceptions)
    assert "a guest of vz can't move to a host of mock" in text
    assert "name a vz host as the destination" in text


def test_a_host_says_what_it_is(move):
    host = move.migrator.capabilities(move.uris[0])
    assert (host.hypervisor, host.host) == ("vz", "vz-a")
    assert host.versions == {"libvirt": "9.0.0"}
    with move.migrator.host(move.uris[0]) as opened:
        assert (
            opened.guest_by_uuid("c7a5fdbd-edaf-9455-926a-d65c16db1809").look().state
            is RunState.ABSENT
        )
