"""What stands in the way between two mock hosts, seen before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput, Side
from virtmigrate.plan import Finding, Level
from virtmigrate_mock import domxml
from virtmigrate_mock.host import mock_host

if TYPE_CHECKING:
    from virtmigrate.context import PlanContext


def findings(request: PlanContext) -> list[Finding]:
    """Other worlds, other styles, definitions in the way, definitions that are none."""
    source, target = mock_host(request.source), mock_host(request.destination)
    same_kind = source.style.name == target.style.name
    table = (
        (
            source.world.label != target.world.label,
            "other-world",
            Side.BOTH,
            target.name,
            "the hosts are in different worlds",
            "name hosts of one world",
        ),
        (
            not same_kind,
            "other-style",
            Side.BOTH,
            target.name,
            f"a {source.style.name} guest can't move to a {target.style.name} host",
            f"name a {source.style.name} host",
        ),
        (
            target.style.always_persistent and request.there.persistent,
            "already-defined",
            Side.DESTINATION,
            request.guest.name,
            "the destination has a definition of this guest already",
            "remove that definition first",
        ),
    )
    rows = [*table, *_paths(request)] if target.style.moves_disks else table
    found = [
        Finding(
            id=key,
            level=Level.BLOCKER,
            side=side,
            subject=subject,
            message=message,
            remedy=remedy,
            evidence=f"{source.world.label}: {source.style.name}, {target.style.name}",
        )
        for holds, key, side, subject, message, remedy in rows
        if holds
    ]
    return found + _documents(request)


def _paths(request: PlanContext) -> list[tuple[bool, str, Side, str, str, str]]:
    """Disks whose path would be another one where definitions can't be changed."""
    return [
        (
            disk.path != disk.there,
            "disk-elsewhere",
            Side.DESTINATION,
            disk.target,
            f"{disk.path} would be {disk.there} there, and its path can't be changed",
            "give the destination a pool of the same directory",
        )
        for disk in request.disks
    ]


def _documents(request: PlanContext) -> list[Finding]:
    found: list[Finding] = []
    options = request.options
    for option, text in (
        ("dest_xml", options.dest_xml),
        ("persist_xml", options.persist_xml),
    ):
        if text is None:
            continue
        try:
            domain = domxml.read(text)
        except BadInput as error:
            message, remedy = error.message, error.remedy or ""
        else:
            if domain.uuid == request.guest.uuid:
                continue
            message = "it describes another guest (its UUID differs)"
            remedy = "keep the guest's UUID"
        found.append(
            Finding(
                id=f"bad-{option.replace('_', '-')}",
                level=Level.BLOCKER,
                side=Side.REQUEST,
                subject=option,
                message=message,
                remedy=remedy,
                evidence="the document that was given",
            )
        )
    return found
