"""The hooks of virtmigrate-mock: each hands over to the module that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.hookspecs import hookimpl
from virtmigrate_mock import destination_side, preflight, source_side, stand_in
from virtmigrate_mock.disks import disks
from virtmigrate_mock.gauge import gauge
from virtmigrate_mock.host import MockHypervisor, mock_host

if TYPE_CHECKING:
    import typer

    from virtmigrate.capabilities import Capabilities
    from virtmigrate.context import Context, PlanContext
    from virtmigrate.disks import Disk
    from virtmigrate.forecast import Workload
    from virtmigrate.host import Host
    from virtmigrate.phases import Fate
    from virtmigrate.plan import Finding


@hookimpl
def virtmigrate_hypervisors() -> list[MockHypervisor]:
    """The hypervisor `mock`."""
    return [MockHypervisor()]


@hookimpl
def virtmigrate_capabilities(host: Host) -> Capabilities:
    """What the host's style declares."""
    return mock_host(host).declared()


@hookimpl
def virtmigrate_preflight(request: PlanContext) -> list[Finding]:
    """What stands in the way."""
    return preflight.findings(request)


@hookimpl
def virtmigrate_gauge(request: PlanContext, seconds: float) -> Workload | None:
    """What the guest does to its memory."""
    return gauge(mock_host(request.source), request.guest.uuid, seconds)


@hookimpl
def virtmigrate_stand_in(request: PlanContext, name: str, uuid: str) -> bool:
    """A guest of next to nothing."""
    return stand_in.start(mock_host(request.source), name, uuid)


@hookimpl
def virtmigrate_disks(request: PlanContext) -> list[Disk]:
    """What the guest's definition says of its disks."""
    return disks(request)


@hookimpl
def virtmigrate_begin(ctx: Context) -> bytes:
    """Begin at the source."""
    return source_side.begin(ctx)


@hookimpl
def virtmigrate_prepare(ctx: Context, cookie: bytes) -> bytes:
    """Prepare at the destination."""
    return destination_side.prepare(ctx, cookie)


@hookimpl
def virtmigrate_perform(ctx: Context, cookie: bytes) -> bytes:
    """Perform at the source."""
    return source_side.perform(ctx, cookie)


@hookimpl
def virtmigrate_finish(ctx: Context, fate: Fate) -> bytes:
    """Finish at the destination."""
    return destination_side.finish(ctx, fate)


@hookimpl
def virtmigrate_confirm(ctx: Context, fate: Fate) -> bool:
    """Confirm at the source."""
    return source_side.confirm(ctx, fate)


@hookimpl
def virtmigrate_cli(app: typer.Typer) -> None:
    """`virtmigrate mock …`."""
    from virtmigrate_mock.cli import app as ours  # noqa: PLC0415 - it needs typer

    app.add_typer(ours)
