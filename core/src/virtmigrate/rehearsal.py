"""The way between two hosts, tried by a guest of no worth before a real one takes it.

No hypervisor answers whether a port is open, a certificate good or an ssh key known to
the other daemon: that shows when memory begins to move. So a stand-in (paused, without
disks or networks, with next to no memory) is started at the source, moved by what the
request says of the way, and ended. It has a name and a UUID of which anybody can tell
whose it is and from when: what a killed controller left, the next rehearsal removes.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from virtmigrate.carrying import carried_out
from virtmigrate.errors import HostError, Side, VirtmigrateError, leaves
from virtmigrate.handle import NEVER, new_id
from virtmigrate.host import RunState
from virtmigrate.journal import MemoryJournal
from virtmigrate.options import Options
from virtmigrate.plan import Finding, Level, Rehearsal
from virtmigrate.planning import Request, make_plan
from virtmigrate.presets import preset
from virtmigrate.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from virtmigrate.api import Migrator
    from virtmigrate.context import PlanContext
    from virtmigrate.host import Host
    from virtmigrate.plan import Plan
    from virtmigrate.planning import Tried
    from virtmigrate.results import Result

NAME = "virtmigrate-rehearsal-"
LONGEST_S = 20.0
"""A stand-in that is not there by then is taken back."""
STALE_S = 600.0
"""An older one was left by a controller that was killed."""
WAY = (
    *("p2p", "direct", "tunnelled", "tls", "parallel", "one_step"),
    *("migrate_uri", "listen_address", "parallel_connections", "tls_destination"),
)
"""What of a request says how memory gets to the other host."""
BETWEEN = "see what is between the hosts; without --rehearse the guest itself tries it"


def tried_first(
    migrator: Migrator,
    wanted: Request,
    uris: tuple[str, str],
    *,
    asked: bool,
    cancel: threading.Event = NEVER,
) -> Request:
    """The request, with its way tried first if that was asked for.

    Args:
        migrator: Its plugins, clock and checks serve the rehearsal, nothing else of it:
            neither its connections nor its journal.
        wanted: The request.
        uris: Source and destination.
        asked: Whether the caller wants it.
        cancel: Set it to have the stand-in taken back.
    """
    if not asked:
        return wanted
    aside = type(migrator)(
        manager=migrator.manager,
        journal=MemoryJournal(),
        clock=migrator.clock,
        insecure=migrator.insecure,
    )
    return replace(wanted, rehearse=partial(rehearse, aside, uris, cancel))


def rehearse(
    migrator: Migrator,
    uris: tuple[str, str],
    cancel: threading.Event,
    request: PlanContext,
) -> Tried:
    """Try the way.

    Args:
        migrator: One of its own (`tried_first`).
        uris: Source and destination.
        cancel: Set it to have the stand-in taken back.
        request: What the way is for.

    Returns:
        What came of it, and a blocker where a stand-in could not get there.
    """
    if why := _pointless(request):
        return Rehearsal(tried=False, why=why), []
    try:
        with migrator.doors.pair(*uris) as hosts:
            return _on_stage(migrator, hosts, request, cancel)
    except* VirtmigrateError as group:
        why = "; ".join(dict.fromkeys(map(str, leaves(group))))
    finally:
        migrator.doors.shut()
    return _not_tried(why), []


def said_of_way(plan: Plan) -> Callable[[PlanContext], Tried] | None:
    """What came of it when a plan was made, so that its like can be made again."""
    rehearsal = plan.rehearsal
    return None if rehearsal is None else lambda _: (rehearsal, [])


def _pointless(request: PlanContext) -> str:
    """Why there is nothing to try, "" where there is."""
    here, there = request.source, request.destination
    if here.hypervisor != there.hypervisor or here.uuid == there.uuid:
        return "these hosts have no way between them"
    if request.options.offline or not request.sighting.state.active:
        return "only a definition moves"
    return ""


def _not_tried(why: str, left: str = "") -> Rehearsal:
    return Rehearsal(tried=False, why=redact(why), left=left)


def _on_stage(
    migrator: Migrator,
    hosts: tuple[Host, Host],
    request: PlanContext,
    cancel: threading.Event,
) -> Tried:
    """A stand-in for each way that the guest would take, one after the other."""
    here, there = hosts
    name = f"{NAME}{here.uuid[:8]}-{there.uuid[:8]}"
    for host in hosts:
        _swept(host, name, migrator.clock.wall())
    began, left, closed = migrator.clock.now(), "", []
    stage = replace(request, source=here, destination=there)
    for way in _ways(request):
        result, left = _played(migrator, stage, name, way, cancel)
        if result is None:
            return _not_tried(f"{here.hypervisor} brings no stand-in"), []
        if cancel.is_set():
            return _not_tried("it was cancelled", left), []
        if not result.succeeded:
            closed.append(_closed(result))
        if left or closed:
            break
    went = "could not get" if closed else "went"
    return Rehearsal(
        tried=True,
        arrived=not closed,
        seconds=migrator.clock.now() - began,
        why=f"a stand-in {went} from {here.name} to {there.name}",
        left=left,
    ), closed


def _ways(request: PlanContext) -> Iterator[Options]:
    """What the request says of the way of memory; and, where it names one, of disks."""
    options = request.options
    said = {name: getattr(options, name) for name in WAY}
    memory = {name: value for name, value in said.items() if value is not None}
    yield Options.checked(memory)
    host = _host_of(options.migrate_uri or "") or request.destination.name
    port = options.disks_port
    uri = options.disks_uri or (f"tcp://{host}:{port}" if port else "")
    if uri.startswith("tcp:") and any(disk.copied for disk in request.disks):
        yield Options.checked(memory | {"migrate_uri": uri})


def _host_of(uri: str) -> str:
    """The host of `tcp://HOST:PORT` or `tcp:HOST:PORT`, as URIs do; "" = none."""
    place = uri.partition(":")[2].removeprefix("//")
    try:
        host = urlsplit(f"//{place}").hostname or ""
    except ValueError:  # a bracket that is not closed: the plan tells of that
        return ""
    return f"[{host}]" if ":" in host else host


def _played(
    migrator: Migrator,
    stage: PlanContext,
    name: str,
    way: Options,
    cancel: threading.Event,
) -> tuple[Result | None, str]:
    """Start one, move it, end it wherever it is; None = there is no such thing here.

    Raises:
        HostError: It did not set out.
        ExceptionGroup: Of `Refused`: it may not go this way.
    """
    hosts = stage.source, stage.destination
    guest = identity(name, migrator.clock.wall(), os.urandom(2).hex())
    relay = migrator.manager.relay(stage.source.hypervisor)
    result = None
    try:
        if relay.stand_in(stage, name, guest):
            result = _moved(migrator, hosts, guest, way, stage.insecure, cancel)
    except BaseException as error:
        left = _ended(hosts, guest)
        # Whoever interrupts it wants an end of everything, not a plan without it.
        if left and isinstance(error, Exception):
            raise HostError(left, side=Side.BOTH, subject=name) from error
        raise
    return result, _ended(hosts, guest)


def identity(name: str, wall_s: float, salt: str) -> str:
    """The UUID of a stand-in of this name: when it was made, and that it is one.

    Args:
        name: Its name.
        wall_s: When.
        salt: Four hexadecimal digits: two that begin at once are two.
    """
    began = f"{int(wall_s) & 0xFFFFFFFF:08x}{salt}"
    rest = hashlib.sha256(f"{began}/{name}".encode()).hexdigest()[:20]
    return str(uuid.UUID(began + rest))


def _swept(host: Host, name: str, wall_s: float) -> None:
    """Remove what a killed controller left there under this name.

    Raises:
        HostError: It is no stand-in, or one that may be moving now.
    """
    holder = host.name_taken_by(name)
    if holder is None:
        return
    made_s = int(holder[:8], 16)
    if holder != identity(name, made_s, holder[9:13]):
        raise _taken(host, f"a guest that is none of ours is called {name}")
    if wall_s - made_s < STALE_S:
        raise _taken(host, f"another rehearsal of this pair may be under way: {name}")
    _end(host, holder)


def _taken(host: Host, why: str) -> HostError:
    return HostError(f"{host.name}: {why}", side=host.side, subject=host.name)


def _moved(
    migrator: Migrator,
    hosts: tuple[Host, Host],
    guest: str,
    way: Options,
    insecure: frozenset[str],
    cancel: threading.Event,
) -> Result:
    """Move it; nothing of that is written down."""
    policy = preset().limited(max_total_s=LONGEST_S)
    wanted = Request(guest, way, policy, insecure=insecure)
    planned = make_plan(migrator.manager, wanted, *hosts)
    return carried_out(migrator, new_id(), planned, hosts, cancel)


def _ended(hosts: tuple[Host, Host], guest: str) -> str:
    """End it on both hosts; gives what could not be done."""
    left = []
    for host in hosts:
        try:
            _end(host, guest)
        except VirtmigrateError as error:
            left.append(f"a stand-in was left on {host.name}: {error.message}")
    return redact("; ".join(left))


def _end(host: Host, guest: str) -> None:
    """End one stand-in there, if there is one."""
    found = host.guest_by_uuid(guest)
    seen = found.look()
    if seen.state is RunState.UNREACHABLE:
        raise HostError(seen.why, side=host.side, subject=host.name)
    if seen.state.active:
        found.destroy()
    if seen.persistent:
        found.undefine()


def _closed(result: Result) -> Finding:
    """The blocker that a real guest would have met with its memory on the way."""
    side, told, remedy = Side.BOTH, result.limit or result.reason, BETWEEN
    if result.faults:
        fault = result.faults[0]
        side, told, remedy = Side(fault.side), fault.message, fault.remedy or BETWEEN
    return Finding(
        id="way-closed",
        level=Level.BLOCKER,
        side=side,
        subject="rehearsal",
        message=redact(f"a stand-in could not get there: {told}"),
        remedy=redact(remedy),
        evidence=redact(f"{result.outcome}: {result.reason}"),
    )
