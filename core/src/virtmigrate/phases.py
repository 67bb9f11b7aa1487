"""The five phases of a migration, in order, and the words that go with them.

They are those of libvirt's v3 protocol (`virDomainMigrateBegin3Params` and its four
followers): begin (source), prepare (destination), perform (source), finish
(destination), confirm (source). Cookies travel between them.
"""

from __future__ import annotations

from enum import StrEnum

from virtmigrate.errors import Side


class Phase(StrEnum):
    """Where in a migration a step stands."""

    BEGIN = "begin"
    PREPARE = "prepare"
    PERFORM = "perform"
    COMMIT = "commit"
    FINISH = "finish"
    CONFIRM = "confirm"
    CLOSE = "close"


SIDE_OF: dict[Phase, Side] = {
    Phase.BEGIN: Side.SOURCE,
    Phase.PREPARE: Side.DESTINATION,
    Phase.PERFORM: Side.SOURCE,
    Phase.COMMIT: Side.BOTH,
    Phase.FINISH: Side.DESTINATION,
    Phase.CONFIRM: Side.SOURCE,
    Phase.CLOSE: Side.BOTH,
}

NEXT: dict[Phase, tuple[Phase, ...]] = {
    Phase.BEGIN: (Phase.PREPARE, Phase.CONFIRM),
    Phase.PREPARE: (Phase.PERFORM, Phase.COMMIT, Phase.FINISH),
    Phase.PERFORM: (Phase.COMMIT, Phase.FINISH),
    Phase.COMMIT: (Phase.FINISH,),
    Phase.FINISH: (Phase.CONFIRM,),
    Phase.CONFIRM: (Phase.CLOSE,),
    Phase.CLOSE: (),
}
"""Legal successors. Finish follows every prepare, confirm every begin."""


class Fate(StrEnum):
    """What finish and confirm are told about the migration so far."""

    GO = "go"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """How a migration ended, decided by looking at both hosts."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"
    UNKNOWN = "unknown: needs recovery"
    QUARANTINED = "quarantined: a human decides"

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        return EXIT_CODES[self]


EXIT_CODES: dict[Outcome, int] = {
    Outcome.SUCCEEDED: 0,
    Outcome.ROLLED_BACK: 1,
    Outcome.REFUSED: 2,
    Outcome.UNKNOWN: 3,
    Outcome.QUARANTINED: 4,
}
