"""Making worlds, finding hosts in them, and URIs that are let in or not."""

from __future__ import annotations

import pytest

from tests.mock.rig import Driver, connect, furnished, move
from tests.requirements import requirement
from virtmigrate import BadInput, HostError, HostUnreachable, Side
from virtmigrate.clock import RealClock
from virtmigrate.errors import GuestNotFound
from virtmigrate.host import Guest, Host, Hypervisor, RunState
from virtmigrate.uri import parse_uri
from virtmigrate_mock import World, demo_world
from virtmigrate_mock.host import MockHypervisor


@requirement("plugins.objects")
def test_what_is_handed_over_is_what_the_contract_asks_for():
    host = connect(furnished(), "a")
    assert isinstance(MockHypervisor(), Hypervisor)
    assert isinstance(host, Host)
    assert isinstance(host.guest("g"), Guest)


@pytest.mark.parametrize(
    "uri",
    [
        "mock+ssh://demo?host=a",
        "mock://root@demo?host=a",
        "mock://demo:22?host=a",
        "mock://demo/path?host=a",
        "mock://demo",
        "mock://demo?host=",
        "mock://demo?host=a&command=sh",
        "mock://?host=a",
        "mock:///?host=a",
    ],
)
def test_a_uri_that_is_not_let_in(uri):
    demo_world()
    with pytest.raises(BadInput, match="bad mock URI"):
        MockHypervisor().connect(parse_uri(uri), Side.SOURCE, RealClock())


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("mock://nowhere?host=a", "no world nowhere"),
        ("mock:///no/such/file?host=a", "no world /no/such/file"),
        ("mock://demo?host=z", "no host z"),
    ],
)
def test_what_is_not_there_does_not_answer(uri, what):
    demo_world()
    with pytest.raises(HostUnreachable, match=what) as error:
        MockHypervisor().connect(parse_uri(uri), Side.DESTINATION, RealClock())
    assert error.value.side is Side.DESTINATION


def test_a_host_that_is_down_does_not_answer():
    world = furnished()
    open_before = connect(world, "a").guest("g")
    world.befall("crash", "a")
    assert open_before.look().state is RunState.UNREACHABLE
    with pytest.raises(HostUnreachable, match="down"):
        connect(world, "a")
    world.befall("back", "a")
    assert open_before.look().state is RunState.SHUTOFF
    assert world.violations() == []


def test_a_closed_connection_is_closed():
    host = connect(furnished(), "a")
    guest = host.guest("g")
    host.close()
    host.close()
    with pytest.raises(HostUnreachable, match="closed"):
        guest.suspend()


def test_a_host_serves_another_migration_only_while_nothing_is_left_on_it():
    driver = Driver(furnished()).through("begin")
    source, destination = driver.source, driver.destination
    assert (source.reusable, destination.reusable) == (False, True)
    driver.prepare()
    assert not destination.reusable
    for phase in (driver.perform, driver.finish, driver.confirm):
        phase()
    assert (source.reusable, destination.reusable) == (True, True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world, host: world.befall("crash", "a"),
        lambda world, host: furnished(),
        lambda world, host: world.forget(),
        lambda world, host: host.close(),
    ],
    ids=["it is down", "another world", "no world", "closed"],
)
def test_a_host_that_would_not_answer_serves_nobody(spoil):
    world = furnished()
    host = connect(world, "a")
    assert host.reusable
    spoil(world, host)
    assert not host.reusable


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "Upper"},
        {"name": "-dash"},
        {"name": "a" * 65},
        {"hosts": {"": "qemu-like"}},
        {"style": "xen-like"},
        {"clock": "sundial"},
        {"link_mib_s": 0},
        {"speed": 0},
    ],
)
def test_a_world_that_can_not_be(asked):
    with pytest.raises(BadInput):
        World.create(**asked)


def test_a_name_is_taken_once():
    with World.create("once") as world, pytest.raises(BadInput, match="already"):
        World.create(world.label)
    with World.create("once"):
        pass
    with pytest.raises(HostUnreachable):
        World.open("once")


def test_what_can_not_happen():
    world = furnished()
    for what, host, guest in (("rain", "", ""), ("crash", "z", "")):
        with pytest.raises(BadInput, match="can't happen"):
            world.befall(what, host, guest)
    with pytest.raises(GuestNotFound):
        world.befall("pause", "a", "nobody")


# The primitives of a guest.


def test_run_states_by_hand():
    world = furnished()
    guest = connect(world, "a").guest("g")
    for act, state in (
        (guest.suspend, "paused"),
        (guest.suspend, "paused"),
        (guest.resume, "running"),
        (guest.resume, "running"),
        (guest.destroy, "shutoff"),
    ):
        act()
        assert guest.look().state == state
    guest.undefine()
    guest.undefine()
    assert guest.look().state is RunState.ABSENT
    with pytest.raises(GuestNotFound):
        guest.definitions()
    assert guest.name == "g"
    assert len(world.violations()) == 2  # it was ours to lose, and we lost it


@pytest.mark.parametrize(
    ("style", "left"), [("qemu-like", "running"), ("vz-like", "absent")]
)
def test_undefine_takes_a_running_guest_with_it_or_not(style, left):
    guest = connect(furnished(style), "a").guest("g")
    guest.undefine()
    assert guest.look().state == left


def test_definitions_by_hand():
    world = furnished()
    host = connect(world, "a")
    xml = host.guest("g").definitions().persistent
    assert host.name_taken_by("g") == host.guest("g").uuid
    assert host.name_taken_by("h") is None
    other = world.add_guest("b", "h")
    with pytest.raises(GuestNotFound, match="no guest h"):
        host.guest("h")
    twin = xml.replace(host.guest("g").uuid, other)
    with pytest.raises(HostError, match="is taken by"):
        host.define(twin)
    assert host.define(xml).uuid == host.guest("g").uuid
    with pytest.raises(BadInput, match="DTD"):
        host.define("<!DOCTYPE x>" + xml)


def test_a_guest_can_be_started_again_and_counts_anew():
    world = furnished()
    world.clock.sleep(5)
    world.befall("shutdown", "a", "g")
    world.befall("start", "a", "g")
    world.clock.sleep(1)
    assert world.counter("g") == pytest.approx(1)
    move(world).raise_unless_succeeded()
    assert world.violations() == []


def test_two_transfers_share_the_link():
    world = World.create("share", replace=True)
    world.add_guest("a", "g", memory_mib=2000, dirty_mib_s=0)
    world.add_guest("a", "h", memory_mib=250, dirty_mib_s=0)

    def meanwhile(count):
        # After 1 s alone the other one joins, and both get half of the link.
        if count == 1:
            assert move(world, "h").succeeded
            assert world.clock.now() == pytest.approx(1.5, abs=0.05)

    Driver(world, on_pulse=meanwhile).through("perform")
    assert world.clock.now() == pytest.approx(2.25, abs=0.05)
