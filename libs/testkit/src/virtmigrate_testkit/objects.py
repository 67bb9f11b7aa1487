"""The primitives: what `Hypervisor`, `Host` and `Guest` promise in `host.py`."""

from __future__ import annotations

import uuid

import pytest

from virtmigrate.errors import GuestNotFound, Side
from virtmigrate.host import Guest, Host, RunState, glance
from virtmigrate_testkit.kit import NAME, Kit, not_applicable

NOBODY = str(uuid.UUID(int=3))


class ObjectTests:
    """Standard tests of the primitives."""

    @pytest.mark.parametrize("side", [Side.SOURCE, Side.DESTINATION], ids=str)
    def test_host_is_a_host(self, kit: Kit, side: Side) -> None:
        """It has every member of the protocol, its side, and a URI to reach it by."""
        with kit.open(side) as host:
            assert isinstance(host, Host)
            assert host.side is side
            assert host.hypervisor in kit.manager.hypervisors
            again = host.uri
            with kit.migrator.host(again) as other:
                assert other.uuid == host.uuid
            host.close()

    def test_guest_is_a_guest(self, kit: Kit) -> None:
        """Found by name and by UUID, it is the same one."""
        kit.guest()
        with kit.open() as host:
            guest = host.guest(NAME)
            assert isinstance(guest, Guest)
            assert (guest.name, host.guest(guest.uuid).uuid) == (NAME, guest.uuid)
            assert guest.uuid == str(uuid.UUID(guest.uuid)), "canonical, lower case"
            assert host.name_taken_by(NAME) == guest.uuid
            assert guest.sample() is None, "nothing moves"

    def test_nobody_is_absent(self, kit: Kit) -> None:
        """A guest that is not there is ABSENT to a look, an error to `guest`."""
        with kit.open() as host:
            nobody = host.guest_by_uuid(NOBODY)
            assert nobody.look().state is glance(nobody).state is RunState.ABSENT
            assert host.name_taken_by(NAME) is None
            with pytest.raises(GuestNotFound):
                host.guest(NOBODY)
            with pytest.raises(GuestNotFound):
                host.guest_by_uuid(NOBODY).definitions()

    @pytest.mark.parametrize(
        "state", [RunState.RUNNING, RunState.PAUSED, RunState.SHUTOFF], ids=str
    )
    def test_look_tells_the_truth(self, kit: Kit, state: RunState) -> None:
        """Run state, definition and job are what they really are."""
        kit.guest(state)
        with kit.open() as host:
            seen = host.guest(NAME).look()
            assert glance(host.guest(NAME)).state is state
            texts = host.guest(NAME).definitions()
        assert (seen.state, seen.persistent, seen.job) == (state, True, False)
        assert texts.persistent is not None
        assert (texts.live is not None) is state.active
        assert kit.bench.look(NAME)[0].state is state

    def test_suspend_and_resume(self, kit: Kit) -> None:
        """Its CPUs stop and go on; each is harmless twice."""
        kit.guest()
        with kit.open() as host:
            guest = host.guest(NAME)
            for act, state in (
                (guest.suspend, RunState.PAUSED),
                (guest.resume, RunState.RUNNING),
            ):
                act()
                act()
                assert guest.look().state is state
                assert kit.bench.look(NAME)[0].state is state

    def test_destroy_keeps_the_definition(self, kit: Kit) -> None:
        """Its process ends; what is defined stays defined."""
        kit.guest()
        with kit.open() as host:
            host.guest(NAME).destroy()
        here, _ = kit.bench.look(NAME)
        assert here.state is RunState.SHUTOFF
        assert here.definition is not None

    def test_define_and_undefine(self, kit: Kit) -> None:
        """A definition that was removed is made again, to the letter."""
        if not kit.declared[0].can_define:
            not_applicable("a definition can't be made without starting the guest")
        kit.guest(RunState.SHUTOFF)
        before = kit.bench.look(NAME)[0]
        with kit.open() as host:
            guest = host.guest(NAME)
            text = guest.definitions().persistent
            assert text is not None
            guest.undefine()
            guest.undefine()
            assert guest.look().state is RunState.ABSENT
            host.define(text)
            assert host.guest(NAME).uuid == guest.uuid
        assert kit.bench.look(NAME)[0] == before
