"""Storage: what `virtmigrate.storage.Storage` promises, of hosts that have one.

What is made here bears a random name, and is deleted whatever happens.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from virtmigrate.errors import Side
from virtmigrate.storage import Image, Storage, pool_at, split, storage_of
from virtmigrate_testkit.kit import Kit, not_applicable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.storage import Pool

SIDES = pytest.mark.parametrize("side", [Side.SOURCE, Side.DESTINATION], ids=str)
FORMATS = pytest.mark.parametrize("form", ["raw", "qcow2"])
CAPACITY_BYTES = 8 << 20


@contextmanager
def scratch(kit: Kit, side: Side) -> Iterator[tuple[Storage, Pool, str]]:
    """A host's storage, its first pool, and a name that is free in it."""
    with kit.open(side) as host:
        storage = storage_of(host)
        pools = storage.pools() if storage else ()
        if storage is None or not pools:
            not_applicable("the hosts have no storage, or no pool in it")
        name = f"conformance-{os.urandom(8).hex()}.img"
        try:
            yield storage, pools[0], name
        finally:
            storage.delete(pools[0], name)


class StorageTests:
    """Standard tests of a host's storage."""

    @SIDES
    def test_storage_is_a_storage(self, kit: Kit, side: Side) -> None:
        """It has every member, and its pools are directories by absolute path.

        So are the paths of its block devices.
        """
        with scratch(kit, side) as (storage, pool, name):
            assert isinstance(storage, Storage)
            assert pool.path.startswith("/")
            assert storage.kinds()[pool.name], "every pool has a kind"
            for device in storage.devices():
                assert device.paths, "every block device has a path"
                assert all(path.startswith("/") for path in device.paths)
            path = f"{pool.path}/{name}"
            assert pool_at(storage.pools(), split(path)[0]) is not None
            assert list(storage.users(path)) == [], "nobody has it"

    @SIDES
    @FORMATS
    def test_an_image_is_what_it_was_made_as(
        self, kit: Kit, side: Side, form: str
    ) -> None:
        """Format and capacity are as told, it takes little, and it has a name."""
        with scratch(kit, side) as (storage, pool, name):
            assert storage.look(pool, name) is None
            assert storage.make(pool, name, Image(CAPACITY_BYTES, form)) is True
            made = storage.look(pool, name)
            assert made is not None
            assert (made.capacity_bytes, made.format) == (CAPACITY_BYTES, form)
            assert made.backing == ""
            assert (made.allocated_bytes or 0) < CAPACITY_BYTES, "it is sparse"
            assert name in storage.names(pool)

    @SIDES
    def test_an_image_is_made_once(self, kit: Kit, side: Side) -> None:
        """What is there is not touched, and that is no error."""
        with scratch(kit, side) as (storage, pool, name):
            assert storage.make(pool, name, Image(CAPACITY_BYTES, "raw")) is True
            before = storage.look(pool, name)
            assert storage.make(pool, name, Image(2 * CAPACITY_BYTES, "raw")) is False
            assert storage.look(pool, name) == before

    @SIDES
    def test_storage_is_looked_at_past_every_cache(self, kit: Kit, side: Side) -> None:
        """What another connection makes and deletes is seen at once."""
        with (
            scratch(kit, side) as (storage, pool, name),
            scratch(kit, side) as (other, _, _),
        ):
            assert other.look(pool, name) is None
            storage.make(pool, name, Image(0, "raw"))
            assert other.look(pool, name) is not None
            assert name in other.names(pool)
            storage.delete(pool, name)
            assert other.look(pool, name) is None
            assert name not in other.names(pool)

    @SIDES
    def test_deleting_an_image_twice_is_harmless(self, kit: Kit, side: Side) -> None:
        """It is gone, and what was never there is, too."""
        with scratch(kit, side) as (storage, pool, name):
            storage.delete(pool, name)
            storage.make(pool, name, Image(CAPACITY_BYTES, "raw"))
            for _ in range(2):
                storage.delete(pool, name)
                assert storage.look(pool, name) is None

    @SIDES
    def test_an_image_keeps_its_times(self, kit: Kit, side: Side) -> None:
        """Nobody writes to it: two looks at it tell the same."""
        with scratch(kit, side) as (storage, pool, name):
            storage.make(pool, name, Image(CAPACITY_BYTES, "raw"))
            first, second = storage.look(pool, name), storage.look(pool, name)
            assert first == second
