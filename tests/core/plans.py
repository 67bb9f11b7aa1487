"""Plans without hosts: negotiated from declarations."""

from __future__ import annotations

from dataclasses import replace

from tests.core.declared import UUID, ends
from virtmigrate import Options
from virtmigrate.negotiation import form_of, settle
from virtmigrate.plan import HostFacts, Plan
from virtmigrate.steps import compile_steps, two_step
from virtmigrate.timers import with_timers


def plan_between(both, options, policy=None, **fields):
    """The plan for two declarations and a guest."""
    settlement = settle(options, both)
    form, why = form_of(settlement, both)
    after = both.source.source_after_perform
    two = two_step(settlement, form, after)
    return Plan(
        guest=both.guest,
        source=host(both.source),
        destination=host(both.destination),
        settlement=settlement,
        form=form,
        form_why=why,
        two_step=two,
        source_after_perform=after,
        knobs=both.source.knobs,
        policy=with_timers(policy, options),
        steps=compile_steps(settlement, both.guest, form, two=two),
        **fields,
    )


def plan_possible(both, asked):
    """A plan for as much of a request as these hosts accept; never refused."""
    accepted = {}
    try:
        plan_between(both, Options())
    except ExceptionGroup:
        both = replace(ends(), guest=both.guest)
    for name, answer in asked.items():
        try:
            plan_between(both, Options(**accepted, **{name: answer}))
        except ExceptionGroup:
            continue
        accepted[name] = answer
    return plan_between(both, Options(**accepted))


def host(capabilities):
    """One end of a plan."""
    return HostFacts(
        uri=f"scripted:///{capabilities.host}",
        hypervisor=capabilities.hypervisor,
        name=capabilities.host,
        uuid=capabilities.host_uuid,
        versions=capabilities.versions,
    )


def plan_of(*, uuid=UUID, policy=None, **asked):
    """A plan between two qemu-like hosts."""
    both = ends()
    plan = plan_between(both, Options(**asked), policy)
    guest = plan.guest.model_copy(update={"uuid": uuid})
    return plan.model_copy(update={"guest": guest})
