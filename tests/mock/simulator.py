"""Stories of a world in which anything may go wrong: one seed, one story, byte by byte.

    python -m tests.mock.simulator            1,000 seeds: counts, and what went wrong
    python -m tests.mock.simulator 17 18      these seeds, each with its whole log

A story is a guest, a request, a policy, a few faults in calls, and a few things that
people, links and hosts do meanwhile. The controller may be killed, also in recovery;
then hosts and links come back, and recovery has to find the one right end.
"""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field

from virtmigrate import Manager, MemoryJournal, Migrator, Options
from virtmigrate.errors import VirtmigrateError
from virtmigrate.host import RunState
from virtmigrate.planning import Request
from virtmigrate.presets import PRESETS
from virtmigrate.sharing import NONCE
from virtmigrate_mock import World
from virtmigrate_mock.disk_state import GuestDisk
from virtmigrate_mock.faults import ControllerKilled
from virtmigrate_mock.state import Fault

MANAGER = Manager()
SEEDS = 1000
ASKED = (
    {},
    {"live": False},
    {"p2p": True},
    {"postcopy": True},
    {"paused": True},
    {"persist_dest": False},
    {"undefine_source": False},
    {"persist_dest": False, "undefine_source": False},
    {"live": False, "persist_dest": False, "undefine_source": False},
    {"dest_name": "elsewhere"},
    {"timeout_s": 2, "timeout_suspend": True},
)
CALLS = ("begin", "prepare", "perform", "finish", "confirm")
STORAGE = ("make-image", "look-image", "delete-image", "pools")
PRIMITIVES = (
    "look",
    "definitions",
    "resume",
    "suspend",
    "destroy",
    "undefine",
    "define",
)
KINDS = ("error", "lost-answer", "unreachable", "hang", "delay", "crash-host")
KILL = "kill-controller"
HAPPENINGS = (
    *(
        "pause",
        "resume",
        "destroy",
        "undefine",
        "start",
        "reboot",
        "link-down",
        "crash",
    ),
)
ROUNDS = 5

ENDING = ("destroy", "start", "crash")


@dataclass
class Story:
    """What happened.

    Attributes:
        log: Line by line; the same for the same seed.
        outcome: Of the migration; "refused" if it did not begin.
        wrong: What must never be.
        calm: Whether nobody but us could end or start the guest.
    """

    log: list[str] = field(default_factory=list)
    outcome: str = ""
    wrong: list[str] = field(default_factory=list)
    calm: bool = True

    def tell(self, *words):
        """One line more."""
        self.log.append(" ".join(str(word) for word in words))


def told(seed):
    """The story of a seed."""
    dice, story = random.Random(seed), Story()
    storage = Storage(random.Random(f"storage of {seed}"))
    world, uuid, persistent, options = furnished(dice, story, storage)
    journal = MemoryJournal()
    mover = Migrator(manager=MANAGER, journal=journal, clock=world.clock)
    policy = policy_of(dice, story)
    script(dice, world, story)
    wanted = Request("g", options, policy)
    ends = world.uri("a"), world.uri("b")
    attempt(story, lambda: mover._migrate("m", wanted, ends, threading.Event()))
    for _ in range(ROUNDS):
        if all(entry.closed is not None for entry in journal.entries()):
            break
        healed(world)
        again = Migrator(manager=MANAGER, journal=journal, clock=world.clock)
        attempt(story, lambda again=again: again.recover("m"))
    if not journal.entries():
        story.outcome = story.outcome or "refused"
    healed(world)
    attempt(story, lambda: mover.settle() or None)
    for record in world.state().history:
        story.tell(f"{record.at:.9f}", record.what, record.host, record.detail)
    for entry in journal.entries():
        for record in journal.records(entry.migration):
            story.tell(record.seq, record.kind, f"{record.at:.9f}", record.body)
    vanishes = options.persist_dest is False or not persistent
    story.wrong = world.violations(may_vanish=(uuid,) if vanishes else ())
    owing = any(entry.owed for entry in journal.entries())
    if story.calm and not owing:
        story.wrong += storage.wrong(world, story.outcome)
    copies = {host.name: host.guests.get(uuid) for host in world.state().hosts.values()}
    active = [host for host, copy in copies.items() if copy and copy.state.active]
    if story.calm and len(active) != 1:
        story.wrong.append(f"active on {active or 'no host'} in the end")
    return story


class Storage:
    """What the hosts' storage is, and what is wrong with it; its own dice."""

    def __init__(self, dice):
        self.dice = dice
        self.kind = dice.choice(("none", "none", "none", "shared", "apart", "apart"))

    def furnish(self, world, story):
        """Pools for both hosts; the disks of the guest, and what goes wrong."""
        if self.kind == "none":
            return []
        directory = "nfs" if self.kind == "shared" else ""
        for host in "ab":
            world.add_pool(host, "images", "/images", directory=directory)
        if self.dice.random() < 0.4:
            kind = KILL if self.dice.random() < 0.5 else self.dice.choice(KINDS)
            when, nth = self.dice.choice(("before", "after")), self.dice.choice((1, 2))
            step = self.dice.choice(STORAGE)
            fault = Fault(step, kind, when, nth=nth, for_s=10.0)
            story.tell("storage fault", fault)
            story.calm &= fault.kind != "crash-host"
            world.script(fault)
        writes = self.dice.choice((0, 5))
        return [GuestDisk("/images/g.img", size_mib=200, write_mib_s=writes)]

    def wrong(self, world, outcome):
        """Images that are left over, or not there."""
        lies = {
            where: [name for name in names if not name.startswith(NONCE)]
            for where, names in world.images().items()
        }
        there = lies.get("b:/images")
        right = {"succeeded": ["g.img"], "rolled back": [], "refused": []}
        if self.kind == "apart" and right.get(outcome, there) != there:
            return [f"{outcome}, and images: {lies}"]
        shared = self.kind != "shared" or lies["nfs"] == ["g.img"]
        return [] if shared else [f"the shared image has gone: {lies}"]


def furnished(dice, story, storage):
    """A world with a guest, and what is asked for."""
    style = dice.choice(("qemu-like", "vz-like"))
    world = World.create(
        "story", style=style, link_mib_s=dice.choice((40, 200, 1000)), replace=True
    )
    with world.store as state:
        state.epoch = 1.8e9
    guest = {
        "memory_mib": dice.choice((16, 64, 256)),
        "dirty_mib_s": dice.choice((0, 8, 60)),
        "state": dice.choice((RunState.RUNNING,) * 4 + (RunState.PAUSED,)),
        "persistent": dice.random() < 0.9,
    }
    size, disks = guest["memory_mib"] / 2, storage.furnish(world, story)
    uuid = world.add_guest("a", "g", working_set_mib=size, disks=disks, **guest)
    asked = dice.choice(ASKED)
    story.tell(style, guest, asked, storage.kind)
    return world, uuid, guest["persistent"], Options(**asked)


def policy_of(dice, story):
    """One of the presets, with limits that come soon and some consents."""
    policy = PRESETS[dice.choice(("adaptive", "virsh", "vdsm-suspend", "ganeti"))]
    consents = {name: dice.random() < 0.5 for name in ("postcopy", "pause")}
    story.tell("policy", policy.name, consents)
    return policy.limited(max_total_s=20).allowing(**consents)


def script(dice, world, story):
    """What will go wrong."""
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        step = dice.choice(CALLS * 2 + PRIMITIVES)
        during = step == "perform" and dice.random() < 0.4
        fault = Fault(
            step,
            KILL if dice.random() < 0.4 else dice.choice(KINDS),
            when="during" if during else dice.choice(("before", "after")),
            nth=dice.choice((1, 1, 2, 3)),
            at_s=dice.random() * 2,
            for_s=dice.choice((1.0, 10.0, 40.0)),
        )
        story.tell("fault", fault)
        story.calm &= fault.kind != "crash-host"
        world.script(fault)
    for _ in range(dice.choice((0, 0, 1, 2))):
        what = dice.choice(HAPPENINGS)
        at = world.clock.now() + dice.random() * 3
        host = "" if what == "link-down" else dice.choice("ab")
        story.tell("happens", f"{at:.9f}", what, host)
        story.calm &= what not in ENDING
        guest = "" if what in ("link-down", "crash") else "g"
        world.at(at, what, host, guest)
        if what == "link-down":
            world.at(at + dice.choice((0.5, 5, 60)), "link-up")


def healed(world):
    """Everything is back: no fault is left, hosts and links are up, time has passed."""
    with world.store as state:
        state.faults.clear()
    world.befall("link-up")
    for host in "ab":
        world.befall("back", host)
    world.clock.sleep(1)


def attempt(story, call):
    """Do it, and write down what came of it."""
    try:
        result = call()
    except ControllerKilled:
        story.tell("the controller was killed")
    except ExceptionGroup as refused:
        story.tell("refused", *refused.exceptions)
    except VirtmigrateError as error:
        story.tell("error", type(error).__name__, error)
    else:
        if hasattr(result, "outcome"):
            story.outcome = str(result.outcome)
        story.tell("ended", result)


def main(words):
    """Tell stories, and count."""
    outcomes, wrong = Counter(), []
    for seed in [int(word) for word in words] or range(SEEDS):
        story = told(seed)
        outcomes[story.outcome or "open"] += 1
        wrong += [f"seed {seed}: {text}" for text in story.wrong]
        if words:
            print("\n".join(story.log))
    print(", ".join(f"{count} {word}" for word, count in outcomes.most_common()))
    print("\n".join(wrong) or "no invariant was broken")


if __name__ == "__main__":
    main(sys.argv[1:])
