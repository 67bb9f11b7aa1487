"""The decision table as it was checked by hand, and what each of its words does.

A second, independent copy of the adjudicator's table: `x / y` is two-step / one-step.
Source: R running, Pm paused by the migration or by us, Pu paused by somebody, PC
post-copy, S definition only, A absent, J job active, U unreachable. Destination: R, P
complete and paused, I incomplete, PC, S, A, U. Journal: j0 begin or prepare, j1 perform
intended, j2 perform done, j3 COMMIT, jR rollback intended.
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE = """
| R | R | Q0 | Q | Q | Q | Q |
| R | P | Q0 | K / Q | K / Q | K! / Q | K / Q |
| R | I | K | K | K | K! | K |
| R | PC | PC | PC | PC | PC | PC |
| R | S | K | K | K | K! | K |
| R | A | K | K | K | K! | K |
| R | U | C | C / XR | C / XR | XR | C / XR |
| Pm | R | Q0 | F | F | F | F |
| Pm | P | Q0 | KR / FR | FR | FR | KR / FR |
| Pm | I | KR | KR | KR | X | KR |
| Pm | PC | PC | PC | PC | PC | PC |
| Pm | S | KR | KR / D? | KR / D? | D | KR / D? |
| Pm | A | KR | KR | KR | D | KR |
| Pm | U | KRc | KRc / X | KRc / X | X | KRc / X |
| Pu | R | Q0 | F | F | F | F |
| Pu | P | Q0 | KR / FR | FR | FR | KR / FR |
| Pu | I | KR | KR | KR | X | KR |
| Pu | PC | PC | PC | PC | PC | PC |
| Pu | S | KR | KR / D? | KR / D? | D | KR / D? |
| Pu | A | KR | KR | KR | D | KR |
| Pu | U | KRc | KRc / X | KRc / X | X | KRc / X |
| PC | R | PC | PC | PC | F | PC |
| PC | P | PC | PC | PC | PC | PC |
| PC | I | PC | PC | PC | PC | PC |
| PC | PC | PC | PC | PC | PC | PC |
| PC | S | PC | PC | PC | PC | PC |
| PC | A | PC | PC | PC | PC | PC |
| PC | U | PC | PC | PC | PC | PC |
| S | R | Q0 | F | F | F | F |
| S | P | Q0 | FR | FR | FR | FR |
| S | I | G | G | G | G | G |
| S | PC | PC | PC | PC | PC | PC |
| S | S | G | G | G | D | G |
| S | A | G | G | G | D | G |
| S | U | G | X | X | X | X |
| A | R | Q0 | F | F | F | F |
| A | P | Q0 | FR | FR | FR | FR |
| A | I | G | G | G | G | G |
| A | PC | PC | PC | PC | PC | PC |
| A | S | G | G | G | D | G |
| A | A | G | G | G | G | G |
| A | U | G | X | X | X | X |
| J | R | W | W | W | W | W |
| J | P | W | W | W | W | W |
| J | I | W | W | W | W | W |
| J | PC | PC | PC | PC | PC | PC |
| J | S | W | W | W | W | W |
| J | A | W | W | W | W | W |
| J | U | W | W | W | W | W |
| U | R | Q0 | O | O | O | O |
| U | P | Q0 | X | X | FR | X |
| U | I | C | X | X | X | X |
| U | PC | PC | PC | PC | PC | PC |
| U | S | C | X | X | X | X |
| U | A | C | X | X | X | X |
| U | U | X | X | X | X | X |
"""
COLUMNS = ("j0", "j1", "j2", "j3", "jR")


@dataclass(frozen=True)
class Does:
    """What a verdict does to the two copies.

    Attributes:
        ends_source: Ends the process at the source.
        ends_destination: Ends the process at the destination.
        runs_source: Lets the source's CPUs run.
        runs_destination: Lets the destination's CPUs run.
        pauses: Pauses one of two running copies.
        waits: Looks again later.
    """

    ends_source: bool = False
    ends_destination: bool = False
    runs_source: bool = False
    runs_destination: bool = False
    pauses: bool = False
    waits: bool = False


NOTHING = Does()
WAITING = Does(waits=True)
DOES = {
    "W": WAITING,
    "K": Does(ends_destination=True),
    "K!": Does(ends_destination=True),
    "KR": Does(ends_destination=True, runs_source=True),
    "KRc": Does(runs_source=True),
    "F": Does(ends_source=True),
    "FR": Does(ends_source=True, runs_destination=True),
    "G": Does(ends_destination=True),
    "Q": Does(pauses=True),
    **dict.fromkeys(["C", "D", "D?", "O", "X", "XR", "Q0", "PC"], NOTHING),
}


def cells():
    """(source, destination, journal, two-step) -> the word in the table."""
    found = {}
    for line in TABLE.strip().splitlines():
        source, destination, *words = (part.strip() for part in line.split("|")[1:-1])
        for column, word in zip(COLUMNS, words, strict=True):
            two, _, one = word.partition(" / ")
            found[source, destination, column, True] = two
            found[source, destination, column, False] = one or two
    return found


CELLS = cells()


def may_have_run_there(destination, told, *, two):
    """Whether the destination's CPUs can have run, as far as journal and eyes tell."""
    if destination == "R" or told == "j3":
        return True
    # In one step the hypervisor starts it there by itself, once perform was intended;
    # an incomplete copy has not run, and one that left no trace was never finished.
    return not two and told in ("j1", "j2", "jR") and destination in ("P", "S", "U")


def broken(cell, word):
    """The invariants that this verdict would break in this situation."""
    source, destination, told, two = cell
    does = DOES[word]
    ran_there = may_have_run_there(destination, told, two=two)
    # The destination runs, and not in post-copy any more: the last page is there.
    over = (source, destination, told) == ("PC", "R", "j3") and not does.runs_source
    rules = {
        "starts while the other may run": (
            does.runs_source and destination in ("R", "PC")
        )
        or (does.runs_source and destination == "U" and ran_there)
        or (does.runs_destination and source in ("R", "J", "PC"))
        or (does.runs_destination and source == "U" and told != "j3"),
        "ends a running guest": (
            (does.ends_source and source in ("R", "J", "PC")) and not over
        )
        or (does.ends_destination and destination in ("R", "PC")),
        "ends the last copy": (does.ends_source and destination not in ("R", "P"))
        or (does.ends_destination and destination == "P" and source in ("S", "A", "U")),
        "ends a copy that may be newer": does.ends_destination
        and destination == "P"
        and source != "R"
        and ran_there,
        "resumes a stale source": does.runs_source and ran_there,
        "acts while a job is active": source == "J" and does not in (NOTHING, WAITING),
        "acts in post-copy": "PC" in (source, destination)
        and does != NOTHING
        and not over,
        "acts on what is not ours": told == "j0"
        and destination in ("R", "P")
        and (does.ends_destination or does.runs_destination or does.pauses),
        "pauses where only one can have run": does.pauses
        and not (source == "R" and ran_there),
    }
    return [name for name, holds in rules.items() if holds]
