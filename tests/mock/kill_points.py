"""Every moment at which a controller can die, from the steps of its plan.

    python -m tests.mock.kill_points      counts, and whatever went wrong

A kill point is a step and a moment of it: before its intent is written, after it, in
the middle of the step (after its first call to a host), after its last call, after its
record. Points come from the plans, so that a step which is new is killed as well.
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

from virtmigrate import Manager, MemoryJournal, Migrator, Options
from virtmigrate.host import RunState
from virtmigrate.phases import Outcome
from virtmigrate_mock import World
from virtmigrate_mock.connection import Connection
from virtmigrate_mock.disk_state import GuestDisk
from virtmigrate_mock.faults import ControllerKilled

MANAGER = Manager()
MOMENTS = ("unintended", "intended", "in-call", "called", "recorded")
STORAGE = ("make_disks", "remove_source_disks")
"""Steps of many calls: the controller is killed after each of them."""
CALLS = tuple(f"in-call-{number}" for number in range(2, 7))
STYLES = ("qemu-like", "vz-like")
STATES = {
    "running": {},
    "transient": {"persistent": False},
    "paused": {"state": RunState.PAUSED},
    "shutoff": {"state": RunState.SHUTOFF},
}
ASKED = {
    "bare": {},
    "coma": {"live": False},
    "peer-to-peer": {"p2p": True},
    "not-persistent": {"persist_dest": False},
    "source-kept": {"undefine_source": False},
    "config-undone": {"persist_dest": False, "undefine_source": False},
    "all-emulated": {"live": False, "persist_dest": False, "undefine_source": False},
    "lands-paused": {"paused": True},
    "disks-removed": {"remove_source_disks": True},
}
WITHOUT_DISKS = [asked for asked in ASKED if asked != "disks-removed"]
WITH_DISKS = ("bare", "coma", "peer-to-peer", "source-kept", "disks-removed")
IMAGE, HERE, THERE = "g.img", "a:/images", "b:/images"
SETTLED = (Outcome.SUCCEEDED, Outcome.ROLLED_BACK)


@dataclass
class Killer(MemoryJournal):
    """A journal that kills the controller at one step's moment.

    Attributes:
        step: Which step.
        moment: When.
        armed: The how-manieth call to a host from now on is the last; 0: none.
        struck: Whether it has struck.
        way: A connection of the controller.
    """

    step: str = ""
    moment: str = ""
    armed: int = 0
    struck: bool = False
    way: Connection | None = field(default=None, repr=False)

    def __post_init__(self):
        MemoryJournal.__init__(self)

    def kill(self):
        """End it, with all its connections, as SIGKILL would."""
        self.armed, self.struck = 0, True
        self.way.kill_controller()

    def append(self, migration, kind, at, body, *, durable):
        here = body.get("step") == self.step and not self.struck
        before = {"intent": "unintended", "record": "called"}.get(kind)
        after = {"intent": "intended", "record": "recorded"}.get(kind)
        if here and before == self.moment:
            self.kill()
        super().append(migration, kind, at, body, durable=durable)
        if here and after == self.moment:
            self.kill()
        if here and kind == "intent" and self.moment.startswith("in-call"):
            self.armed = int(self.moment.removeprefix("in-call").lstrip("-") or 1)


@contextmanager
def watched(killer):
    """All calls to hosts pass by the killer."""
    original = Connection.call

    def call(connection, *words, **more):
        killer.way = connection
        answer = original(connection, *words, **more)
        if killer.armed:
            killer.armed -= 1
            if not killer.armed:
                killer.kill()
        return answer

    Connection.call = call
    try:
        yield
    finally:
        Connection.call = original


@dataclass(frozen=True)
class Case:
    """One guest in one world, and what is asked for."""

    style: str
    state: str
    asked: str
    disks: bool = False

    def __str__(self):
        disks = "-disks" if self.disks else ""
        return f"{self.style}-{self.state}-{self.asked}{disks}"

    def world(self):
        """A fresh one."""
        world = World.create("kill", style=self.style, replace=True)
        disks = []
        if self.disks:
            for host in "ab":
                world.add_pool(host, "images", "/images")
            disks = [GuestDisk(f"/images/{IMAGE}", size_mib=64, write_mib_s=1)]
        world.add_guest("a", "g", memory_mib=64, disks=disks, **STATES[self.state])
        return world

    def migrator(self, world, journal):
        return Migrator(manager=MANAGER, journal=journal, clock=world.clock)

    def points(self):
        """Step and moment of each kill; none where the request is refused."""
        world = self.world()
        mover = self.migrator(world, MemoryJournal())
        try:
            plan = mover.plan("g", world.uri("a"), world.uri("b"), self.options())
        except ExceptionGroup:
            return []
        steps = [(step.id, step.hook) for step in plan.steps]
        found = [(*step, moment) for step in steps for moment in MOMENTS]
        many = [step for step in steps if step[1] in STORAGE]
        return found + [(*step, moment) for step in many for moment in CALLS]

    def options(self):
        return Options(**ASKED[self.asked])


CASES = [Case(*each) for each in itertools.product(STYLES, STATES, WITHOUT_DISKS)]
CASES += [
    Case(*each, disks=True)
    for each in itertools.product(STYLES, ("running", "shutoff"), WITH_DISKS)
]


def killed(case, step, moment):
    """Kill it there, recover, recover again; (what was wrong, outcome or None).

    None: this run does not come to that moment.
    """
    world = case.world()
    before = world.copies("g")["a"]
    uuid, was, kept = before.uuid, before.state, before.persistent_xml is not None
    journal = Killer(step=step, moment=moment)
    mover = case.migrator(world, journal)
    with watched(journal):
        try:
            mover.migrate("g", world.uri("a"), world.uri("b"), case.options())
        except ControllerKilled:
            journal.struck = True
    if not journal.struck:
        return [], None
    left = [entry.migration for entry in journal.entries() if entry.closed is None]
    if not left:
        return judged(case, world, uuid, None, (was, kept)), Outcome.SUCCEEDED
    wrong = []
    result = case.migrator(world, journal).recover(left[0])
    history = len(world.state().history)
    again = case.migrator(world, journal).recover(left[0])
    if again.outcome is not result.outcome or len(world.state().history) != history:
        wrong.append(f"a second recovery did something: {again.outcome}")
    case.migrator(world, journal).settle()
    wrong += judged(case, world, uuid, result, (was, kept))
    return wrong, result.outcome


def judged(case, world, uuid, result, before):
    """What of the invariants does not hold at the end."""
    was, kept = before
    wrong = misplaced(case, world, result) if case.disks else []
    vanishes = case.options().persist_dest is False or not kept
    wrong += world.violations(may_vanish=(uuid,) if vanishes else ())
    copies = world.copies("g")
    active = {host: copy.state for host, copy in copies.items() if copy.state.active}
    if result is not None and result.outcome not in SETTLED:
        return wrong if active or not was.active else [*wrong, "no image is left"]
    if was.active and len(active) != 1:
        wrong.append(f"active on {sorted(active) or 'no host'}")
    lands = RunState.PAUSED if case.options().paused else was
    moved = result is None or result.outcome is Outcome.SUCCEEDED
    for host, state in active.items():
        wanted = lands if moved and host == "b" else was
        if state is not wanted:
            wrong.append(f"{state} on {host}, not {wanted}")
    if kept and not vanishes and not any(c.persistent_xml for c in copies.values()):
        wrong.append("no definition is left")
    return wrong


def misplaced(case, world, result):
    """Images that are where they should not be, or are not where they should."""
    images = world.images()
    if result is not None and result.outcome is Outcome.ROLLED_BACK:
        right = {HERE: [IMAGE], THERE: []}
    elif result is None or result.outcome is Outcome.SUCCEEDED:
        went = case.style == "vz-like" or case.options().remove_source_disks
        cold = case.state == "shutoff" and case.style == "qemu-like"
        right = {HERE: [] if went and not cold else [IMAGE]}
        right[THERE] = [] if cold else [IMAGE]
    else:
        return []
    return [] if images == right else [f"images: {images}"]


def main():
    """Run all, and print counts."""
    runs, outcomes, names, wrong = 0, Counter(), set(), []
    for case in CASES:
        for step, hook, moment in case.points():
            found, outcome = killed(case, step, moment)
            if outcome is None:
                continue
            runs += 1
            outcomes[str(outcome)] += 1
            names.add(f"{hook}/{moment}")
            wrong += [f"{case} {step} {moment}: {text}" for text in found]
    print(f"{len(names)} kill points, {len(CASES)} cases, {runs} runs")
    print(", ".join(f"{count} {word}" for word, count in outcomes.most_common()))
    print("\n".join(wrong) or "no invariant was broken")


if __name__ == "__main__":
    main()
