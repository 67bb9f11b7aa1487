"""Journals of migrations that never were: records as the engine writes them."""

from __future__ import annotations

from tests.core.plans import plan_of
from virtmigrate.journal import MemoryJournal
from virtmigrate.report.story import tell

MIB = 1 << 20
BEGAN = 1_790_000_000.0
POLICY = {
    "name": "adaptive",
    "objective": "time",
    "limits": {"max_downtime_ms": 300, "max_total_s": 60.0, "max_switchover_s": 30.0},
    "consents": {"postcopy": True, "pause": False, "throttle": False},
    "sizing": {"unit": "GiB", "least": 2.0, "round_up": False},
    "origins": {"max_total_s": "request", "allow_postcopy": "request"},
}
FORECAST = {
    "verdict": "needs",
    "way": "post-copy",
    "total_s": 20.0,
    "downtime_ms": 320.0,
    "sent_bytes": 1400 * MIB,
    "bandwidth_mib_s": 64.0,
    "dirty_mib_s": 90.0,
    "needs": ["consent to post-copy", "a link of 140 MiB/s"],
    "basis": ["the link: the last migration between these hosts"],
}
END = {
    "migration": "m1",
    "guest": "web",
    "uuid": "u",
    "outcome": "succeeded",
    "reason": "both hosts show it",
    "source": "absent",
    "destination": "running",
}


class Script:
    """Writes a migration into a journal, by a clock of its own."""

    def __init__(self, journal=None, name="m1", plan=None):
        self.journal = journal or MemoryJournal()
        self.name = name
        self.at_s = 0.0
        self.journal.open(name, plan or plan_of(), BEGAN)

    def write(self, kind, after_s=0.0, **body):
        self.at_s += after_s
        self.journal.append(self.name, kind, BEGAN + self.at_s, body, durable=True)
        return self

    def step(self, step, after_s=0.05):
        return self.write("intent", step=step).write("record", after_s, step=step)

    def sample(self, after_s=0.1, **figures):
        self.at_s += after_s
        return self.write("sample", at_ms=self.at_s * 1000, **figures)

    def acted(self, action, value=None, why="because"):
        told = {"action": action, "value": value, "why": why}
        return self.write("acted", at_ms=self.at_s * 1000, **told)

    def end(self, **more):
        timing = {"total_ms": self.at_s * 1000, **more.pop("timing", {})}
        return self.write("end", result={**END, "timing": timing, **more})

    def story(self, **plan):
        """Its story, with what the plan has beside its own fields."""
        (entry,) = (e for e in self.journal.entries() if e.migration == self.name)
        data = self.journal.plan(self.name).model_dump(mode="json")
        records = self.journal.records(self.name)
        return tell(entry, {**data, **plan}, records, digest="d" * 64)


def transfer(script, *, memory=1024, link=64.0, dirty=90.0, active=600.0, until_s=30.0,
             throttle=None, postcopy_s=None, downtime_ms=300):  # fmt: skip
    """Pre-copy, page by page: MiB and MiB/s."""
    left, sent, passes, written, now = float(memory), 0.0, 1, 0.0, 0.0
    while now < until_s:
        now += 0.1
        post = postcopy_s is not None and now >= postcopy_s
        taken = throttle(now) if throttle else 0
        rate = 0.0 if post else dirty * (1 - taken / 100)
        written = min(active, written + rate * 0.1)
        left, sent = left - link * 0.1, sent + link * 0.1
        if left <= 0 and post:
            break
        if left <= 0 or (passes > 1 and left <= link * downtime_ms / 1000):
            if written <= link * downtime_ms / 1000 and passes > 1:
                break
            left, written, passes = max(written, 0.0), 0.0, passes + 1
        script.sample(
            remaining_bytes=int(max(left, 0) * MIB),
            total_bytes=memory * MIB,
            processed_bytes=int(sent * MIB),
            percent=None,
            dirty_bytes_s=int(rate * MIB) if passes > 1 else None,
            bandwidth_bytes_s=int(link * MIB),
            iteration=passes,
            throttle_percent=taken or None,
            postcopy=post,
        )
        if postcopy_s is not None and not post and now + 0.1 >= postcopy_s:
            script.acted("postcopy", None, "it does not converge within max downtime")
    return script


def landed(script, **more):
    """What follows a transfer that went well."""
    script.write("record", 0.15, step="perform").write(
        "commit", 0.01, landing="running"
    )
    script.step("finish", 0.08)
    timing = {"landed_ms": script.at_s * 1000, "gap_ms": 240.0}
    script.step("confirm", 0.3)
    return script.end(timing=timing, downtime_ms=212, **more)


def begun(script=None):
    """What precedes every transfer."""
    script = script or Script()
    script.step("capture").step("begin").step("prepare", 0.2)
    return script.write("intent", step="perform")
