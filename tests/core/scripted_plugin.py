"""The plugin of the scripted world: registration and the five phases."""

from __future__ import annotations

from tests.core.scripted import (
    MOVING,
    SIDES,
    XML,
    Copy,
    ScriptedHost,
)
from virtmigrate.errors import HostUnreachable
from virtmigrate.hookspecs import hookimpl
from virtmigrate.host import CONTRACT, RunState
from virtmigrate.phases import Fate


class ScriptedHypervisor:
    """`scripted:///a` and `scripted:///b`."""

    name = "scripted"
    schemes = frozenset({"scripted"})
    contract = CONTRACT

    def __init__(self, world, plugin=None):
        self.plugin = plugin
        self.world = world

    def check_uri(self, uri):
        pass

    def connect(self, uri, side, clock):
        world = self.plugin.world if self.plugin else self.world
        name = uri.path.strip("/")
        if name in world.down:
            raise HostUnreachable("no connection", side=side)
        return ScriptedHost(name, world, str(uri))


class ScriptedPlugin:
    """Registration and the five phases; coma and undo are the core's defaults.

    Its world may be exchanged between two migrations.
    """

    def __init__(self, world):
        self.world = world

    def _phase(self, call, cookie, change, gives):
        world = self.world
        host = "b" if call.startswith(("prepare", "finish")) else "a"
        world.cookies[call] = cookie

        def carried_out():
            if host in world.down:
                raise HostUnreachable("no connection", side=SIDES[host])
            change()

        world.called(call, carried_out)
        return gives

    @hookimpl
    def virtmigrate_hypervisors(self):
        return [ScriptedHypervisor(self.world, self)]

    @hookimpl
    def virtmigrate_capabilities(self, host):
        return self.world.declare(host.name, **self.world.declared)

    @hookimpl
    def virtmigrate_disks(self, request):
        return self.world.disks

    @hookimpl
    def virtmigrate_begin(self, ctx):
        self.world.ctx = ctx
        return self._phase("begin", b"", lambda: None, b"from-begin")

    @hookimpl
    def virtmigrate_prepare(self, ctx, cookie):
        def change():
            if self.world.state.active:
                self.world.set("b", RunState.PAUSED_MIGRATION)

        return self._phase("prepare", cookie, change, b"from-prepare")

    @hookimpl
    def virtmigrate_perform(self, ctx, cookie):
        world = self.world

        def change():
            for _ in range(world.pulses):
                ctx.engine.pulse()
                world.clock.sleep(1.0)
                world.happen("transfer", "before")
            ran = world.hosts["a"].state is RunState.RUNNING
            if ran:  # a guest that was paused shows what it showed
                world.hosts["a"].state = RunState.PAUSED_MIGRATION
            if ctx.plan.form != "driven" or world.gone:
                self._land(ctx, ran=ran)

        return self._phase("perform", cookie, change, b"from-perform")

    def _land(self, ctx, *, ran):
        """The hypervisor completes it at the destination, and retires the source."""
        world = self.world
        world.moved()
        if ctx.options.persist_dest or world.gone:
            world.hosts["b"].persistent = XML
        if world.gone or ctx.options.undefine_source:
            world.hosts["a"] = Copy()
        else:
            world.hosts["a"].state = RunState.SHUTOFF
        lands_paused = ctx.plan.two_step or not ran or ctx.options.paused
        world.set("b", RunState.PAUSED if lands_paused else RunState.RUNNING)

    @hookimpl
    def virtmigrate_finish(self, ctx, cookie, fate):
        world = self.world

        def change():
            there = world.hosts["b"]
            if fate is Fate.CANCELLED:
                if there.state is RunState.PAUSED_MIGRATION:
                    world.end("b")
            elif there.state is RunState.PAUSED_MIGRATION:
                world.moved()
                if ctx.options.persist_dest:
                    there.persistent = XML
                paused = "restore_run_state" in {s.hook for s in ctx.plan.steps}
                running = ctx.landing is RunState.RUNNING and not paused
                world.set("b", RunState.RUNNING if running else RunState.PAUSED)
            elif not world.state.active:
                there.persistent, there.state = XML, RunState.SHUTOFF

        return self._phase(f"finish({fate})", cookie, change, b"from-finish")

    @hookimpl
    def virtmigrate_confirm(self, ctx, cookie, fate):
        world = self.world

        def change():
            here = world.hosts["a"]
            if fate is Fate.GO:
                if here.state in (RunState.PAUSED, *MOVING):
                    world.end("a")
                if ctx.options.undefine_source and not here.state.active:
                    here.persistent, here.state = None, RunState.ABSENT

        return self._phase(f"confirm({fate})", cookie, change, True)
