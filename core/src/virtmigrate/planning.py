"""From a request to a plan: ask both hosts, negotiate, collect every refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.context import PlanContext
from virtmigrate.errors import Refused, leaves
from virtmigrate.negotiation import Ends, form_of, settle
from virtmigrate.plan import Finding, GuestFacts, HostFacts, Level, Plan
from virtmigrate.preflight import blockers
from virtmigrate.steps import compile_steps, two_step
from virtmigrate.together import remote, together

if TYPE_CHECKING:
    from virtmigrate.capabilities import Capabilities
    from virtmigrate.host import Definitions, Guest, Host, Sighting
    from virtmigrate.manager import Manager
    from virtmigrate.options import Options
    from virtmigrate.plan import Settlement


def make_plan(
    manager: Manager, guest_ref: str, source: Host, destination: Host, options: Options
) -> Plan:
    """Plan one migration. Nothing is changed on either host.

    Args:
        manager: The plugins.
        guest_ref: Name or UUID at the source.
        source: An open host.
        destination: An open host.
        options: The request.

    Raises:
        GuestNotFound: No such guest at the source.
        ExceptionGroup: Of `Refused`: every reason why it can't be done.
    """
    request = _request(manager, guest_ref, source, destination, options)
    refusals: list[BaseException] = []
    settlement: Settlement | None = None
    facts, ends = _facts(request)
    try:
        settlement = settle(options, ends)
        form, why = form_of(settlement, ends)
    except* Refused as group:
        refusals += leaves(group)
    findings = _findings(manager, request)
    refusals += [f.refusal() for f in findings if f.level is Level.BLOCKER]
    if settlement is None or refusals:
        msg = f"{facts.name} can't move as asked"
        raise ExceptionGroup(msg, [e for e in refusals if isinstance(e, Exception)])
    after = ends.source.source_after_perform
    two = two_step(settlement, form, after)
    return Plan(
        guest=facts,
        source=_host(source, ends.source),
        destination=_host(destination, ends.destination),
        settlement=settlement,
        form=form,
        form_why=why,
        two_step=two,
        source_after_perform=after,
        progress=ends.source.progress,
        findings=tuple(findings),
        steps=compile_steps(settlement, facts, form, two=two),
    )


def _request(
    manager: Manager, guest_ref: str, source: Host, destination: Host, options: Options
) -> PlanContext:
    def here() -> tuple[Guest, Sighting, Definitions, Capabilities]:
        guest = source.guest(guest_ref)
        declared = manager.relay(source.hypervisor).capabilities(source)
        return guest, guest.look(), guest.definitions(), declared

    def there() -> Capabilities:
        return manager.relay(destination.hypervisor).capabilities(destination)

    (guest, sighting, definitions, declared), away = together(
        here, there, apart=remote(source, destination)
    )
    return PlanContext(
        options=options,
        source=source,
        destination=destination,
        guest=guest,
        sighting=sighting,
        definitions=definitions,
        there=destination.guest_by_uuid(guest.uuid).look(),
        source_capabilities=declared,
        destination_capabilities=away,
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
    return HostFacts(
        uri=host.uri,
        hypervisor=host.hypervisor,
        name=host.name,
        uuid=host.uuid,
        versions=capabilities.versions,
    )
