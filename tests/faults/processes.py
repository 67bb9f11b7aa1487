"""Controller, daemons, QEMUs and links: killed, frozen, cut, at each moment of a move.

    python -m tests.faults.processes                    all: counts, and what was wrong
    python -m tests.faults.processes --slice 2/6        a part of it
    python -m tests.faults.processes --only driven/switchover/source-qemu

A moment is reached for certain: the world is stopped there, by a message that a proxy
holds, or by a transfer that takes seconds. Then somebody is struck.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from tests.faults.moves import DRIVEN, EARLY, LIVE, P2P, Form, Way, short
from tests.faults.stage import Told, asks, stage
from virtmigrate_lab.processes import identify, wait_for
from virtmigrate_lab.rpc import Procedure
from virtmigrate_lab.rules import Hold

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FROZEN_S = 10.0
"""So long somebody is frozen, or a link dark, unless the controller ends before: longer
than its deadlines."""
SLEEPS_S = {"freeze": 3.0, "sleep": 40.0}
"""So long a controller is. While it sleeps, daemons close its connections (libvirtd
sends keep-alives every 5 s, and gives up after 5 without an answer)."""
ENDS_S = 120.0
"""A controller that has not ended by then hangs."""
REACHED_S = 60.0


@dataclass(frozen=True)
class Moment:
    """Where the world is stopped.

    Attributes:
        name: For people.
        form: How the guest moves.
        link_mib_s: Rate of the links.
        hold: Role, procedure and kind of the message that is held; None: nothing is.
        told: Whether an event of the controller tells that it is there, where nothing
            is held.
    """

    name: str
    form: Form = LIVE
    link_mib_s: float = 96.0
    hold: tuple | None = None
    told: Callable | None = None


def sending(event):
    """The transfer has begun, and is not near its end."""
    return event["kind"] == "progress" and (event["processed_bytes"] or 0) > 1 << 20


def switched(event):
    """It is in post-copy."""
    return event["kind"] == "progress" and bool(event["postcopy"])


PRECOPY = Moment("pre-copy", link_mib_s=8.0, told=sending)
MOMENTS = (
    (DRIVEN, PRECOPY),
    (DRIVEN, Moment("switchover", hold=("source", Procedure.PERFORM, "reply"))),
    (DRIVEN, Moment("committed", hold=("destination", Procedure.FINISH, "call"))),
    (DRIVEN, Moment("finished", hold=("destination", Procedure.FINISH, "reply"))),
    (DRIVEN, Moment("confirming", hold=("source", Procedure.CONFIRM, "call"))),
    (DRIVEN, Moment("post-copy", form=EARLY, link_mib_s=8.0, told=switched)),
    (P2P, PRECOPY),
    (P2P, Moment("switchover", hold=("destination", Procedure.FINISH, "call"))),
    (P2P, Moment("finished", hold=("destination", Procedure.FINISH, "reply"))),
)
VICTIMS = (
    "controller",
    "source-daemon",
    "destination-daemon",
    "source-qemu",
    "destination-qemu",
)
DEATHS = {
    # what ends the guest for good: its memory was whole nowhere else
    ("source-qemu", "pre-copy"),
    ("destination-qemu", "finished"),
    ("destination-qemu", "confirming"),
    ("source-qemu", "post-copy"),
    ("destination-qemu", "post-copy"),
}


@dataclass(frozen=True)
class Case:
    """Who is struck, how, and when."""

    way: Way
    moment: Moment
    victim: str
    how: str

    def __str__(self):
        return f"{self.way.name}/{self.moment.name}/{self.victim}/{self.how}"

    @property
    def mortal(self):
        """Whether the guest itself is ended by it."""
        return self.how == "kill" and (self.victim, self.moment.name) in DEATHS


def all_cases():
    """Everybody, in each way, at each moment."""
    for way, moment in MOMENTS:
        for victim, how in product(VICTIMS, ("kill", "freeze")):
            yield Case(way, moment, victim, how)
        yield Case(way, moment, "controller", "sleep")
        yield Case(way, moment, "link", "cut")


@dataclass
class Controller:
    """A child that migrates; its events as they come.

    Attributes:
        process: It.
        said: A file of what it writes to its standard error.
        events: What it told, in order.
    """

    process: subprocess.Popen
    said: Path
    events: list = field(default_factory=list)
    grown: threading.Condition = field(default_factory=threading.Condition)
    ear: threading.Thread | None = None

    def listen(self):
        """Read its events until it ends."""
        with self.process.stdout as lines:
            for line in lines:
                with self.grown:
                    self.events.append(json.loads(line))
                    self.grown.notify_all()

    def wait(self, wanted):
        """Whether such an event has come, within a bound."""
        with self.grown:
            return self.grown.wait_for(
                lambda: any(wanted(event) for event in self.events), REACHED_S
            )

    @property
    def migration(self):
        """The id of its migration; None if it was refused."""
        return self.events[0]["migration"] if self.events else None


def started(played, case, proxies):
    """A controller that has begun."""
    words = [str(played.state), played.guest, proxies["source"].uri]
    words += [proxies["destination"].uri, case.way.name, case.moment.form.name]
    said = played.state / "stderr.txt"
    with said.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.controller", *words],
            stdout=subprocess.PIPE,
            stderr=sink,
            encoding="utf-8",
        )
    child = Controller(process, said)
    child.ear = threading.Thread(target=child.listen, daemon=True)
    child.ear.start()
    return child


def reached(child, case, hold):
    """Whether the moment has come."""
    if hold is not None:
        return hold.fired.wait(REACHED_S)
    return child.wait(case.moment.told)


def victim_of(played, case, child):
    """The process that is struck."""
    who, _, kind = case.victim.partition("-")
    if who == "controller":
        return identify(child.process.pid)
    host = played.lab.hosts[played.host(who)]
    return host.daemon if kind == "daemon" else host.qemu(played.uuid)


def strike(played, case, child, hold):
    """Do it; give back, after a while, what can be given back."""
    lab, there = played.lab, played.there
    if case.victim == "link":
        lab.link_down(there)
        release(hold)
        ended(child, FROZEN_S)
        lab.link_up(there)
        return
    victim = victim_of(played, case, child)
    number = signal.SIGKILL if case.how == "kill" else signal.SIGSTOP
    assert victim is not None
    assert victim.kill(number), f"{case}: there was nobody to strike"
    release(hold)
    if case.how != "kill":
        controller = case.victim == "controller"
        ended(child, SLEEPS_S[case.how] if controller else FROZEN_S)
        victim.kill(signal.SIGCONT)


def release(hold):
    """Let the message go that the world waits for."""
    if hold is not None:
        hold.release()


def ended(child, seconds):
    """Whether the controller ends within so long."""
    try:
        child.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def struck(played, case):
    """Play a case: move, strike, recover twice, judge."""
    played.renew(dirty_mib_s=2, link_mib_s=case.moment.link_mib_s)
    began, told = time.monotonic(), Told()
    where = case.moment.hold
    hold = Hold(*where[1:]) if where else None
    with played.proxies() as proxies:
        if hold is not None:
            proxies[where[0]].rules.append(hold)
        child = started(played, case, proxies)
        if not reached(child, case, hold):
            told.wrong.append("the moment never came")
        else:
            strike(played, case, child, hold)
        if not ended(child, ENDS_S):
            told.wrong.append(f"it hangs: the controller has not ended in {ENDS_S} s")
            child.process.kill()
            child.process.wait()
    child.ear.join(ENDS_S)
    said = child.said.read_text(encoding="utf-8")
    if "Traceback" in said:
        told.wrong.append(f"a traceback: {said[-400:]}")
    last = child.events[-1] if child.events else {}
    told.outcome = last["result"]["outcome"] if last.get("kind") == "ended" else ""
    mended(played)
    if child.migration:
        outcome, _ = played.recover(told, child.migration)
        played.judge(told, outcome, mortal=case.mortal)
    told.seconds = round(time.monotonic() - began, 1)
    return told


def mended(played):
    """Whoever was killed or cut off is back, as a service manager would have it."""
    lab = played.lab
    lab.link_up()
    lab.link_rate(96.0)
    for host in lab.hosts.values():
        if not wait_for(host.alive, 0.0):
            lab.daemon_restart(host.name)


def play(played, cases, outcomes, wrong):
    """Play cases, count how they ended, and what was wrong."""
    for case in cases:
        told = struck(played, case)
        word = told.outcome or "killed"
        outcomes[f"{word}, recovery: {told.recovered or 'nothing to do'}"] += 1
        wrong += [f"{case}: {text}" for text in told.wrong]
        line = f"{case}: {word} | {told.recovered} | {told.seconds} s {told.wrong}"
        print(line, flush=True)


def main():
    """Play, and print counts."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--slice", default="1/1", help="I/N: every N-th case, from I")
    asked.add_argument("--only", default="", help="a part of a case's name")
    asks(asked)
    words = asked.parse_args()
    part, parts = (int(n) for n in words.slice.split("/"))
    cases = [c for c in all_cases() if words.only in str(c)][part - 1 :: parts]
    outcomes, wrong = Counter(), []
    try:
        with stage(words.release) as played, short():
            play(played, cases, outcomes, wrong)
    finally:
        print(f"{outcomes.total()} cases")
        print("; ".join(f"{count} {word}" for word, count in outcomes.most_common()))
        print("\n".join(wrong) or "nothing went wrong")


if __name__ == "__main__":
    main()
