"""The hooks of the vz plugin: each hands over to a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.hookspecs import hookimpl
from virtmigrate_libvirt.disks import disks_of
from virtmigrate_libvirt.gauge import gauge
from virtmigrate_libvirt.host import ours
from virtmigrate_vz import capabilities, forms, preflight
from virtmigrate_vz.hypervisor import VzHypervisor

if TYPE_CHECKING:
    from virtmigrate.capabilities import Capabilities
    from virtmigrate.context import Context, PlanContext
    from virtmigrate.disks import Disk
    from virtmigrate.forecast import Workload
    from virtmigrate.host import Host
    from virtmigrate.phases import Fate
    from virtmigrate.plan import Finding


@hookimpl
def virtmigrate_hypervisors() -> list[VzHypervisor]:
    return [VzHypervisor()]


@hookimpl
def virtmigrate_capabilities(host: Host) -> Capabilities:
    return capabilities.declare(ours(host))


@hookimpl
def virtmigrate_preflight(request: PlanContext) -> list[Finding]:
    return preflight.findings(request)


@hookimpl
def virtmigrate_disks(request: PlanContext) -> list[Disk]:
    return disks_of(request)


@hookimpl
def virtmigrate_gauge(request: PlanContext, seconds: float) -> Workload | None:
    host, uuid = ours(request.source), request.guest.uuid
    return gauge(host, uuid, request.definitions, 0, differs=False)


@hookimpl
def virtmigrate_begin(ctx: Context) -> bytes:
    return forms.of(ctx).begin(ctx)


@hookimpl
def virtmigrate_prepare(ctx: Context, cookie: bytes) -> bytes:
    return forms.of(ctx).prepare(ctx, cookie)


@hookimpl
def virtmigrate_perform(ctx: Context, cookie: bytes) -> bytes:
    return forms.of(ctx).perform(ctx, cookie)


@hookimpl
def virtmigrate_finish(ctx: Context, cookie: bytes, fate: Fate) -> bytes:
    return forms.of(ctx).finish(ctx, cookie, fate)


@hookimpl
def virtmigrate_confirm(ctx: Context, cookie: bytes, fate: Fate) -> bool | None:
    return forms.of(ctx).confirm(ctx, cookie, fate)
