"""One real guest goes to and fro, and one move in ten is struck: nothing may be lost.

    python -m tests.faults.ping_pong --moves 100 --seed 1

The same seed strikes the same moves, in the same way if they make the same calls. At
the end nothing may be left: of descriptors, threads, files, listening ports and domains
there are no more than there were, on both hosts and in this process.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.moves import (
    COMA,
    DRIVEN,
    FALLBACK,
    LIVE,
    P2P,
    POSTCOPY,
    SLOW_TOTAL_S,
    short,
)
from tests.faults.rpc import PLANNING, Case, lost, recorded
from tests.faults.stage import Told, asks, stage
from virtmigrate.threads import NAME
from virtmigrate_lab.processes import wait_for

ONE_IN = 10
MOVES = (
    (DRIVEN, LIVE),
    (DRIVEN, COMA),
    (DRIVEN, POSTCOPY),
    (FALLBACK, LIVE),
    (P2P, LIVE),
)
"""Taken in turn, so that each way and form is struck sooner or later."""
SETTLED_S = 40.0
"""Longest wait until daemons and connections have let go."""
PRIVATE = ("run/libvirt", "etc/libvirt", "var/lib/libvirt", "var/tmp")
"""Where a move may leave files; logs and caches grow by themselves."""


@dataclass
class Journey:
    """What was done, and what came of it.

    Attributes:
        outcomes: How each move ended.
        faults: What struck.
        wrong: What must never be.
    """

    outcomes: Counter = field(default_factory=Counter)
    faults: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def message(played, chance, way, form):
    """A message of this move is lost."""
    if (way.name, form.name) not in POINTS:
        POINTS[way.name, form.name] = recorded(played, way, form)
    points = [p for p in POINTS[way.name, form.name] if p.step != PLANNING]
    case = Case(way, form, chance.choice(points), chance.choice(("cut", "drop")))
    return str(case), lost(played, case)[1]


def daemon_killed(played, chance, way, form):
    """A daemon dies in the transfer and is started again."""
    host = chance.choice((played.here, played.there))

    def strike():
        played.lab.hosts[host].daemon.kill(signal.SIGKILL)

    def mend():
        played.lab.daemon_restart(host)

    return f"daemon {host} killed", _struck(played, way, form, strike, mend)


def link_cut(played, chance, way, form):
    """The link is dark for a while."""
    host = chance.choice((played.here, played.there))
    return f"link {host} cut", _struck(
        played,
        way,
        form,
        lambda: played.lab.link_down(host),
        lambda: played.lab.link_up(host),
        dark_s=chance.uniform(0.2, 3.0),
    )


def qemu_killed(played, chance, way, form):
    """The incoming QEMU dies in the transfer: before COMMIT that harms nobody."""

    def strike():
        incoming = played.lab.hosts[played.there].qemu(played.uuid)
        if incoming is not None:
            incoming.kill(signal.SIGKILL)

    return "incoming QEMU killed", _struck(played, DRIVEN, LIVE, strike, lambda: None)


FAULTS = (message, message, message, daemon_killed, link_cut, qemu_killed)
POINTS = {}
"""Way and form to the messages of a clean move, recorded once."""


def _struck(played, way, form, strike, mend, dark_s=0.0):
    """Move over a slow link, strike in the transfer, mend, recover, judge."""
    told, sending, ended = Told(), threading.Event(), []

    def heard(event):
        if event.kind == "progress" and (event.processed_bytes or 0) > 1 << 20:
            sending.set()

    played.lab.link_rate(16.0)
    with played.proxies() as proxies:
        mover = played.migrator(heard)
        thread = threading.Thread(
            target=lambda: ended.append(
                played.move(mover, way, form, proxies, SLOW_TOTAL_S)
            ),
            daemon=True,
        )
        thread.start()
        sending.wait(20.0)
        strike()
        thread.join(dark_s or 120.0)
        mend()
        thread.join(120.0)
        mover.doors.shut()
    played.lab.link_rate(96.0)
    if not ended:
        told.wrong.append("it hangs")
        return told
    played.close(told, ended[0])
    return told


def plain(played, way, form):
    """A move that nobody strikes."""
    told = Told()
    with played.proxies() as proxies:
        mover = played.migrator()
        result = played.move(mover, way, form, proxies)
        mover.doors.shut()
    played.close(told, result)
    return told


def travel(played, moves, seed, *, pairs=MOVES, one_in=ONE_IN, tell=print):
    """So many moves, ways and forms in turn; a fault in one of `one_in`, by seed."""
    chance, journey = random.Random(seed), Journey()
    played.renew(dirty_mib_s=4)
    for way, form in pairs:
        plain(played, way, form)
    home(played)
    before = leftovers(played)
    for number in range(moves):
        way, form = pairs[number % len(pairs)]
        if chance.randrange(one_in):
            what, told = "", plain(played, way, form)
        else:
            what, told = chance.choice(FAULTS)(played, chance, way, form)
            journey.faults[what] += 1
        journey.outcomes[told.recovered or told.outcome] += 1
        journey.wrong += [f"move {number}, {what}: {text}" for text in told.wrong]
        word = told.recovered or told.outcome
        tell(f"{number} {way.name}-{form.name} {what}: {word} {told.wrong}", flush=True)
    home(played)
    wait_for(lambda: not grown(before, leftovers(played)), SETTLED_S, 0.5)
    journey.wrong += grown(before, leftovers(played))
    return journey


def home(played):
    """Back to host a, so that what is left can be compared."""
    if played.here != "a":
        plain(played, DRIVEN, LIVE)


def leftovers(played):
    """What there is of everything that must not grow: name to number, or to a set."""
    played.mender.doors.shut()
    found = {
        "descriptors here": _count("self", "fd"),
        "threads here": len([t for t in threading.enumerate() if _ours(t)]),
    }
    for name, host in played.lab.hosts.items():
        found |= {
            f"descriptors of libvirtd {name}": _count(host.pid, "fd"),
            f"processes on {name}": len(host.processes()),
            f"files on {name}": _files(host),
            f"listening on {name}": _listening(host),
            f"domains on {name}": set(host.virsh("list", "--all", "--name").split()),
        }
    return found


def grown(before, after):
    """What there is more of than before."""
    found = []
    for what, had in before.items():
        has = after[what]
        more = has > had if isinstance(had, int) else bool(has - had)
        if more:
            shown = f"{had}, now {has}" if isinstance(had, int) else sorted(has - had)
            found.append(f"left behind: {what}: {shown}")
    return found


def _ours(thread):
    """Not the pool's idle ones, which are kept on purpose."""
    return thread.name != NAME


def _count(pid, what):
    return len(list(Path(f"/proc/{pid}/{what}").iterdir()))


def _files(host):
    """Paths of what lies in a host's own directories, domain numbers taken out."""
    found = set()
    for part in PRIVATE:
        root = Path(host.paths.root) / part
        for path in root.rglob("*"):
            words = path.relative_to(host.paths.root).as_posix()
            found.add("".join(c for c in words if not c.isdigit()))
    return found


def _listening(host):
    """Ports that somebody listens on, in the host's own network."""
    command = [*host.space.enter(), "ss", "-Hltn"]
    lines = subprocess.run(
        command, capture_output=True, encoding="ascii", check=True, timeout=20
    ).stdout.splitlines()
    return {line.split()[3] for line in lines}


def main():
    """Travel, and print counts."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--moves", type=int, default=100)
    asked.add_argument("--seed", type=int, default=1)
    asks(asked)
    words = asked.parse_args()
    with stage(words.release) as played, short():
        journey = travel(played, words.moves, words.seed)
    struck = journey.faults.total()
    print(f"{journey.outcomes.total()} moves, {struck} of them struck: ", end="")
    print("; ".join(f"{n} {word}" for word, n in journey.outcomes.most_common()))
    print("\n".join(journey.wrong) or "nothing was lost, nothing is left behind")


if __name__ == "__main__":
    main()
