"""Pre-copy in miniature: a guest, a link, QEMU's loop, and a policy that steers it.

Memory is blocks of 128 KiB, the clock is virtual, and nothing is closed-form, so that
what predicts is not checked against itself. As QEMU 7.2 does it: a pass goes round
memory once; when what is left fits into the permitted stop, dirty memory is collected
anew; if all of it fits still, the guest is stopped and the rest is sent.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from virtmigrate.convergence import decide, looks
from virtmigrate.forecast import Workload
from virtmigrate.history import History
from virtmigrate.host import Sample, Written
from virtmigrate.policy import Do

MIB = 1 << 20
BLOCK = 128 << 10
PER_MIB = MIB // BLOCK
TICK_S, CHECK_S, LOOK_S = 0.01, 0.05, 0.1
DEVICES_S = 0.03
ASIDE_S = 0.4
"""When a measurement that was begun with the move is over, in the first pass."""
PEEKED_S = 1.9
"""Two looks at eight pages each, a second apart, are over by then."""
PAGES_PER_MIB = 0.5
"""So many are sampled."""
EVERY = frozenset(Do)


def steady(value):
    """The same at any time."""
    return lambda at_s: value


def square(first, second):
    """Two (value, seconds) in turn."""
    (one, for_one), (two, for_two) = first, second
    return lambda at_s: one if at_s % (for_one + for_two) < for_one else two


def between(begin_s, end_s, inside, outside):
    """One value for a while, another one before and after."""
    return lambda at_s: inside if begin_s <= at_s < end_s else outside


def ramp(begin_s, end_s, first, last):
    """From one value to another."""

    def value(at_s):
        share = min(1.0, max(0.0, (at_s - begin_s) / (end_s - begin_s)))
        return first + share * (last - first)

    return value


@dataclass(frozen=True)
class Guest:
    """What a guest writes.

    Attributes:
        dirty: MiB/s at a moment.
        working_mib: It writes within so much memory.
        memory_mib: It has so much.
        order: `sequential` or `random`.
        high: It works at the end of its memory, which goes last; else at the beginning.
        encoded: A rewritten block sent as a difference takes this share of it.
    """

    dirty: object
    working_mib: int = 128
    memory_mib: int = 256
    order: str = "sequential"
    encoded: float = 0.05
    high: bool = False

    def workload(self, noise=1.0):
        """What a measurement of 1, 2 and 4 s finds, wrong by a factor."""
        writer = _Writer(self)
        found, curve = set(), []
        for tick in range(round(4 / TICK_S)):
            found.update(writer.write(tick * TICK_S))
            at = (tick + 1) * TICK_S
            if any(abs(at - wanted) < TICK_S / 2 for wanted in (1, 2, 4)):
                curve.append((round(at), int(len(found) * BLOCK * noise)))
        return Workload(memory_bytes=self.memory_mib * MIB, curve=tuple(curve))

    def aside(self, noise=1.0):
        """What a measurement of 1 s beside the move finds, wrong by a factor."""
        seconds, amount = self.workload(noise).curve[0]
        return Written(float(seconds), amount, round(self.memory_mib * PAGES_PER_MIB))


class _Writer:
    """Which blocks a guest writes, tick by tick."""

    def __init__(self, guest):
        self.guest = guest
        self.blocks = guest.working_mib * PER_MIB
        unused = guest.memory_mib - guest.working_mib
        self.first = unused * PER_MIB if guest.high else 0
        self.owed = 0.0
        self.at = 0
        self.dice = random.Random(7)

    def write(self, at_s):
        self.owed += self.guest.dirty(at_s) * PER_MIB * TICK_S
        count, self.owed = int(self.owed), self.owed % 1
        if self.guest.order == "random":
            some = [self.dice.randrange(self.blocks) for _ in range(count)]
        else:
            begin, self.at = self.at, (self.at + count) % self.blocks
            some = [(begin + n) % self.blocks for n in range(min(count, self.blocks))]
        return [self.first + block for block in some]


@dataclass
class End:
    """How a transfer ended: `pre-copy`, `post-copy`, `pause`, `abort`, or `never`."""

    how: str
    total_s: float
    downtime_ms: float
    sent_mib: float
    passes: int
    steps: list = field(default_factory=list)
    """(seconds, pass, decision), each act."""
    foretold: list = field(default_factory=list)
    """(seconds, pass, seconds into the pass, outlook), where that was asked for."""

    def __repr__(self):
        did = [
            f"{at:.1f} s pass {n}: {d.rule} {d.do} {d.value}" for at, n, d in self.steps
        ]
        return (
            f"{self.how} {self.total_s:.2f} s, {self.downtime_ms:.0f} ms, "
            f"{self.sent_mib:.0f} MiB, {self.passes} passes, {did}"
        )


class Transfer:
    """One transfer, tick by tick."""

    def __init__(self, guest, link, *, xbzrle=False, trusts=1.0, share=1.0):
        self.guest, self.link, self.xbzrle = guest, link, xbzrle
        self.trusts, self.share = trusts, share
        self.writer = _Writer(guest)
        self.count = guest.memory_mib * PER_MIB
        self.todo = bytearray(b"\1" * self.count)
        self.left = self.count
        self.cached = bytearray(self.count)
        self.dirty = set()
        self.cursor = 0
        self.number = 1
        self.now = 0.0
        self.sent = self.owed = 0.0
        self.downtime_ms = 300
        self.cap = float("inf")
        self.stopped_s = None
        self.how = ""
        self.steps_done = self.began_tick = 0
        self.rate = link(0.0)

    @property
    def postcopy(self):
        return self.how == "post-copy"

    def sample(self):
        """As QEMU counts."""
        return Sample(
            total_bytes=self.count * BLOCK,
            processed_bytes=int(self.sent * BLOCK),
            remaining_bytes=self.left * BLOCK,
            iteration=self.number,
            postcopy=self.postcopy,
            stopped=self.stopped_s is not None,
        )

    def tick(self):
        """10 ms; says whether it is over."""
        if self.stopped_s is None:
            self.dirty.update(self.writer.write(self.now))
        self.rate = min(self.link(self.now), self.cap)
        self._send(self.rate * PER_MIB * TICK_S)
        self.steps_done += 1
        self.now = self.steps_done * TICK_S
        if self.how or self.steps_done % round(CHECK_S / TICK_S) == 0:
            return self._check()
        return False

    def _send(self, budget):
        self.owed += budget
        while self.owed > 0 and self.left:
            self.cursor = self.todo.find(1, self.cursor)
            if self.cursor < 0:
                self.cursor = 0
                continue
            block = self.cursor
            self.todo[block] = 0
            self.left -= 1
            cost = self.share
            if self.xbzrle and self.number > 1 and not self.postcopy:
                cost = self.guest.encoded if self.cached[block] else 1.0
                self.cached[block] = 1
            self.owed -= cost
            self.sent += cost
        if not self.left:
            self.owed = min(self.owed, 0.0)

    def _collect(self):
        for block in self.dirty:
            if not self.todo[block]:
                self.todo[block] = 1
                self.left += 1
        self.dirty.clear()

    def _check(self):
        if self.how:
            return not self.left
        fits = self.trusts * self.downtime_ms / 1000 * self.rate * PER_MIB
        if self.left > fits:
            return False
        self._collect()
        self.number += 1
        if self.left <= fits:
            self.stop("pre-copy")
        return False

    def stop(self, how):
        """The guest stands still; what is left follows."""
        self.how = how
        self.stopped_s = self.now
        self._collect()

    def act(self, decision):
        """Carry out what a policy says; whether that ends it."""
        if decision.do is Do.ABORT:
            self.how = "abort"
            return True
        if decision.do is Do.DOWNTIME:
            self.downtime_ms = decision.value
        elif decision.do is Do.BANDWIDTH:
            self.cap = float(decision.value)
        elif not self.how:
            self.stop("post-copy" if decision.do is Do.POSTCOPY else "pause")
        return False

    def stop_ms(self):
        """How long the guest stood still."""
        if self.stopped_s is None:
            return 0.0
        memory_s = 0.0 if self.postcopy else self.now - self.stopped_s
        return 1000 * (memory_s + DEVICES_S)


def run(
    policy,
    guest,
    link=64,
    *,
    workload=None,
    planned_mib_s=None,
    aside=None,
    pages=None,
    xbzrle=False,
    trusts=1.0,
    share=1.0,
    able=EVERY,
    until_s=120.0,
    watch=None,
):
    """Migrate a guest under a policy, looked at each 100 ms as `Monitor` does.

    Args:
        policy: What decides.
        guest: Its memory and what it writes.
        link: MiB/s, or a function of the seconds.
        workload: What was measured before.
        planned_mib_s: What the plan took the link to carry.
        aside: What is measured beside it (`Written`).
        pages: What two looks at its pages show, beside it (`Pages`).
        xbzrle: Whether differences are sent from pass 3 on.
        trusts: QEMU takes the link to carry this share of what it does.
        share: What a block takes of the link, of a block, where it goes compressed.
        able: What can be done.
        until_s: Given up by the test then: it never ends.
        watch: Gives something to remember, from the history, at each look.
    """
    rate = link if callable(link) else steady(link)
    transfer = Transfer(guest, rate, xbzrle=xbzrle, trusts=trusts, share=share)
    history = History(
        0.0,
        able=able,
        delta=xbzrle,
        packs=share < 1,
        workload=workload,
        link=planned_mib_s and planned_mib_s * MIB,
        downtime_ms=transfer.downtime_ms,
    )
    steps, seen = [], []
    over = False
    while not over and transfer.now < until_s:
        over = transfer.tick()
        if over or transfer.steps_done % round(LOOK_S / TICK_S):
            continue
        known = aside if transfer.now >= ASIDE_S else None
        looked = pages if transfer.now >= PEEKED_S else None
        sample = replace(transfer.sample(), written=known, pages=looked)
        history.add(transfer.now, sample)
        if watch is not None:
            into_s = transfer.now - history.passes[-1].at_s
            seen.append((transfer.now, transfer.number, into_s, watch(history)))
        if not looks(policy, history, transfer.now):
            continue
        decision = decide(policy, history, transfer.now)
        if decision is not None:
            steps.append((transfer.now, transfer.number, decision))
            over = transfer.act(decision)
            history.did(decision.rule, decision.do, transfer.now, decision.value)
    return End(
        transfer.how if over else "never",
        transfer.now + DEVICES_S,
        transfer.stop_ms(),
        transfer.sent * BLOCK / MIB,
        transfer.number,
        steps,
        seen,
    )
