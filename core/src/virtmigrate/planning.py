"""From a request to a plan: ask both hosts, negotiate, collect every refusal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from virtmigrate import insecure, unheld
from virtmigrate.able import able
from virtmigrate.again import OPTION
from virtmigrate.context import Captured, PlanContext
from virtmigrate.disk_plan import switches
from virtmigrate.disk_writes import because, why_synchronous, written_mib_s
from virtmigrate.errors import Refused, VirtmigrateError, leaves
from virtmigrate.findings import as_finding, ignoring, look, of_rehearsal
from virtmigrate.forecast import Link, foresee
from virtmigrate.host import Definitions, RunState
from virtmigrate.negotiation import Ends, attempted, form_of
from virtmigrate.options import Options
from virtmigrate.plan import GuestFacts, HostFacts, Level, Plan, Report
from virtmigrate.proving import disks_of
from virtmigrate.sharing import Known
from virtmigrate.steps import compile_steps, two_step
from virtmigrate.streams import choices, packed
from virtmigrate.timers import with_timers
from virtmigrate.together import remote, together
from virtmigrate.wishes import settle_first

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from virtmigrate.capabilities import Capabilities, Form
    from virtmigrate.disks import Disk
    from virtmigrate.forecast import Workload
    from virtmigrate.host import Host, Sighting
    from virtmigrate.manager import Manager
    from virtmigrate.plan import Finding, Rehearsal, Settlement
    from virtmigrate.policy import Policy

    Tried = tuple[Rehearsal, list[Finding]]


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
        ignore: Ids of findings that do not matter (`findings.ignorable`).
        synchronous: Why synchronous writes to disks are wished, where that is known
            before anything is measured.
        wished: What its policy wishes, where that is known from an earlier plan.
        rehearse: Tries the way (`rehearsal.py`); None = it is not tried.
    """

    guest: str
    options: Options = field(default_factory=Options)
    policy: Policy | None = None
    measure_s: float = 0.0
    link: Callable[[str, str], Link | None] = lambda here, there: None
    insecure: frozenset[str] = frozenset()
    known: Known = field(default_factory=Known)
    ignore: frozenset[str] = frozenset()
    synchronous: str = ""
    wished: Mapping[str, object] | None = None
    rehearse: Callable[[PlanContext], Tried] | None = None


@dataclass(frozen=True, slots=True)
class Unplanned:
    """Why there is no plan.

    Attributes:
        report: What was seen all the same.
        errors: Every reason, one at least.
    """

    report: Report
    errors: list[Exception]

    def error(self) -> Exception:
        """To be raised: a host's failure as it is, if it is the only reason."""
        if len(self.errors) == 1 and not isinstance(self.errors[0], Refused):
            return self.errors[0]
        msg = f"{self.report.guest.name} can't move as asked"
        return ExceptionGroup(msg, self.errors)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what was seen for it.

    Attributes:
        plan: It.
        seen: Both sides as they were, where that is the whole of what the capture step
            would ask: the guest at the source, and nothing of it at the destination.
    """

    plan: Plan
    seen: Captured | None = None


def make_plan(
    manager: Manager, wanted: Request, source: Host, destination: Host
) -> Planned:
    """Plan one migration. Nothing is changed on either host.

    Args:
        manager: The plugins.
        wanted: The request.
        source: An open host.
        destination: An open host.

    Raises:
        GuestNotFound: No such guest at the source.
        ExceptionGroup: Of `Refused`: every reason why it can't be done; and with them
            of what kept the hypervisor's plugin from looking.
        VirtmigrateError: The latter, by itself.
    """
    found = survey(manager, wanted, source, destination)
    if isinstance(found, Unplanned):
        raise found.error()
    return found


def check(manager: Manager, wanted: Request, source: Host, destination: Host) -> Report:
    """The same as a report, whatever stands in the way.

    Raises:
        GuestNotFound: No such guest at the source.
        VirtmigrateError: A host can't be asked about the guest at all.
    """
    found = survey(manager, wanted, source, destination)
    if isinstance(found, Unplanned):
        return found.report
    plan = found.plan
    return Report(
        guest=plan.guest,
        source=plan.source,
        destination=plan.destination,
        settlement=plan.settlement,
        rehearsal=plan.rehearsal,
        disks=plan.disks,
        findings=plan.findings,
        plan=plan,
    )


def survey(
    manager: Manager, wanted: Request, source: Host, destination: Host
) -> Planned | Unplanned:
    """A plan, or all that stands in its way. Arguments as `make_plan`."""
    request = _request(manager, wanted, source, destination)
    facts, ends = _facts(request)
    workload = _workload(manager, request, wanted.measure_s)
    request, in_the_way = _tried(manager, wanted, request)
    disks = request.disks
    link = _link(wanted, wanted.options, source.uri, destination.uri)
    agreed = _agreed(wanted, ends, workload, disks, link)
    settlement, form = agreed.settlement, agreed.form
    in_the_way += unheld.findings(agreed.policy, ends)
    if settlement is not None:
        request = replace(request, effective=settlement.effective())
    looked = look(manager, request)
    findings, unavoidable = ignoring(
        [*insecure.findings(wanted.insecure), *in_the_way, *looked.findings],
        wanted.ignore,
    )
    refusals = [*agreed.refusals, *unavoidable, *looked.errors]
    if settlement is None or form is None or refusals or any(map(_blocks, findings)):
        told = settlement or attempted(wanted.options, ends)
        return _unplanned(request, ends, (told, disks), refusals, findings)
    after = ends.source.source_after_perform
    two = two_step(settlement, form, after)
    plan = Plan(
        guest=facts,
        source=_host(source, ends.source),
        destination=_host(destination, ends.destination),
        settlement=settlement,
        form=form,
        form_why=agreed.why,
        two_step=two,
        source_after_perform=after,
        progress=ends.source.progress,
        knobs=ends.source.knobs,
        policy=agreed.policy,
        insecure=tuple(sorted(wanted.insecure)),
        ignore=tuple(sorted(wanted.ignore)),
        workload=workload,
        rehearsal=request.rehearsal,
        disks=disks,
        findings=tuple(findings),
        steps=compile_steps(settlement, facts, form, disks, two=two),
    )
    foretold = _foretold(plan, link) if wanted.measure_s else plan
    return Planned(foretold, _seen(request))


def _tried(
    manager: Manager, wanted: Request, request: PlanContext
) -> tuple[PlanContext, list[Finding]]:
    """What had to be tried: whether its disks are shared, and the way."""
    disks, found = disks_of(manager, request, wanted.known)
    request = replace(request, disks=disks) if disks else request
    if wanted.rehearse is None:
        return request, found
    rehearsal, closed = wanted.rehearse(request)
    told = [*found, *closed, *of_rehearsal(rehearsal)]
    return replace(request, rehearsal=rehearsal), told


@dataclass(slots=True)
class _Agreed:
    """What both hosts' declarations come to, as far as they agree."""

    policy: Policy
    settlement: Settlement | None = None
    form: Form | None = None
    why: str = ""
    refusals: list[BaseException] = field(default_factory=list)


def _agreed(
    wanted: Request,
    ends: Ends,
    workload: Workload | None,
    disks: Sequence[Disk],
    link: Link | None,
) -> _Agreed:
    """Settle every option, with what the policy wishes and the disks need."""
    options = wanted.options
    found = _Agreed(with_timers(wanted.policy, options))
    slow = wanted.synchronous or why_synchronous(workload, disks, link)
    more = {OPTION: True} if slow else {}
    wishes = [{**w, **more} for w in _wishes(found.policy, wanted, workload, link)]
    try:
        settled = settle_first(options, ends, wishes, switches(disks, options))
        found.settlement = because(settled, slow)
        found.form, found.why = form_of(found.settlement, ends)
    except* Refused as group:
        found.refusals += leaves(group)
    return found


def _wishes(
    policy: Policy, wanted: Request, workload: Workload | None, link: Link | None
) -> tuple[Mapping[str, object], ...]:
    """What the policy wants of this guest on this link, the best first."""
    if wanted.wished is not None:
        return (wanted.wished,)
    return choices(policy, wanted.options, workload, link)


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
        link and packed(link, options, plan.workload),
        can,
        runs=runs,
        delta=delta,
        disk_bytes=plan.copy_bytes,
        disk_mib_s=written_mib_s(plan.workload, plan.disks),
    )
    return plan.model_copy(update={"forecast": told})


def _request(
    manager: Manager, wanted: Request, source: Host, destination: Host
) -> PlanContext:
    guest = source.guest(wanted.guest)

    def here() -> tuple[Sighting, Definitions, Capabilities]:
        declared = manager.relay(source.hypervisor).capabilities(source)
        return guest.look(), guest.definitions(), declared

    def there() -> tuple[Sighting, Capabilities]:
        declared = manager.relay(destination.hypervisor).capabilities(destination)
        return destination.guest_by_uuid(guest.uuid).look(), declared

    (sighting, definitions, declared), (twin, away) = together(
        here, there, apart=remote(source, destination)
    )
    return PlanContext(
        options=wanted.options,
        source=source,
        destination=destination,
        guest=guest,
        sighting=sighting,
        definitions=definitions,
        there=twin,
        source_capabilities=declared,
        destination_capabilities=away,
        insecure=wanted.insecure,
    )


def _seen(request: PlanContext) -> Captured | None:
    gone = (RunState.ABSENT, RunState.UNREACHABLE)
    here, there = request.sighting, request.there
    if here.state in gone or there.state is not RunState.ABSENT:
        return None
    return Captured(here, request.definitions, there, Definitions(None, None))


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


def _blocks(finding: Finding) -> bool:
    return finding.level is Level.BLOCKER


def _unplanned(
    request: PlanContext,
    ends: Ends,
    decided: tuple[Settlement, tuple[Disk, ...]],
    refusals: list[BaseException],
    findings: list[Finding],
) -> Unplanned:
    errors = [error for error in refusals if isinstance(error, VirtmigrateError)]
    report = Report(
        guest=ends.guest,
        source=_host(request.source, ends.source),
        destination=_host(request.destination, ends.destination),
        settlement=decided[0],
        rehearsal=request.rehearsal,
        disks=decided[1],
        findings=(*map(as_finding, errors), *findings),
    )
    return Unplanned(report, [*errors, *(f.refusal() for f in findings if _blocks(f))])


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
