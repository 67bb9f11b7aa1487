"""Whatever fails, in whatever order: what must never happen does not."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.core.runs import Run
from tests.core.scripted import World
from tests.core.scripted_plugin import ScriptedPlugin
from tests.requirements import requirement
from virtmigrate import Manager
from virtmigrate.capabilities import Form
from virtmigrate.errors import AnswerLost, HostError, HostUnreachable, leaves
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome

CALLS = [
    "begin",
    "prepare",
    "perform",
    "finish(go)",
    "finish(cancelled)",
    "confirm(go)",
    "confirm(cancelled)",
    *(
        f"{side}.{verb}"
        for side in ("source", "destination")
        for verb in ("suspend", "resume", "destroy", "undefine", "define")
    ),
]
ERRORS = [HostError, HostUnreachable, AnswerLost, ValueError]
PLUGIN = ScriptedPlugin(World())
MANAGER = Manager([PLUGIN], discover=False)
RECORDS = ["intent", "record", "captured", "commit", "rollback", "verdict", "end"]


@dataclass
class Trouble:
    """One thing that goes wrong: at most `times` times."""

    call: str
    when: str
    error: type[Exception]
    times: int = 1
    seen: int = field(default=0, compare=False)

    def __call__(self, world):
        self.seen += 1
        if self.seen <= self.times:
            raise self.error("it goes wrong")


troubles = st.builds(
    Trouble,
    call=st.sampled_from(CALLS),
    when=st.sampled_from(["before", "after"]),
    error=st.sampled_from(ERRORS),
    times=st.integers(1, 3),
)
silences = st.tuples(
    st.sampled_from(CALLS[:7]),
    st.sampled_from(["before", "after"]),
    st.sampled_from("ab"),
    st.booleans(),
)
"""At this call this host falls silent: for good, or until the next call."""
asks = st.fixed_dictionaries(
    {},
    optional={
        name: st.booleans()
        for name in ("live", "persist_dest", "undefine_source", "paused", "p2p")
    },
)


def silence(world, call, when, host, stays):
    def fall_silent(world):
        world.down.add(host)

    def wake(world):
        world.down.discard(host)

    world.breaks(call, when, fall_silent)
    if not stays:
        for other in set(CALLS) - {call}:
            world.breaks(other, "before", wake)


def configured(world):
    return bool(world.configurations())


@given(
    style=st.sampled_from(["qemu", "coma", "vz", "emulated"]),
    state=st.sampled_from([RunState.RUNNING, RunState.PAUSED]),
    persistent=st.booleans(),
    asked=asks,
    wrong=st.lists(troubles, max_size=3),
    silent=st.lists(silences, max_size=1),
    records=st.sets(st.sampled_from(RECORDS), max_size=1),
)
@settings(max_examples=300)
@requirement("lost.decision-table")
@requirement("lost.run-state")
@requirement("lost.configuration")
def test_the_invariants_hold_whatever_fails(
    style, state, persistent, asked, wrong, silent, records
):
    gone = style in ("vz", "emulated")
    forms = (Form.DRIVEN, Form.PEER_TO_PEER)
    world = World(state, persistent, gone=gone, declared={"forms": forms})
    for trouble in wrong:
        world.breaks(trouble.call, trouble.when, trouble)
    for one in silent:
        silence(world, *one)
    PLUGIN.world = world
    run = Run(world, style=style, manager=MANAGER)
    run.journal.broken = {(kind, "") for kind in records}
    try:
        result = run.migrate(**asked)
    except ExceptionGroup as refused:
        result = refused
    if isinstance(result, ExceptionGroup):
        assert world.calls == []
        assert all(error.exit_code == 2 for error in leaves(result))
        return
    event(f"{style}: {result.outcome}")
    judge(world, result, state, persistent, asked)
    settled = result.outcome
    world.down.clear()
    world.at.clear()
    run.journal.broken = set()
    if run.journal.entries()[0].closed is None:
        again = run.migrator.recover("m1")
        event(f"{style}: {settled}, then {again.outcome}")
        judge(world, again, state, persistent, asked)


def judge(world, result, state, persistent, asked):
    """What must hold at every end."""
    here, there = world.hosts["a"], world.hosts["b"]
    assert world.wrongs == []
    consented = asked.get("persist_dest") is False and asked.get("undefine_source")
    if persistent and not consented:
        assert configured(world)
    if result.outcome is Outcome.SUCCEEDED:
        assert there.state.active
        assert not here.state.active
        stays = asked.get("paused", state is RunState.PAUSED)
        assert there.state is (RunState.PAUSED if stays else RunState.RUNNING)
    elif result.outcome is Outcome.ROLLED_BACK:
        assert here.state is state
        assert there.state is not RunState.RUNNING
        if "clean_destination" not in result.obligations:
            assert not there.state.active
        assert (here.persistent is not None) is persistent
    else:
        assert RunState.RUNNING not in (here.state, there.state) or result.reason
