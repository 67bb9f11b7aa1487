"""From a request to a plan: ask both hosts, negotiate, collect every refusal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from virtmigrate import insecure
from virtmigrate.able import able
from virtmigrate.context import PlanContext
from virtmigrate.disk_plan import switches
from virtmigrate.errors import Refused, leaves
from virtmigrate.forecast import Link, foresee
from virtmigrate.host import RunState
from virtmigrate.negotiation import Ends, form_of
from virtmigrate.options import Options
from virtmigrate.plan import Finding, GuestFacts, HostFacts, Level, Plan
from virtmigrate.preflight import blockers
from virtmigrate.proving import disks_of
from virtmigrate.sharing import Known
from virtmigrate.steps import compile_steps, two_step
from virtmigrate.timers import with_timers
from virtmigrate.together import remote, together
from virtmigrate.wishes import settle_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.capabilities import Capabilities
    from virtmigrate.forecast import Workload
    from virtmigrate.host import Definitions, Guest, Host, Sighting
    from virtmigrate.manager import Manager
    from virtmigrate.plan import Settlement
    from virtmigrate.policy import Asked, Policy


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants.

    Attributes:
        guest: Name or UUID at the source.
        options: Yes, no or default, each.
        policy: How it is brought to an end; None = the default one.
        measure_s: Seconds in which the guest's writes are measured; 0 = they are not.
        link: What is known of the way between two hosts (URIs); None = nothing.
        insecure: Checks that the caller has switched off.
        known: What was proven of both hosts' storage a moment ago.
    """

    guest: str
    options: Options = field(default_factory=Options)
    policy: Policy | None = None
    measure_s: float = 0.0
    link: Callable[[str, str], Link | None] = lambda here, there: None
    insecure: frozenset[str] = frozenset()
    known: Known = field(default_factory=Known)


def make_plan(
    manager: Manager, wanted: Request, source: Host, destination: Host
) -> Plan:
    """Plan one migration. Nothing is changed on either host.

    Args:
        manager: The plugins.
        wanted: The request.
        source: An open host.
        destination: An open host.

    Raises:
        GuestNotFound: No such guest at the source.
        ExceptionGroup: Of `Refused`: every reason why it can't be done.
    """
    options = wanted.options
    request = _request(manager, wanted, source, destination)
    refusals: list[BaseException] = []
    settlement: Settlement | None = None
    facts, ends = _facts(request)
    policy = with_timers(wanted.policy, options)
    workload = _workload(manager, request, wanted.measure_s)
    disks, in_the_way = disks_of(manager, request, wanted.known)
    request = replace(request, disks=disks)
    try:
        link = _link(wanted, options, source.uri, destination.uri)
        settlement = settle_with(
            options,
            ends,
            _wishes(policy, options, workload, link),
            switches(disks, options),
        )
        form, why = form_of(settlement, ends)
    except* Refused as group:
        refusals += leaves(group)
    findings = [
        *insecure.findings(wanted.insecure),
        *in_the_way,
        *_findings(manager, request),
    ]
    refusals += [f.refusal() for f in findings if f.level is Level.BLOCKER]
    if settlement is None or refusals:
        msg = f"{facts.name} can't move as asked"
        raise ExceptionGroup(msg, [e for e in refusals if isinstance(e, Exception)])
    after = ends.source.source_after_perform
    two = two_step(settlement, form, after)
    plan = Plan(
        guest=facts,
        source=_host(source, ends.source),
        destination=_host(destination, ends.destination),
        settlement=settlement,
        form=form,
        form_why=why,
        two_step=two,
        source_after_perform=after,
        progress=ends.source.progress,
        knobs=ends.source.knobs,
        policy=policy,
        insecure=tuple(sorted(wanted.insecure)),
        workload=workload,
        disks=disks,
        findings=tuple(findings),
        steps=compile_steps(settlement, facts, form, disks, two=two),
    )
    return _foretold(plan, link) if wanted.measure_s else plan


def _wishes(
    policy: Policy,
    options: Options,
    workload: Workload | None,
    link: Link | None,
) -> dict[str, Asked]:
    """What the policy wants of this guest on this link.

    QEMU sends differences over one stream only (`migrate_caps_check`), and compresses
    only several (multifd).
    """
    if workload is None or options.compressed is False:
        return policy.wishes()
    if options.parallel:
        return policy.wishes(streams_mib_s=link.mib_s if link else None)
    return policy.wishes(workload.memory_bytes)


def _link(wanted: Request, options: Options, here: str, there: str) -> Link | None:
    """What is known of the way; asked only where it matters."""
    known = None
    if options.parallel or wanted.measure_s:
        known = wanted.link(here, there)
    cap = options.bandwidth_mib_s
    if cap and (known is None or cap < known.mib_s):
        return Link(float(cap), "--bandwidth", known.around_s if known else None)
    return known


def _workload(
    manager: Manager, request: PlanContext, measure_s: float
) -> Workload | None:
    """What the source's plugin can say of a guest that runs."""
    if request.sighting.state is not RunState.RUNNING:
        return None
    return manager.relay(request.source.hypervisor).gauge(request, measure_s)


def _foretold(plan: Plan, link: Link | None) -> Plan:
    """The plan with its forecast, where there is anything to foretell."""
    if plan.workload is None:
        return plan
    options = plan.settlement.effective()
    runs = options.live is True
    can = able(plan, options)
    delta = "xbzrle" in (options.compression_methods or ())
    told = foresee(
        plan.workload,
        plan.policy,
        link,
        can,
        runs=runs,
        delta=delta,
        disk_bytes=plan.copy_bytes,
    )
    return plan.model_copy(update={"forecast": told})


def _request(
    manager: Manager, wanted: Request, source: Host, destination: Host
) -> PlanContext:
    def here() -> tuple[Guest, Sighting, Definitions, Capabilities]:
        guest = source.guest(wanted.guest)
        declared = manager.relay(source.hypervisor).capabilities(source)
        return guest, guest.look(), guest.definitions(), declared

    def there() -> Capabilities:
        return manager.relay(destination.hypervisor).capabilities(destination)

    (guest, sighting, definitions, declared), away = together(
        here, there, apart=remote(source, destination)
    )
    return PlanContext(
        options=wanted.options,
        source=source,
        destination=destination,
        guest=guest,
        sighting=sighting,
        definitions=definitions,
        there=destination.guest_by_uuid(guest.uuid).look(),
        source_capabilities=declared,
        destination_capabilities=away,
        insecure=wanted.insecure,
    )


def _facts(request: PlanContext) -> tuple[GuestFacts, Ends]:
    facts = GuestFacts(
        name=request.guest.name,
        uuid=request.guest.uuid,
        state=request.sighting.state,
        persistent=request.sighting.persistent,
    )
    ends = Ends(
        request.source_capabilities,
        request.destination_capabilities,
        facts,
        defined_there=request.there.persistent,
    )
    return facts, ends


def _findings(manager: Manager, request: PlanContext) -> list[Finding]:
    """Findings of the hypervisor's plugin, the others', and the core's own, each once.

    No plugin is asked about a pair of which it knows but one half.
    """
    kind = request.source.hypervisor
    if kind != request.destination.hypervisor:
        return blockers(request)
    return list(dict.fromkeys(manager.relay(kind).preflight(request)))


def _host(host: Host, capabilities: Capabilities) -> HostFacts:
    versions = tuple(capabilities.versions.items())
    return _host_facts(host.uri, host.hypervisor, host.name, host.uuid, versions)


@lru_cache(maxsize=256)
def _host_facts(
    uri: str, kind: str, name: str, uuid: str, versions: tuple[tuple[str, str], ...]
) -> HostFacts:
    """The same few hosts, over and over: each is described once."""
    return HostFacts(
        uri=uri, hypervisor=kind, name=name, uuid=uuid, versions=dict(versions)
    )
