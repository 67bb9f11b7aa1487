"""The phases one by one: what each leaves, and what a lost connection leaves of it."""

from __future__ import annotations

import pytest

from tests.mock.rig import Driver, connect, furnished
from tests.requirements import requirement
from virtmigrate import HostError, Side
from virtmigrate.capabilities import Knob
from virtmigrate.errors import AnswerLost, JobAborted
from virtmigrate.host import RunState
from virtmigrate.phases import Fate
from virtmigrate_mock import cookies

RUNNING, PAUSED, ABSENT = RunState.RUNNING, RunState.PAUSED, RunState.ABSENT
SHUTOFF, INCOMING = RunState.SHUTOFF, RunState.PAUSED_MIGRATION
MIB = 1 << 20


@pytest.mark.parametrize(
    ("style", "last", "states"),
    [
        ("qemu-like", "begin", (RUNNING, ABSENT)),
        ("qemu-like", "prepare", (RUNNING, INCOMING)),
        ("qemu-like", "perform", (INCOMING, INCOMING)),
        ("qemu-like", "finish", (INCOMING, RUNNING)),
        ("qemu-like", "confirm", (ABSENT, RUNNING)),
        ("vz-like", "prepare", (RUNNING, ABSENT)),
        ("vz-like", "perform", (ABSENT, RUNNING)),
        ("vz-like", "confirm", (ABSENT, RUNNING)),
    ],
)
def test_what_each_phase_leaves(style, last, states):
    driver = Driver(furnished(style)).through(last)
    assert driver.states() == states


def test_a_paused_guest_stays_paused_at_the_source():
    driver = Driver(furnished(state=PAUSED)).through("perform")
    assert driver.states() == (PAUSED, INCOMING)


@pytest.mark.parametrize("last", ["begin", "prepare", "perform"])
@pytest.mark.parametrize("live", [True, False])
def test_cancelled_after_any_phase_it_is_as_before(last, live):
    world = furnished()
    driver = Driver(world, live=live).through(last)
    driver.finish(Fate.CANCELLED)
    driver.confirm(Fate.CANCELLED)
    assert driver.states() == (RUNNING, ABSENT)
    assert world.state().outgoing == {}
    assert world.violations() == []


@pytest.mark.parametrize(
    ("last", "side", "states"),
    [
        # The source's connection goes: begin's job is dropped; what was sent stays put.
        ("begin", "source", (RUNNING, ABSENT)),
        ("perform", "source", (INCOMING, INCOMING)),
        # The destination's goes before finish: the incoming guest is destroyed.
        ("prepare", "destination", (RUNNING, ABSENT)),
        ("perform", "destination", (INCOMING, ABSENT)),
        ("finish", "destination", (INCOMING, RUNNING)),
    ],
)
def test_what_a_lost_connection_leaves(last, side, states):
    world = furnished()
    driver = Driver(world).through(last)
    getattr(driver, side).close()
    uuid = driver.ctx.guest.uuid
    seen = [connect(world, host).guest_by_uuid(uuid).look() for host in ("a", "b")]
    assert tuple(sighting.state for sighting in seen) == states
    if side == "source":
        connect(world, "a").guest_by_uuid(uuid).resume()  # the job holds it no more
        assert world.copies("g")["a"].state is RUNNING


def test_the_job_holds_the_guest_until_confirm():
    world = furnished()
    driver = Driver(world).through("perform")
    guest = connect(world, "a").guest("g")
    for act in (guest.resume, guest.undefine):
        with pytest.raises(HostError, match="state change lock"):
            act()
    with pytest.raises(HostError, match="state change lock"):
        connect(world, "b", Side.DESTINATION).guest("g").resume()
    driver.finish()
    driver.confirm()
    assert driver.states() == (ABSENT, RUNNING)


def test_confirm_without_a_job_retires_nothing():
    world = furnished()
    driver = Driver(world).through("perform")
    driver.finish()
    driver.source.close()
    driver.ctx.source = connect(world, "a")
    with pytest.raises(HostError, match="not being migrated"):
        driver.confirm()
    assert driver.ctx.arrival.look().state is RUNNING


def test_finish_of_an_incomplete_guest_fails_and_clears_it():
    driver = Driver(furnished()).through("prepare")
    with pytest.raises(HostError, match="incomplete"):
        driver.finish()
    assert driver.states() == (RUNNING, ABSENT)


def test_finish_twice_is_harmless():
    driver = Driver(furnished()).through("finish")
    driver.finish()
    assert driver.states() == (INCOMING, RUNNING)


def test_two_migrations_of_one_guest():
    world = furnished()
    first, second = Driver(world), Driver(world)
    first.begin()
    with pytest.raises(HostError, match="another migration"):
        second.begin()


def test_prepare_finds_a_name_that_was_taken_meanwhile():
    world = furnished()
    driver = Driver(world)
    world.add_guest("b", "other")
    world.copies("other")["b"].name = "g"
    driver.begin()
    with pytest.raises(HostError, match="already defined"):
        driver.prepare()
    assert driver.states() == (RUNNING, ABSENT)


@pytest.mark.parametrize(
    "cookie", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b" " * (5 << 20)]
)
def test_a_cookie_that_is_none(cookie):
    driver = Driver(furnished()).through("begin")
    driver.cookie = cookie
    with pytest.raises(HostError, match="invalid migration cookie"):
        driver.prepare()


@pytest.mark.parametrize(
    ("field", "value"), [("world", "x"), ("uuid", "x"), ("name", None), ("more", "x")]
)
def test_a_cookie_of_something_else(field, value):
    driver = Driver(furnished()).through("begin")
    fields = cookies.eat(
        driver.cookie, "begin", "test", driver.ctx.guest.uuid, Side.DESTINATION
    )
    driver.cookie = cookies.bake("begin", fields | {field: value})
    with pytest.raises(HostError, match="invalid migration cookie"):
        driver.prepare()


# In flight.


def samples_of(style):
    world = furnished(style, memory_mib=4000, dirty_mib_s=100)
    seen = []
    driver = Driver(world, on_pulse=lambda _: seen.append(driver.ctx.guest.sample()))
    assert driver.ctx.guest.sample() is None
    driver.through("perform")
    return [sample for sample in seen if sample]


def test_progress_in_bytes():
    first, *_, last = samples_of("qemu-like")
    assert (first.total_bytes, first.iteration) == (4000 * MIB, 1)
    assert first.processed_bytes == 1000 * MIB
    assert first.bandwidth_bytes_s == 1000 * MIB
    # As QEMU has it: measured at the end of a pass, so nothing in the first one.
    assert first.dirty_bytes_s == 0
    assert first.percent is None
    assert last.remaining_bytes == 0
    assert 0 < last.dirty_bytes_s <= 100 * MIB
    assert last.raw["memory_dirty_rate"] == round(last.dirty_bytes_s / 4096)
    assert 0 < last.downtime_ms <= 305


@requirement("declare.progress")
def test_progress_in_percent_alone():
    samples = samples_of("vz-like")
    assert samples[0].percent == 23.0
    assert {sample.total_bytes for sample in samples} == {None}


def test_an_idle_guest_is_looked_at_once():
    driver = Driver(furnished(dirty_mib_s=0)).through("perform")
    assert driver.pulses.count == 1


def test_knobs():
    world = furnished(memory_mib=4000, dirty_mib_s=100)
    bandwidth, downtime = (Knob.BANDWIDTH_MIB_S, 500), (Knob.DOWNTIME_MS, 900)
    turned = iter([bandwidth, downtime, (Knob.XBZRLE_CACHE_BYTES, 9)])

    def turn(_):
        guest = driver.ctx.guest
        if guest.look().job:
            guest.set_knob(*next(turned, downtime))

    driver = Driver(world, on_pulse=turn)
    driver.through("perform")
    # 1 s at 1000 MiB/s, then 500, until what is left fits into 900 ms: of the 3000 MiB
    # and the working set of 64 at most 450, for which the cap is lifted.
    assert world.clock.now() == pytest.approx(1 + 2614 / 500 + 0.45, abs=0.06)


@requirement("declare.knobs")
def test_a_knob_that_is_not_there():
    driver = Driver(furnished("vz-like"), on_pulse=lambda _: turn())

    def turn():
        if driver.ctx.guest.look().job:
            with pytest.raises(HostError, match="no knob"):
                driver.ctx.guest.set_knob(Knob.DOWNTIME_MS, 1)

    driver.through("perform")
    with pytest.raises(HostError, match="no job"):
        driver.ctx.guest.set_knob(Knob.DOWNTIME_MS, 1)


@requirement("switch.post-copy-consent")
def test_post_copy_needs_consent_given_before():
    driver = Driver(
        furnished(memory_mib=3000),
        on_pulse=lambda _: driver.ctx.guest.set_knob(Knob.POSTCOPY, 1),
    )
    driver.begin()
    driver.prepare()
    with pytest.raises(HostError, match="not permitted"):
        driver.perform()
    assert driver.states() == (RUNNING, INCOMING)


def test_post_copy_is_cut():
    world = furnished(memory_mib=3000)
    driver = Driver(
        world,
        on_pulse=lambda n: n == 1 and driver.ctx.guest.set_knob(Knob.POSTCOPY, 1),
        postcopy=True,
    )
    driver.through("perform")
    assert driver.states() == (RunState.POSTCOPY, INCOMING)
    world.befall("link-down")
    with pytest.raises(AnswerLost, match="post-copy was cut"):
        driver.finish()
    assert driver.states() == (RunState.POSTCOPY_FAILED, RunState.POSTCOPY_FAILED)


@pytest.mark.parametrize("style", ["qemu-like", "vz-like"])
def test_an_aborted_transfer_rolls_the_source_back(style):
    driver = Driver(
        furnished(style, memory_mib=3000), on_pulse=lambda _: driver.ctx.guest.abort()
    )
    driver.begin()
    driver.prepare()
    with pytest.raises(JobAborted):
        driver.perform()
    there = INCOMING if style == "qemu-like" else ABSENT
    assert driver.states() == (RUNNING, there)
    with pytest.raises(HostError, match="no job is active"):
        driver.ctx.guest.abort()


def test_an_engine_that_breaks_in_a_pulse_leaves_the_source_running():
    def broken(_):
        raise ZeroDivisionError

    driver = Driver(furnished(memory_mib=3000), on_pulse=broken)
    driver.begin()
    driver.prepare()
    with pytest.raises(ZeroDivisionError):
        driver.perform()
    assert driver.states() == (RUNNING, INCOMING)


def test_a_world_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr("virtmigrate_mock.ride.PATIENCE", 50)
    world = furnished(working_set_mib=900, dirty_mib_s=5000)
    driver = Driver(world)
    driver.begin()
    driver.prepare()
    with pytest.raises(HostError, match="never converge"):
        driver.perform()
    assert driver.states() == (RUNNING, INCOMING)
