"""What a plan's disks mean to libvirt: flags, parameters, documents. Pure.

libvirt takes an empty list of disks for all of them, and what it is told to copy it
writes to whatever is at the destination's path. So the list is always said in full, and
nothing of it where nothing is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.disks import Sharing, Way
from virtmigrate_libvirt.flags import FLAGS
from virtmigrate_libvirt.xml import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from virtmigrate.disks import Disk
    from virtmigrate_libvirt.typed import ParamValue

COPY = FLAGS["copy_storage"]
COPY_TOP = FLAGS["copy_storage_inc"]
SYNCHRONOUS = FLAGS["copy_storage_synchronous_writes"]
UNSAFE = FLAGS["unsafe"]
LISTS = ("migrate_disks", "migrate_disks_detect_zeroes", "migrate_disks_target_zero")
TRANSPORT = ("disks_port", "disks_uri")
LIVE, KEPT = DOCUMENTS = ("destination_xml", "persistent_xml")


def flags_for(word: int, disks: Sequence[Disk]) -> int:
    """The flag word with what these disks need.

    libvirt's own verdict of safety knows but the file system's kind at the source; a
    proof that both hosts share the image is more, and takes its place.

    Args:
        word: As the options say it.
        disks: The plan's, none for a guest without any.
    """
    if not disks:
        return word
    ways = {disk.way for disk in disks}
    copies = COPY_TOP if Way.TOP_COPIED in ways else COPY if Way.COPIED in ways else 0
    word &= ~(COPY | COPY_TOP)
    word = word | copies if copies else word & ~SYNCHRONOUS
    return word | UNSAFE if vouched(disks) else word


def vouched(disks: Sequence[Disk]) -> bool:
    """Whether every image that stays is proven to be shared, and one has to be."""
    kept = [d for d in disks if d.path and not d.copied and not d.read_only]
    files = [disk for disk in kept if disk.kind == "file"]
    return bool(files) and all_settled(kept)


def all_settled(disks: Iterable[Disk]) -> bool:
    """Whether every disk is proven to be shared, or copied, or only read."""
    kept = [d for d in disks if d.path and not d.copied and not d.read_only]
    return all(disk.sharing is Sharing.SHARED for disk in kept)


def params_for(
    given: Mapping[str, ParamValue],
    disks: Sequence[Disk],
    definitions: tuple[str | None, str | None],
) -> dict[str, ParamValue]:
    """The typed parameters with what these disks need.

    Args:
        given: As the options say them.
        disks: The plan's.
        definitions: The guest's live and persistent ones at the source.
    """
    params = dict(given)
    if not disks:
        return params
    copied = [disk.target for disk in disks if disk.copied]
    chosen = {"migrate_disks": copied} if copied else {}
    for name in LISTS[1:]:
        listed = params.get(name)
        kept = [t for t in copied if isinstance(listed, list | tuple) and t in listed]
        if kept:
            chosen[name] = kept
    for name in (*LISTS, *(() if copied else TRANSPORT)):
        params.pop(name, None)
    params |= chosen
    for name, text in zip(DOCUMENTS, definitions, strict=True):
        document, places = params.get(name, text), _places(disks, live=name == LIVE)
        if places and isinstance(document, str):
            params[name] = parse(document).with_images(places).text()
    return params


def _places(disks: Sequence[Disk], *, live: bool) -> dict[str, tuple[str, str]]:
    """Path and pool there, by target, of disks that a document has to name anew.

    Where top layers are copied libvirt takes a volume for one that is to be made, and
    refuses to (it has its path only later). So the live document names files then.
    """
    tops = live and any(disk.way is Way.TOP_COPIED for disk in disks)
    places = {}
    for disk in disks:
        by_file = tops and disk.copied and bool(disk.pool or disk.wanted_pool)
        if by_file or _elsewhere(disk):
            places[disk.target] = disk.there, "" if by_file else disk.pool_there
    return places


def _elsewhere(disk: Disk) -> bool:
    """Whether what names a disk's image at the source would not name it there."""
    other_pool = disk.pool and disk.pool_there not in ("", disk.pool)
    return bool(disk.path) and (disk.there != disk.path or bool(other_pool))
