"""What of a request can't be, whatever the hosts have: read without asking them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate.plan import Finding, Level
from virtmigrate_libvirt.host import ours
from virtmigrate_libvirt.xml import parse
from virtmigrate_qemu import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from virtmigrate.context import PlanContext

SAID = "its definition at the source"


def findings(request: PlanContext) -> list[Finding]:
    """Everything that was seen.

    Args:
        request: The hosts, the guest, the request.
    """
    return [finding for look in LOOKS for finding in look(request)]


def _blocker(
    name: str,
    request: PlanContext,
    message: str,
    remedy: str,
    evidence: str,
    side: Side = Side.SOURCE,
) -> Finding:
    return Finding(
        id=name,
        level=Level.BLOCKER,
        side=side,
        subject=request.guest.name,
        message=message,
        remedy=remedy,
        evidence=evidence,
    )


def _io_error(request: PlanContext) -> Iterable[Finding]:
    paused = request.sighting.state is RunState.PAUSED_IOERROR
    if paused and request.options.abort_on_error:
        yield _blocker(
            "paused-on-io-error",
            request,
            "the guest is paused on an I/O error, and --abort-on-error was asked for",
            "mend its disk and resume it, or leave --abort-on-error out",
            f"state: {request.sighting.state}",
        )


def _rdma(request: PlanContext) -> Iterable[Finding]:
    """Memory that is pinned needs a limit (`qemuDomainMigratePerform3Params`)."""
    uri, live = request.options.migrate_uri or "", request.definitions.live
    if uri.startswith("rdma:") and live and not parse(live).hard_limit:
        yield _blocker(
            "rdma-without-limit",
            request,
            "a move by RDMA pins memory, and the guest has no hard limit",
            "set <memtune><hard_limit> in its definition",
            "its definition has no <hard_limit>",
        )


def _peer(request: PlanContext) -> Iterable[Finding]:
    """The destination as the source's daemon will look for it."""
    if not (request.options.p2p or request.options.tunnelled):
        return
    uri = request.destination.uri
    host = urlsplit(uri).hostname or ""
    if host.startswith("localhost") or (not host and "socket=" not in uri):
        yield _blocker(
            "peer-uri-is-local",
            request,
            f"{uri} means the source itself when its daemon opens it",
            "name the destination as the source sees it, or leave --p2p out",
            uri,
            Side.DESTINATION,
        )


def _documents(request: PlanContext) -> Iterable[Finding]:
    """The caller's own documents, before any daemon sees them."""
    actual = request.definitions.live or request.definitions.persistent or ""
    for option, text in (
        ("dest_xml", request.options.dest_xml),
        ("persist_xml", request.options.persist_xml),
    ):
        for message, remedy in documents.faults(option, text, actual):
            yield Finding(
                id=f"bad-{option.replace('_', '-')}",
                level=Level.BLOCKER,
                side=Side.REQUEST,
                subject=option,
                message=message,
                remedy=remedy,
                evidence="the document as it was given",
            )


def _own_definitions(request: PlanContext) -> Iterable[Finding]:
    """What the source would have the destination run."""
    texts = (request.definitions.live, request.definitions.persistent)
    emulators = ours(request.destination).emulators
    seen: dict[str, Finding] = {}
    for document in map(parse, filter(None, texts)):
        for check, message, remedy in documents.dangers(
            document, emulators, request.insecure
        ):
            found = _blocker(f"runs-{check}", request, message, remedy, SAID)
            seen.setdefault(check, found)
    return seen.values()


def _emulated(request: PlanContext) -> Iterable[Finding]:
    """Dirty pages that QEMU's emulation forgets.

    `cpu_physical_memory_sync_dirty_bitmap` clears a page's bit without telling the
    emulated CPU's translation cache when the page was to be sent anyway. Seen with
    7.2.22: stale pages after a move of six passes. A coma has one pass.
    """
    live, running = request.definitions.live, request.sighting.state
    goes_live = request.options.live is not False and running is RunState.RUNNING
    if live and goes_live and parse(live).kind == "qemu":
        yield Finding(
            id="emulated-dirty-pages",
            level=Level.WARNING,
            side=Side.SOURCE,
            subject=request.guest.name,
            message="QEMU's software emulation can lose writes to hot pages in a live "
            "move of several passes (seen with 7.2.22)",
            remedy="--no-live is safe; guests on KVM are not concerned",
            evidence="its definition: type='qemu'",
        )


LOOKS: tuple[Callable[[PlanContext], Iterable[Finding]], ...] = (
    _io_error,
    _rdma,
    _peer,
    _documents,
    _own_definitions,
    _emulated,
)
