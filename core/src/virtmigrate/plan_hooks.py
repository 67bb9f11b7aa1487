# mypy: disable-error-code="empty-body"
"""The contract's hooks that a plan asks (see `hookspecs.py`): nothing is moved yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtmigrate.context import PlanContext
    from virtmigrate.disks import Disk
    from virtmigrate.forecast import Workload
    from virtmigrate.plan import Finding

hookspec = pluggy.HookspecMarker("virtmigrate")


@hookspec
def virtmigrate_preflight(request: PlanContext) -> Sequence[Finding]:
    """Look for everything that stands in the way. Change nothing.

    Fires while a plan is made; collected from the hypervisor's plugin (unless the other
    host is another hypervisor's), the cross-cutting plugins and the core: each by
    itself, at the same time where hosts are `remote`. What a cross-cutting one raises
    is a warning in the plan, unless it is a `Refused`.

    :param request: The hosts, the guest, what was asked for (`options`), and what will
        be in effect, wishes of the policy among it (`effective`; None = not known).
    :return: Findings; one of level `blocker` refuses the plan.

    Example::

        @hookimpl
        def virtmigrate_preflight(request):
            if request.guest.name.startswith("pinned-"):
                return [Finding(id="pinned", level=Level.BLOCKER, side=Side.SOURCE,
                                subject=request.guest.name, message="it is pinned",
                                remedy="unpin it")]
            return []

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_gauge(request: PlanContext, seconds: float) -> Workload | None:
    """Say how large a running guest's memory is, and how fast it is written.

    Fires while a plan is made, on the source's plugin. With `seconds` = 0 say what is
    known at once; else measure for about that long. Change nothing, and never measure
    in a way that could harm the guest. Whoever can look at its pages tells what writes
    change of one, and what one takes compressed (`Workload.pages`): whether differences
    (xbzrle) or compressed streams help shows in it.

    :param request: The hosts, the guest and what was asked for.
    :param seconds: How long may be measured, 0 = not at all.
    :return: Bytes of memory and the curve of distinct bytes written; None = no idea.

    Example::

        @hookimpl
        def virtmigrate_gauge(request, seconds):
            curve = ((1.0, 32 << 20),) if seconds else ()
            return Workload(memory_bytes=1 << 30, curve=curve, basis=("it says so",))

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_stand_in(request: PlanContext, name: str, uuid: str) -> bool | None:
    """Start a guest of no worth at the source, to try the way to the destination.

    Fires while a plan is made, on the source's plugin, if the caller asked for a
    rehearsal. The stand-in is paused, is lost when it is ended, has no disks and no
    networks, and as little memory as can be; the same program runs it that runs the
    guest. The core moves it by the same way, and ends it on both hosts.

    :param request: The hosts, the guest and what was asked for.
    :param name: Its name.
    :param uuid: Its identity.
    :return: True: it is there. None: this hypervisor brings none.

    Example::

        @hookimpl
        def virtmigrate_stand_in(request, name, uuid):
            request.source.start(name, uuid, memory_mib=1, paused=True)
            return True

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def virtmigrate_disks(request: PlanContext) -> Sequence[Disk]:
    """Say what disks a guest has.

    Fires while a plan is made, on the source's plugin. Tell what the definition says
    of each; whether the hosts share it, and what becomes of it, the core finds out,
    through both hosts' `storage` (`virtmigrate.storage.Storage`).

    :param request: The hosts, the guest and what was asked for.
    :return: Its disks, none for a guest without any.

    Example::

        @hookimpl
        def virtmigrate_disks(request):
            return [Disk(target="vda", path="/images/guest.img", format="raw")]

    .. versionadded:: 0.1
    """
