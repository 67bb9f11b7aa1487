"""Requests that make no sense: refused by name, before anything is touched."""

from __future__ import annotations

import uuid

import pytest

from virtmigrate.errors import GuestNotFound, Refused, Side, leaves
from virtmigrate_testkit.kit import NAME, Kit, messages, not_applicable


class RefusalTests:
    """Standard tests of bad input."""

    @pytest.mark.parametrize("ref", ["no-such-guest", str(uuid.UUID(int=1))])
    def test_unknown_guest(self, kit: Kit, ref: str) -> None:
        """It is said on which side it is missing."""
        with pytest.raises((GuestNotFound, ExceptionGroup)) as caught:
            kit.migrator.plan(ref, *kit.bench.hosts())
        (error,) = leaves(caught.value)
        assert isinstance(error, GuestNotFound)
        assert error.side is Side.SOURCE

    def test_same_host_twice(self, kit: Kit) -> None:
        """A guest can't move to where it is."""
        kit.guest()
        here, _ = kit.bench.hosts()
        with pytest.raises(ExceptionGroup) as caught:
            kit.migrator.plan(NAME, here, here)
        found = [e for e in leaves(caught.value) if isinstance(e, Refused)]
        assert "same host" in messages(found)

    def test_name_is_taken(self, kit: Kit) -> None:
        """Another guest of that name at the destination is in the way."""
        if not kit.declared[1].can_define:
            not_applicable("a definition can't be made there")
        kit.guest()
        with kit.open() as host:
            guest = host.guest(NAME)
            text, known = guest.definitions().persistent or "", guest.uuid
        if known not in text:
            not_applicable("a definition does not hold the guest's UUID")
        with kit.open(Side.DESTINATION) as host:
            other = host.define(text.replace(known, str(uuid.UUID(int=2))))
            assert host.name_taken_by(NAME) == other.uuid != known
        assert "called" in messages(kit.refused())
        with kit.open(Side.DESTINATION) as host:
            host.guest_by_uuid(other.uuid).undefine()
            assert host.name_taken_by(NAME) is None

    def test_all_refusals_come_at_once(self, kit: Kit) -> None:
        """Two contradictions give two refusals."""
        kit.guest()
        found = kit.refused(offline=True, live=True, timeout_suspend=True)
        assert len({error.subject for error in found}) > 1

    @pytest.mark.parametrize("end", [0, 1], ids=["source", "destination"])
    def test_unknown_key_of_a_uri(self, kit: Kit, end: int) -> None:
        """A URI with a key that nobody reads is refused before any connection."""
        uris = list(kit.bench.hosts())
        glue = "&" if "?" in uris[end] else "?"
        uris[end] += f"{glue}no_such_key=1"
        with pytest.raises((Refused, ExceptionGroup)) as caught:
            kit.migrator.plan(NAME, uris[0], uris[1])
        assert all(isinstance(error, Refused) for error in leaves(caught.value))
