"""The adjudicator: what both hosts show x what the journal says -> one verdict.

Pure and total. The table is data; each cell is `two-step / one-step` or one verdict
for both. Two-step: COMMIT decides the switchover; one-step: the hypervisor does.
Columns are the journal's states: j0 nothing but begin and prepare, j1 perform was
intended, j2 it was done, j3 COMMIT or later, jR rollback was intended.
"""

from __future__ import annotations

from enum import StrEnum

from virtmigrate.host import RunState, Sighting


class At(StrEnum):
    """What one side shows, reduced to what decides."""

    RUNNING = "R"
    STOPPED_BY_MOVE = "Pm"
    """Source: paused by the migration, or by us."""
    STOPPED_BY_USER = "Pu"
    """Source: paused by somebody else."""
    COMPLETE = "P"
    """Destination: complete, paused, no job."""
    INCOMING = "I"
    """Destination: incomplete."""
    POSTCOPY = "PC"
    DEFINED = "S"
    ABSENT = "A"
    JOB = "J"
    """Source: a hypervisor job is active."""
    UNREACHABLE = "U"


class Told(StrEnum):
    """What the journal says."""

    BEGUN = "j0"
    PERFORM_INTENDED = "j1"
    PERFORMED = "j2"
    COMMITTED = "j3"
    ROLLING_BACK = "jR"


class Verdict(StrEnum):
    """What is to be done."""

    WAIT = "W"
    KEEP = "K"
    KEEP_ALARM = "K!"
    KEEP_RESUME = "KR"
    KEEP_RESUME_PENDING = "KRc"
    FORWARD = "F"
    FORWARD_RESUME = "FR"
    RAN_AND_STOPPED = "D"
    MAY_HAVE_RUN = "D?"
    GUEST_STOPPED = "G"
    CONTINUE = "C"
    DESTINATION_OWNS = "O"
    HANDS_OFF = "X"
    HANDS_OFF_PAUSE = "XR"
    SPLIT_BRAIN = "Q"
    NOT_OURS = "Q0"
    POSTCOPY = "PC"


WHY: dict[Verdict, str] = {
    Verdict.WAIT: "a job is still active: nothing is touched meanwhile",
    Verdict.KEEP: "the source runs it: an incomplete copy at the destination goes",
    Verdict.KEEP_ALARM: "the source runs it, although COMMIT was written",
    Verdict.KEEP_RESUME: "it runs nowhere and was never started at the destination: "
    "the copy there goes, then the source goes on",
    Verdict.KEEP_RESUME_PENDING: "it can't have been started at the destination, which "
    "does not answer: the source goes on, clean-up there is pending",
    Verdict.FORWARD: "the destination runs it: the source's copy is retired",
    Verdict.FORWARD_RESUME: "it is complete at the destination: the source's copy is "
    "retired, then it gets its run state there",
    Verdict.RAN_AND_STOPPED: "it was handed over and runs nowhere: it may have run at "
    "the destination and stopped, so what the source has may be stale",
    Verdict.MAY_HAVE_RUN: "it runs nowhere and may have run at the destination",
    Verdict.GUEST_STOPPED: "the guest stopped by itself",
    Verdict.CONTINUE: "the source has it; clean-up at the destination is pending",
    Verdict.DESTINATION_OWNS: "the destination runs it; the source does not answer and "
    "must be retired when it is back",
    Verdict.HANDS_OFF: "the truth can't be seen from here: nothing is touched",
    Verdict.HANDS_OFF_PAUSE: "the source runs it, and the destination may too: "
    "nothing is touched",
    Verdict.SPLIT_BRAIN: "both hosts run it",
    Verdict.NOT_OURS: "the destination has a copy that the journal does not call ours",
    Verdict.POSTCOPY: "in post-copy neither side is complete: neither may be touched",
}

_TABLE = """
R  R  Q0 Q Q Q Q
R  P  Q0 K/Q K/Q K!/Q K/Q
R  I  K K K K! K
R  PC PC PC PC PC PC
R  S  K K K K! K
R  A  K K K K! K
R  U  C C/XR C/XR XR C/XR
Pm R  Q0 F F F F
Pm P  Q0 KR/FR FR FR KR/FR
Pm I  KR KR KR X KR
Pm PC PC PC PC PC PC
Pm S  KR KR/D? KR/D? D KR/D?
Pm A  KR KR KR D KR
Pm U  KRc KRc/X KRc/X X KRc/X
Pu R  Q0 F F F F
Pu P  Q0 KR/FR FR FR KR/FR
Pu I  KR KR KR X KR
Pu PC PC PC PC PC PC
Pu S  KR KR/D? KR/D? D KR/D?
Pu A  KR KR KR D KR
Pu U  KRc KRc/X KRc/X X KRc/X
PC R  PC PC PC F PC
PC P  PC PC PC PC PC
PC I  PC PC PC PC PC
PC PC PC PC PC PC PC
PC S  PC PC PC PC PC
PC A  PC PC PC PC PC
PC U  PC PC PC PC PC
S  R  Q0 F F F F
S  P  Q0 FR FR FR FR
S  I  G G G G G
S  PC PC PC PC PC PC
S  S  G G G D G
S  A  G G G D G
S  U  G X X X X
A  R  Q0 F F F F
A  P  Q0 FR FR FR FR
A  I  G G G G G
A  PC PC PC PC PC PC
A  S  G G G D G
A  A  G G G G G
A  U  G X X X X
J  R  W W W W W
J  P  W W W W W
J  I  W W W W W
J  PC PC PC PC PC PC
J  S  W W W W W
J  A  W W W W W
J  U  W W W W W
U  R  Q0 O O O O
U  P  Q0 X X FR X
U  I  C X X X X
U  PC PC PC PC PC PC
U  S  C X X X X
U  A  C X X X X
U  U  X X X X X
"""


def _parse() -> dict[tuple[At, At, Told, bool], Verdict]:
    cells: dict[tuple[At, At, Told, bool], Verdict] = {}
    for line in _TABLE.strip().splitlines():
        source, destination, *row = line.split()
        for told, cell in zip(Told, row, strict=True):
            two, _, one = cell.partition("/")
            key = (At(source), At(destination), told)
            cells[*key, True] = Verdict(two)
            cells[*key, False] = Verdict(one or two)
    return cells


TABLE = _parse()


def fenced(at: At) -> At:
    """A side that can't be seen, and of which a person vouches that nothing runs there.

    A definition may be left, and at the destination that may mean that it has run
    there; so it counts as one.
    """
    return At.DEFINED if at is At.UNREACHABLE else at


def at_source(seen: Sighting, *, ours: bool) -> At:
    """Reduce what the source shows.

    Args:
        seen: The look.
        ours: Whether we paused it (coma).
    """
    if seen.state in (RunState.POSTCOPY, RunState.POSTCOPY_FAILED):
        return At.POSTCOPY
    if seen.job and seen.state.active:
        return At.JOB
    if seen.state is RunState.PAUSED:
        return At.STOPPED_BY_MOVE if ours else At.STOPPED_BY_USER
    return _SOURCE[seen.state]


def at_destination(seen: Sighting) -> At:
    """Reduce what the destination shows."""
    if seen.state is RunState.PAUSED and seen.job:
        return At.INCOMING
    return _DESTINATION[seen.state]


def hidden(source: At, destination: Sighting) -> bool:
    """Whether a job hides if the destination's copy, the only one, is complete.

    While the source has the guest, a paused copy with a job counts as incomplete. But a
    process that does not answer shows a job as well, and may be all that is left.

    Args:
        source: What the source shows.
        destination: The look at the destination.
    """
    gone = source in (At.DEFINED, At.ABSENT)
    return gone and destination.state is RunState.PAUSED and destination.job


_SOURCE = {
    RunState.RUNNING: At.RUNNING,
    RunState.PAUSED_MIGRATION: At.STOPPED_BY_MOVE,
    RunState.PAUSED_IOERROR: At.STOPPED_BY_USER,
    RunState.PMSUSPENDED: At.STOPPED_BY_USER,
    RunState.SHUTOFF: At.DEFINED,
    RunState.ABSENT: At.ABSENT,
    RunState.UNREACHABLE: At.UNREACHABLE,
}
_DESTINATION = {
    RunState.RUNNING: At.RUNNING,
    RunState.PAUSED: At.COMPLETE,
    RunState.PAUSED_MIGRATION: At.INCOMING,
    RunState.PAUSED_IOERROR: At.COMPLETE,
    RunState.PMSUSPENDED: At.COMPLETE,
    RunState.POSTCOPY: At.POSTCOPY,
    RunState.POSTCOPY_FAILED: At.POSTCOPY,
    RunState.SHUTOFF: At.DEFINED,
    RunState.ABSENT: At.ABSENT,
    RunState.UNREACHABLE: At.UNREACHABLE,
}


def adjudicate(source: At, destination: At, told: Told, *, two_step: bool) -> Verdict:
    """The verdict for one combination; total over every reachable argument."""
    return TABLE[source, destination, told, two_step]
