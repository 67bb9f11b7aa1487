"""Proof that two hosts share an image: a nonce through one, looked for by the other.

That a path exists on both proves nothing (libvir-list 2015-09, Berrange). So an empty
file of a random name is made in the image's pool at the source, looked for in every
pool of the destination, and deleted. That proves the directory; that the name in it
leads to the same file, and not through a link to another, the file's own times do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from virtmigrate.clock import RealClock
from virtmigrate.disks import Sharing
from virtmigrate.errors import HostError, Side
from virtmigrate.storage import Image, pool_at, read_as, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.clock import Clock
    from virtmigrate.devices import Device
    from virtmigrate.disks import Disk
    from virtmigrate.storage import Pool, Storage
    from virtmigrate.volumes import Lack

NONCE = "virtmigrate-proof-"
"""Beginning of the name of a file that is made to be looked for; then the time."""
STALE_S = 600.0
"""An older one was left by a controller that was killed."""
TRUSTED_S = 60.0
"""So long a proof of two directories counts for the next guest of a drain."""
LOOKS = 3
"""So often a file is compared while the guest writes to it."""
DEEPEST = 16
"""Layers of a backing chain that are followed."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one image on both hosts.

    Attributes:
        sharing: Whether it is the same.
        evidence: From what that was concluded, one sentence.
        there: Its path at the destination: where it is, or would be made.
        image: It at the source; None = no pool of the source has it.
        pool: The destination's pool of `there`; None = it has none.
        taken: Whether something of that name is there and not proven to be it.
        base: Path and format at the destination of the image under it, if both hosts
            share that one, and all below.
        lacks: Pools that the definitions name and that are of no use.
    """

    sharing: Sharing
    evidence: str
    there: str
    image: Image | None = None
    pool: Pool | None = None
    taken: bool = False
    base: tuple[str, str] = ("", "")
    lacks: tuple[Lack, ...] = ()


@dataclass(slots=True)
class Known:
    """Directories that were proven to be shared: when, and which pool it is there.

    Only that: whoever mends a mount is not told of yesterday. Whether a file is the
    same one is asked each time.
    """

    clock: Clock = field(default_factory=RealClock)
    pairs: dict[tuple[str, ...], tuple[float, Pool]] = field(default_factory=dict)


@dataclass(slots=True)
class Prover:
    """Proves image after image for one pair of hosts.

    Attributes:
        source: The source's storage.
        destination: The destination's.
        pair: Both hosts' identities.
        known: Proofs of directories, shared between guests.
    """

    source: Storage
    destination: Storage
    pair: tuple[str, str]
    known: Known
    _pools: tuple[Sequence[Pool], Sequence[Pool]] | None = None
    _devices: tuple[Sequence[Device], Sequence[Device]] | None = None

    def prove(self, path: str, wanted: str = "", form: str = "") -> Proof:
        """Find out about one image.

        Args:
            path: At the source.
            wanted: Where the caller wants it at the destination, "" = no wish.
            form: As what the hypervisor reads it, "" = as the pool does.

        Raises:
            HostError: A host could not be asked.
        """
        return self._prove(path, wanted, form, DEEPEST)

    def _prove(self, path: str, wanted: str, form: str, depth: int) -> Proof:
        """The same, at most so many layers deep."""
        here_pools, there_pools = self.pools()
        directory, name = split(path)
        here = pool_at(here_pools, directory)
        aim = pool_at(there_pools, split(wanted or path)[0])
        if here is None or not there_pools:
            blind = f"the source has no storage pool of {directory}"
            none = "the destination has no storage pool"
            taken = aim is not None and self._there(aim, split(wanted or path)[1])
            why = blind if here is None else none
            return Proof(
                Sharing.UNKNOWN, why, wanted or path, pool=aim, taken=bool(taken)
            )
        same = self._same_directory(here, there_pools)
        if same is None:
            aim = aim if aim or wanted else _namesake(here, there_pools)
            proof = self._apart(here, name, form, aim, wanted or path)
        else:
            proof = self._together(here, name, form, same, wanted)
        return self._with_layers(proof, depth)

    def pools(self) -> tuple[Sequence[Pool], Sequence[Pool]]:
        """Both hosts' pools of files, asked once.

        Raises:
            HostError: A host could not be asked.
        """
        if self._pools is None:
            self._pools = self.source.pools(), self.destination.pools()
        return self._pools

    def devices(self) -> tuple[Sequence[Device], Sequence[Device]]:
        """Both hosts' block devices, asked once.

        Raises:
            HostError: A host could not be asked.
        """
        if self._devices is None:
            self._devices = self.source.devices(), self.destination.devices()
        return self._devices

    def _here(self, pool: Pool, name: str, form: str) -> Image | None:
        image = self.source.look(pool, name)
        return image and read_as(image, form)

    def _there(self, pool: Pool, name: str, form: str = "") -> Image | None:
        image = self.destination.look(pool, name)
        return image and read_as(image, form)

    def _apart(
        self, here: Pool, name: str, form: str, aim: Pool | None, there: str
    ) -> Proof:
        """The directory is the source's alone."""
        if aim is not None and split(there)[0] != aim.path.rstrip("/"):
            there = f"{aim.path.rstrip('/')}/{name}"
        image = self._here(here, name, form)
        taken = aim is not None and self._there(aim, split(there)[1]) is not None
        seen = f"a file made in {here.path} at the source was in none of its pools"
        return Proof(Sharing.NOT_SHARED, seen, there, image, aim, taken)

    def _together(
        self, here: Pool, name: str, form: str, same: Pool, wanted: str
    ) -> Proof:
        """Both hosts have the directory: is the file of that name the same too?"""
        there = f"{same.path.rstrip('/')}/{name}"
        image, found = self._alike(here, name, form, same)
        seen = f"a file made in {here.path} at the source was seen in {same.path}"
        if wanted and wanted != there:
            pool = pool_at(self.pools()[1], split(wanted)[0])
            taken = pool is not None and self._there(pool, split(wanted)[1]) is not None
            why = f"{seen}, but the document wants {wanted}"
            return Proof(Sharing.NOT_SHARED, why, wanted, image, pool, taken)
        if found:
            return Proof(Sharing.SHARED, seen, there, image, same)
        why = f"{seen}, but {name} is another file there (a link?)"
        return Proof(Sharing.NOT_SHARED, why, there, image, same, taken=True)

    def _alike(
        self, here: Pool, name: str, form: str, same: Pool
    ) -> tuple[Image | None, bool]:
        """The image, and whether the destination sees the very file.

        While a guest writes to it, the times of the two looks differ: then what the
        destination sees must lie between two looks of the source.
        """
        before = self._here(here, name, form)
        for _ in range(LOOKS):
            there = self._there(same, name, form)
            after = self._here(here, name, form)
            if before is None or there is None or after is None:
                return before, False
            if _same_file(before, there, after):
                return after, True
            if before == after:
                return after, False
            before = after
        return before, False

    def _with_layers(self, proof: Proof, depth: int) -> Proof:
        """What is known, with what is under it: a layer counts like the image itself.

        An image is shared only with all its layers; and those that other layers name
        have to be where they are named, also at the destination.
        """
        image = proof.image
        if image is None or not image.backing:
            return proof
        below = self._below(image, depth)
        sound = below.sharing is Sharing.SHARED and below.image is not None
        if proof.sharing is not Sharing.SHARED:
            form = image.backing_format or (below.image.format if below.image else "")
            return replace(proof, base=(below.there, form)) if sound else proof
        if sound and below.there == image.backing:
            return proof
        apart = Sharing.NOT_SHARED if sound else below.sharing
        why = f"{proof.evidence}, but {image.backing} under it is not the same there"
        return replace(proof, sharing=apart, evidence=why, taken=True)

    def _below(self, top: Image, depth: int) -> Proof:
        """The layer under an image, read as that image says: a guest wrote it once."""
        if depth > 0:
            return self._prove(top.backing, "", top.backing_format, depth - 1)
        why = f"it has more than {DEEPEST} layers"
        return Proof(Sharing.UNKNOWN, why, top.backing)

    def _same_directory(self, here: Pool, pools: Sequence[Pool]) -> Pool | None:
        """The destination's pool that is the same directory, None for none."""
        key = (*self.pair, here.path, *(pool.path for pool in pools))
        known = self.known.pairs.get(key)
        now = self.known.clock.now()
        if known is not None and now - known[0] < TRUSTED_S:
            return known[1]
        found = self._nonce(here, _likely_first(here, pools))
        if found is not None:
            self.known.pairs[key] = (now, found)
        return found

    def _nonce(self, here: Pool, pools: Sequence[Pool]) -> Pool | None:
        """Make one, look for it, delete it whatever happens."""
        self._sweep(here)
        name = f"{NONCE}{int(self.known.clock.wall())}-{os.urandom(8).hex()}"
        ours = True
        try:
            ours = self.source.make(here, name, Image(0, "raw"))
            if not ours:
                msg = f"a file {name} is in {here.path} already"
                raise HostError(msg, side=Side.SOURCE, subject=here.path)
            return next((p for p in pools if self._there(p, name) is not None), None)
        finally:
            if ours:
                self.source.delete(here, name)

    def _sweep(self, here: Pool) -> None:
        """Delete what a killed controller left."""
        for name in self.source.names(here):
            made, _, rest = name.removeprefix(NONCE).partition("-")
            old = name.startswith(NONCE) and made.isdecimal() and bool(rest)
            if old and self.known.clock.wall() - int(made) > STALE_S:
                self.source.delete(here, name)


def _same_file(before: Image, there: Image, after: Image) -> bool:
    """Whether what the destination sees lies between two looks of the source."""
    alike = (
        before.format == there.format
        and before.capacity_bytes <= there.capacity_bytes <= after.capacity_bytes
    )
    stamps = before.changed_ns, there.changed_ns, after.changed_ns
    if None in stamps:
        return alike  # a host that tells no times
    first, seen, last = (stamp or 0 for stamp in stamps)
    return alike and first <= seen <= last


def _namesake(here: Pool, pools: Sequence[Pool]) -> Pool | None:
    """The destination's pool of the same name: where a copy belongs."""
    return next((pool for pool in pools if pool.name == here.name), None)


def _likely_first(here: Pool, pools: Sequence[Pool]) -> list[Pool]:
    return sorted(pools, key=lambda p: (p.path != here.path, p.name != here.name))


def unproven(disk: Disk, why: str, lacks: tuple[Lack, ...] = ()) -> Proof:
    """What is known when a host could not, or would not, help."""
    return Proof(Sharing.UNKNOWN, why, disk.wanted_there or disk.path, lacks=lacks)
