"""Every request and reply of a clean migration, lost once: real hosts, real daemons.

    python -m tests.faults.rpc                       all: counts, and what was wrong
    python -m tests.faults.rpc --slice 2/12          a part of it
    python -m tests.faults.rpc --only driven-live    one way and form
    python -m tests.faults.rpc --list                the messages, nothing lost

Which messages there are is not written here: a clean run is recorded, step by step. A
message is `cut` (lost, and its connection with it) or `drop`ped (lost, nobody is told).
"""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise, product

from tests.faults.moves import DISKS, DRIVEN, LIVE, PAIRS, Form, Way, short
from tests.faults.stage import Told, asks, stage
from virtmigrate_lab.rpc import REMOTE_PROGRAM, Procedure
from virtmigrate_lab.rules import KINDS, Cut, Drop

HOW = {"cut": Cut, "drop": Drop}
CASE_S = 90.0
"""A migration that has not ended by then hangs."""
FRESH_AFTER = 60
"""So many cases later the guest is a new one: all that was heard of it is read anew."""
PLANNING = "plan"
"""What is asked before the first step, whoever drives then: one way does."""
PLANNED = ((DRIVEN, LIVE), (DRIVEN, DISKS))


@dataclass(frozen=True)
class Point:
    """One message: in which step, whose host, which call, its request or its reply."""

    step: str
    role: str
    procedure: int
    what: str

    def __str__(self):
        try:
            name = Procedure(self.procedure).name.lower().replace("_", "-")
        except ValueError:
            name = str(self.procedure)
        return f"{self.step}/{self.role}/{name}/{self.what}"


@dataclass(frozen=True)
class Case:
    """A migration in which one message is lost."""

    way: Way
    form: Form
    point: Point
    how: str

    def __str__(self):
        return f"{self.way.name}-{self.form.name}/{self.point}/{self.how}"


class Steps:
    """An event sink that knows which step runs; calls `entered` at each new one."""

    def __init__(self, entered):
        self.entered = entered
        entered(PLANNING)

    def __call__(self, event):
        if event.kind == "step-started":
            self.entered(event.step)


def recorded(played, way, form):
    """The messages of one clean migration, each once a step."""
    seen = {}
    with played.proxies() as proxies:
        bounds = []

        def entered(step):
            bounds.append((step, {r: len(p.passed) for r, p in proxies.items()}))

        mover = played.migrator(Steps(entered))
        result = played.move(mover, way, form, proxies)
        entered("")
        mover.doors.shut()
        for (step, start), (_, end) in pairwise(bounds):
            for role, proxy in proxies.items():
                for message in proxy.passed[start[role] : end[role]]:
                    for point in _points(step, role, message):
                        seen.setdefault(point)
    told = Told()
    played.close(told, result)
    if told.wrong or told.outcome != "succeeded":
        msg = f"a clean {way.name}-{form.name} ended: {told} {result}"
        raise AssertionError(msg)
    return list(seen)


def _points(step, role, message):
    if message.program != REMOTE_PROGRAM:
        return
    for what in ("call", "reply"):
        if message.kind in KINDS[what]:
            yield Point(step, role, message.procedure, what)


def lost(played, case):
    """Play a case: move, lose the message, recover twice, judge; (fired, told)."""
    began, told = time.monotonic(), Told()
    rule = HOW[case.how](case.point.procedure, case.point.what)
    with played.proxies() as proxies:

        def entered(step):
            if step == case.point.step:
                proxies[case.point.role].rules.append(rule)

        mover = played.migrator(Steps(entered))
        ended = []
        thread = threading.Thread(
            target=lambda: ended.append(
                played.move(mover, case.way, case.form, proxies)
            ),
            daemon=True,
        )
        thread.start()
        thread.join(CASE_S)
        if not ended:
            told.wrong.append(f"it hangs: no end within {CASE_S:g} s")
            for proxy in proxies.values():
                proxy.cut_all()
            thread.join(CASE_S)
        mover.doors.shut()
    if ended:
        played.close(told, ended[0])
    told.seconds = round(time.monotonic() - began, 1)
    return rule.fired.is_set(), told


@dataclass
class Counts:
    """What came of many cases."""

    cases: int = 0
    missed: int = 0
    outcomes: Counter = None
    wrong: list = None

    def __post_init__(self):
        self.outcomes, self.wrong = Counter(), []

    def add(self, case, fired, told):
        """One more."""
        self.cases += 1
        self.missed += not fired
        word = told.outcome
        if told.recovered and told.recovered != word:
            word += f", then {told.recovered}"
        self.outcomes[word] += 1
        self.wrong += [f"{case}: {text}" for text in told.wrong]

    def lines(self):
        """For people."""
        yield f"{self.cases} cases; {self.missed} in which the message did not come"
        yield "; ".join(f"{n} {word}" for word, n in self.outcomes.most_common())
        yield from self.wrong or ["nothing went wrong"]


def all_cases(played, pairs, hows):
    """The cases of these ways and forms, from a clean run of each."""
    for way, form in pairs:
        played.renew(disks=form.disks)
        points = recorded(played, way, form)
        planning = (way, form) in PLANNED
        for point, how in product(points, hows):
            if point.step != PLANNING or planning:
                yield Case(way, form, point, how)


def play(played, cases, counts, tell=lambda line: None):
    """Play cases; a fresh guest follows each that did not end in one place, running."""
    for case in cases:
        if case.form.disks != played.disks:
            played.renew(disks=case.form.disks)
        fired, told = lost(played, case)
        counts.add(case, fired, told)
        tell(f"{case}: {told.outcome} {told.recovered} {told.seconds} s {told.wrong}")
        if told.wrong or told.open or told.left or not counts.cases % FRESH_AFTER:
            played.renew(disks=case.form.disks)


def main():
    """Play, and print counts."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--slice", default="1/1", help="I/N: every N-th case, from I")
    asked.add_argument(
        "--only", default="", help="WAY-FORM, or a part of a case's name"
    )
    asked.add_argument("--how", choices=HOW, nargs="*", default=list(HOW))
    asked.add_argument("--list", action="store_true")
    asks(asked)
    words = asked.parse_args()
    part, parts = (int(n) for n in words.slice.split("/"))
    named = [p for p in PAIRS if words.only.startswith(f"{p[0].name}-{p[1].name}")]
    with stage(words.release) as played, short():
        cases = list(all_cases(played, named or PAIRS, words.how))
        chosen = [c for c in cases if words.only in str(c)][part - 1 :: parts]
        print(f"{len(cases)} cases, {len(chosen)} of them chosen")
        if words.list:
            print("\n".join(map(str, chosen)))
            return
        played.renew()
        counts = Counts()
        try:
            play(played, chosen, counts, lambda line: print(line, flush=True))
        finally:
            print("\n".join(counts.lines()))


if __name__ == "__main__":
    main()
