"""What stands in the way of a Virtuozzo guest: read from both hosts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Finding, Level
from virtmigrate_vz import dispatcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from virtmigrate.context import PlanContext

URI = re.compile(r"vzmigr://[A-Za-z0-9.\[\]:_-]+?(:[0-9]{1,5})?")
"""`vzmigr://host[:port]`: a path, even `/`, is refused (`vzParseVzURI`)."""


def findings(request: PlanContext) -> list[Finding]:
    """Everything that was seen.

    Raises:
        HostError: A host could not be asked.
    """
    found = [*_requested(request), *_registered(request), *_hostname(request)]
    return [*found, *_paths(request), *dispatcher.findings(request)]


def _requested(request: PlanContext) -> Iterator[Finding]:
    uri = request.options.migrate_uri
    if uri is not None and not URI.fullmatch(uri):
        yield _blocker(
            "bad-migrate-uri",
            (Side.REQUEST, "migrate_uri"),
            f"{uri!r} is no address of a Virtuozzo dispatcher",
            "write vzmigr://HOST or vzmigr://HOST:PORT, and nothing after it",
            "what was asked for",
        )


def _registered(request: PlanContext) -> Iterator[Finding]:
    """Virtuozzo registers a guest once, and replaces nothing.

    Of one that is active there, or of the same host twice, the core warns: nobody may
    be told to undefine a guest that runs, as that deletes it.
    """
    same = request.source.uuid == request.destination.uuid
    if request.there.persistent and not request.there.state.active and not same:
        yield _blocker(
            "already-registered",
            (Side.DESTINATION, request.guest.name),
            "a guest of this UUID is registered at the destination already",
            "undefine the one there, if it is not needed",
            "it is persistent there",
        )


def _hostname(request: PlanContext) -> Iterator[Finding]:
    name = request.destination.name
    if request.options.migrate_uri is None and name.startswith("localhost"):
        yield _blocker(
            "destination-is-localhost",
            (Side.DESTINATION, name),
            "the destination calls itself localhost, where the source would not find "
            "it",
            "give it its name, or say --migrateuri vzmigr://HOST",
            f"its hostname: {name}",
        )


def _paths(request: PlanContext) -> Iterator[Finding]:
    """Where an image is, or would be made, is where the definition says it is."""
    for disk in request.disks:
        if disk.path and disk.there != disk.path:
            directory = disk.path.rpartition("/")[0]
            yield _blocker(
                "disk-elsewhere",
                (Side.DESTINATION, disk.target),
                f"disk {disk.target} would be {disk.there} there, and Virtuozzo takes "
                f"no other definition than that with {disk.path}",
                f"have its storage at {directory} there too, and a storage pool of it",
                disk.evidence,
            )


def _blocker(
    name: str, where: tuple[Side, str], message: str, remedy: str, evidence: str
) -> Finding:
    side, subject = where
    return Finding(
        id=name,
        level=Level.BLOCKER,
        side=side,
        subject=subject,
        message=message,
        remedy=remedy,
        evidence=evidence,
    )
