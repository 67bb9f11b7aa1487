"""The hooks: what a host of paper can do, and how a guest moves."""

from virtmigrate import Fate, hookimpl
from virtmigrate.capabilities import Capabilities, How, Progress, Support
from virtmigrate.errors import HostError, JobAborted
from virtmigrate.host import RunState
from virtmigrate_paper.hypervisor import PAGES, PaperHypervisor

PAGE_S = 0.005
EITHER = Support(on=How.NATIVE, off=How.NATIVE)
LIVE = Support(on=How.INHERENT, off=How.EMULATED, default=True)
SWITCHES = {"live": LIVE, "paused": EITHER}
SWITCHES |= {"persist_dest": EITHER, "undefine_source": EITHER}


@hookimpl
def virtmigrate_hypervisors():
    return [PaperHypervisor()]


@hookimpl
def virtmigrate_capabilities(host):
    who = {"hypervisor": "paper", "host": host.name, "host_uuid": host.uuid}
    how = {"progress": Progress.PERCENT, "offline_by_plain_move": True}
    return Capabilities(**who, switches=SWITCHES, **how)


@hookimpl
def virtmigrate_begin(ctx):
    return ctx.guest.name.encode()


@hookimpl
def virtmigrate_prepare(ctx, cookie):
    if ctx.plan.guest.state.active:
        ctx.arrival.write(name=cookie.decode(), state=RunState.PAUSED_MIGRATION)
    return cookie


@hookimpl
def virtmigrate_perform(ctx, cookie):
    if not ctx.plan.guest.state.active:
        return cookie  # no pages
    for page in range(PAGES):
        ctx.guest.write(page=page)
        ctx.clock.sleep(PAGE_S)
        ctx.engine.pulse()  # progress, cancel and timers live there
        if not ctx.guest.look().job:
            raise JobAborted("the transfer was aborted", side=ctx.source.side)
    ctx.guest.turn(RunState.PAUSED_MIGRATION)
    ctx.guest.write(page=None)
    ctx.arrival.write(cpu_s=ctx.guest.cpu_s())
    return cookie


@hookimpl
def virtmigrate_finish(ctx, fate):
    active, had = ctx.plan.guest.state.active, ctx.captured.definitions
    if fate is Fate.GO:
        if active and not ctx.arrival.look().state.active:
            raise HostError("nothing has arrived", side=ctx.destination.side)
        if ctx.options.persist_dest:
            ctx.destination.define(had.persistent or had.live)
        if active:
            ctx.arrival.suspend()
    # None: the core's default resumes it, or clears it away.


@hookimpl
def virtmigrate_confirm(ctx, fate):
    state = ctx.guest.look().state
    if fate is Fate.CANCELLED and state is RunState.PAUSED_MIGRATION:
        was = ctx.captured.source.state
        ctx.guest.turn(RunState.PAUSED if ctx.suspended else was)
    # None: the core's default retires it after GO.
