"""Bound relays: whose hook is called, in which order, and what it may answer."""

from __future__ import annotations

import pytest

from tests.core.contexts import context, found_by, request
from tests.core.declared import NATIVE, declaration
from tests.core.runs import Run
from tests.core.scripted import World
from tests.core.scripted_plugin import ScriptedHypervisor, ScriptedPlugin
from tests.requirements import requirement
from virtmigrate import Fate, Manager, Side, hookimpl
from virtmigrate.errors import BadInput, HostError, PluginError, leaves
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate.plan import Finding, Level

ORDER = ["begin", "prepare", "perform", "finish", "confirm"]


class Plugin:
    """Only registration; tests add the hooks that they are about."""

    def __init__(self, name, **hooks):
        self.hypervisor = ScriptedHypervisor(World())
        self.hypervisor.name, self.hypervisor.schemes = name, frozenset({name})
        for hook, function in hooks.items():
            setattr(self, f"virtmigrate_{hook}", hookimpl(function))

    @hookimpl
    def virtmigrate_hypervisors(self):
        return [self.hypervisor]


class Crosscut:
    """A plugin without a hypervisor."""

    def __init__(self, **hooks):
        for hook, function in hooks.items():
            setattr(self, f"virtmigrate_{hook}", hookimpl(function))


def relay(*plugins, to="near"):
    return Manager(plugins, discover=False).relay(to)


@pytest.fixture
def ctx(world):
    return context(world)


@requirement("plugin.own-side")
def test_another_hypervisors_plugin_is_never_reached(ctx):
    called = []
    far = {
        hook: (lambda ctx, hook=hook: called.append(hook))
        for hook in (*ORDER, "enter_coma", "leave_coma", "undo_persist")
    }
    near = {"perform": lambda ctx: b"near"}
    bound = relay(Plugin("near", **near), Plugin("far", **far))
    bound.begin(ctx)
    bound.prepare(ctx, b"")
    assert bound.perform(ctx, b"") == b"near"
    bound.finish(ctx, b"", Fate.CANCELLED)
    bound.confirm(ctx, b"", Fate.CANCELLED)
    bound.enter_coma(ctx)
    bound.leave_coma(ctx)
    assert called == []


@requirement("plugin.override")
@requirement("hooks.defaults")
def test_the_nearest_implementation_wins(ctx):
    def says(word):
        return lambda ctx: word

    crosscut = Crosscut(begin=says(b"crosscut"))
    assert relay(Plugin("near")).begin(ctx) == b""
    assert relay(Plugin("near"), crosscut).begin(ctx) == b"crosscut"
    near = Plugin("near", begin=says(b"near"))
    assert relay(crosscut, near).begin(ctx) == b"near"
    assert relay(near, crosscut).begin(ctx) == b"near"


@requirement("plugin.override")
def test_none_passes_the_question_on(ctx):
    near = Plugin("near", begin=lambda ctx: None)
    assert relay(near, Crosscut(begin=lambda: b"next")).begin(ctx) == b"next"


@requirement("plugin.override")
def test_a_plugin_overrides_an_emulation_by_implementing_its_hook(world):
    world.gone = True
    plugin = ScriptedPlugin(world)
    seen = []

    def frozen(ctx):
        seen.append(ctx.guest.name)
        ctx.guest.suspend()
        return True

    plugin.virtmigrate_enter_coma = hookimpl(frozen)
    Manager([plugin], discover=False).relay("scripted").enter_coma(context(world))
    assert seen == ["demo"]
    assert world.calls == ["source.suspend"]


def test_fewer_arguments_are_enough(ctx):
    near = Plugin("near", finish=lambda: b"done", confirm=lambda fate: True)
    assert relay(near).finish(ctx, b"x", Fate.GO) == b"done"
    relay(near).confirm(ctx, b"x", Fate.GO)


# Answers ------------------------------------------------------------------------------

WRONG = {
    "capabilities": (None, {"live": True}, "yes", 7),
    "begin": ("text", bytearray(b"x"), 7, True, [b"x"]),
    "prepare": ("text",),
    "perform": (None, "text", 0),
    "finish": ("text", 1),
    "confirm": ("yes", 1, b"x"),
    "enter_coma": ("yes",),
    "leave_coma": (1,),
    "restore_run_state": ("running",),
    "undo_persist": (b"",),
    "restore_source": ("<domain/>",),
}
ARGUMENTS = {
    "capabilities": lambda ctx: (ctx.source,),
    "prepare": lambda ctx: (ctx, b""),
    "perform": lambda ctx: (ctx, b""),
    "finish": lambda ctx: (ctx, b"", Fate.GO),
    "confirm": lambda ctx: (ctx, b"", Fate.GO),
    "restore_run_state": lambda ctx: (ctx, RunState.RUNNING),
}


@pytest.mark.parametrize(
    ("hook", "answer"),
    [(hook, answer) for hook, answers in WRONG.items() for answer in answers],
    ids=lambda part: str(part)[:20],
)
@requirement("plugin.isolated")
def test_an_answer_of_the_wrong_type_is_the_plugins_error(ctx, hook, answer):
    bound = relay(Plugin("near", **{hook: lambda: answer}))
    arguments = ARGUMENTS.get(hook, lambda ctx: (ctx,))(ctx)
    with pytest.raises(PluginError) as caught:
        getattr(bound, hook)(*arguments)
    assert f"near: {hook} gave" in caught.value.message
    assert caught.value.subject == hook


@pytest.mark.parametrize("hook", WRONG)
@requirement("plugin.isolated")
def test_what_a_plugin_raises_stays_in_the_tree(ctx, hook):
    def fails(error):
        def hook_():
            raise error

        return relay(Plugin("near", **{hook: hook_}))

    arguments = ARGUMENTS.get(hook, lambda ctx: (ctx,))(ctx)
    ours = HostError("the daemon said no", side=ctx.source.side)
    with pytest.raises(HostError) as caught:
        getattr(fails(ours), hook)(*arguments)
    assert caught.value is ours
    for error in (ValueError("oops"), ExceptionGroup("x", [BadInput("y")])):
        with pytest.raises(PluginError) as broken:
            getattr(fails(error), hook)(*arguments)
        assert f"near: {hook} raised {type(error).__name__}" in broken.value.message
        assert broken.value.__cause__ is error


@pytest.mark.parametrize("answer", ["text", 7, [7], {"id": "x"}, [[]]], ids=str)
@requirement("plugin.isolated")
def test_findings_of_the_wrong_type_are_the_plugins_error(world, answer):
    bound = relay(Plugin("near", preflight=lambda: answer))
    with pytest.raises(PluginError, match="near: preflight gave") as caught:
        found_by(bound, request(world))
    assert caught.value.subject == "preflight"


def test_a_hypervisor_that_declares_nothing_must():
    with pytest.raises(PluginError) as caught:
        relay(Plugin("near")).capabilities(None)
    assert caught.value.remedy == "the plugin must implement it"


def test_a_declaration_of_options_that_do_not_exist_is_the_plugins_error():
    near = Plugin("near", capabilities=lambda: declaration("a", {"livee": NATIVE}))
    with pytest.raises(PluginError, match="options that do not exist") as caught:
        relay(near).capabilities(None)
    assert caught.value.subject == "livee"


# Wrappers -----------------------------------------------------------------------------


class Witness:
    """A cross-cutting plugin around every phase: sees cookies in and out."""

    def __init__(self, fails_before="", fails_after=""):
        self.seen = []
        self.fails_before, self.fails_after = fails_before, fails_after

    def _around(self, phase, cookie, fate=Fate.GO):
        if phase == self.fails_before and fate is Fate.GO:
            raise HostError(f"the audit refuses {phase}")
        answer = yield
        if fate is Fate.GO:
            self.seen.append((phase, cookie, answer))
        if phase == self.fails_after and fate is Fate.GO:
            raise HostError(f"the audit refuses what {phase} did")
        return answer

    @hookimpl(wrapper=True)
    def virtmigrate_begin(self, ctx):
        return (yield from self._around("begin", b""))

    @hookimpl(wrapper=True)
    def virtmigrate_prepare(self, cookie):
        return (yield from self._around("prepare", cookie))

    @hookimpl(wrapper=True)
    def virtmigrate_perform(self, cookie):
        return (yield from self._around("perform", cookie))

    @hookimpl(wrapper=True)
    def virtmigrate_finish(self, cookie, fate):
        return (yield from self._around("finish", cookie, fate))

    @hookimpl(wrapper=True)
    def virtmigrate_confirm(self, cookie, fate):
        return (yield from self._around("confirm", cookie, fate))


COOKIES = [
    ("begin", b"", b"from-begin"),
    ("prepare", b"from-begin", b"from-prepare"),
    ("perform", b"from-prepare", b"from-perform"),
    ("finish", b"from-perform", b"from-finish"),
    ("confirm", b"from-finish", True),
]


@requirement("plugin.wrappers")
def test_wrappers_see_the_real_cookies_of_each_phase(world):
    witness = Witness()
    result = Run(world, (witness,)).migrate()
    assert result.outcome is Outcome.SUCCEEDED
    assert witness.seen == COOKIES
    assert world.cookies == {
        "begin": b"",
        "prepare": b"from-begin",
        "perform": b"from-prepare",
        "finish(go)": b"from-perform",
        "confirm(go)": b"from-finish",
    }


@pytest.mark.parametrize("phase", ["begin", "prepare", "perform"])
@pytest.mark.parametrize("when", ["fails_before", "fails_after"])
@requirement("plugin.wrappers")
@requirement("hooks.wrapper-undoes")
def test_a_wrapper_that_fails_a_phase_before_commit_undoes_what_came_before(
    world, phase, when
):
    result = Run(world, (Witness(**{when: phase}),)).migrate()
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.faults[0].step == phase
    assert "the audit refuses" in result.faults[0].message
    assert world.hosts["a"].state is RunState.RUNNING
    assert world.hosts["b"].state is RunState.ABSENT
    assert world.wrongs == []
    assert ("finish(cancelled)" in world.calls) is (phase != "begin")
    assert "confirm(cancelled)" in world.calls


@pytest.mark.parametrize(
    ("phase", "when", "outcome"),
    [
        ("finish", "fails_before", Outcome.ROLLED_BACK),
        ("finish", "fails_after", Outcome.SUCCEEDED),
        ("confirm", "fails_before", Outcome.SUCCEEDED),
        ("confirm", "fails_after", Outcome.SUCCEEDED),
    ],
)
@requirement("plugin.wrappers")
@requirement("switch.observed")
def test_a_wrapper_that_fails_after_commit_changes_no_truth(
    world, phase, when, outcome
):
    result = Run(world, (Witness(**{when: phase}),)).migrate()
    assert result.outcome is outcome
    assert result.faults[0].step == phase
    assert world.wrongs == []
    runs = "b" if outcome is Outcome.SUCCEEDED else "a"
    assert world.hosts[runs].state is RunState.RUNNING


@requirement("say.all-at-once")
@requirement("hooks.preflight-collected")
def test_findings_of_every_plugin_refuse_together(world):
    def blocker(name):
        return Finding(
            id=name,
            level=Level.BLOCKER,
            side=Side.SOURCE,
            subject=name,
            message=f"{name} says no",
            remedy="ask it",
        )

    plugins = [Crosscut(preflight=lambda n=n: [blocker(n)]) for n in ("one", "two")]
    with pytest.raises(ExceptionGroup) as caught:
        Run(world, tuple(plugins)).migrate(tunnelled=True, offline=True)
    subjects = {error.subject for error in leaves(caught.value)}
    assert subjects >= {"one", "two", "offline-of-running-guest"}
    assert world.calls == []
