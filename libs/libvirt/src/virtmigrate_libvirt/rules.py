"""The rules of libvirt's own migration loop, which are ours once we drive the phases.

Pure. Source: `virDomainMigrateVersion3Full` in `src/libvirt-domain.c`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from virtmigrate.phases import Phase
from virtmigrate_libvirt.flags import (
    ABORT_ON_ERROR,
    AUTO_CONVERGE,
    CHANGE_PROTECTION,
    PAUSED,
    POSTCOPY_RESUME,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate_libvirt.typed import ParamValue

SOURCE_ONLY = ABORT_ON_ERROR | AUTO_CONVERGE
DROPPED: dict[Phase, int] = {
    Phase.BEGIN: CHANGE_PROTECTION,
    Phase.PREPARE: CHANGE_PROTECTION | SOURCE_ONLY,
    Phase.PERFORM: CHANGE_PROTECTION,
    Phase.FINISH: CHANGE_PROTECTION | SOURCE_ONLY,
    Phase.CONFIRM: CHANGE_PROTECTION,
}
"""Flags that a phase never hears, but for what the next table adds again."""
PROTECTED = frozenset({Phase.BEGIN, Phase.PERFORM, Phase.CONFIRM})
"""Phases that hear CHANGE_PROTECTION, if the source's driver has it (feature 7)."""

URI, DEST_NAME, DEST_XML = "migrate_uri", "destination_name", "destination_xml"


def flags_for(phase: Phase, flags: int, *, protects: bool) -> int:
    """The flag word of one phase.

    Args:
        phase: Which.
        flags: The migration's word (after `seen_paused`).
        protects: Whether the source's driver has change protection.
    """
    word = flags & ~DROPPED[phase]
    return word | CHANGE_PROTECTION if protects and phase in PROTECTED else word


def seen_paused(flags: int, *, paused: bool) -> int:
    """The word after begin: a source that is paused then makes the guest stay so."""
    if paused and not flags & POSTCOPY_RESUME:
        return flags | PAUSED
    return flags


def landing(flags: int, *, paused: bool) -> int:
    """The word for finish: the run state is decided at COMMIT, not at begin."""
    return flags | PAUSED if paused else flags & ~PAUSED


def params_for(
    phase: Phase,
    params: Mapping[str, ParamValue],
    *,
    name: str,
    begin_xml: str | None = None,
    uri: str | None = None,
) -> dict[str, ParamValue]:
    """The parameters of one phase.

    Args:
        phase: Which.
        params: The migration's parameters.
        name: The guest's name at the source.
        begin_xml: Begin's XML; it replaces `destination_xml` from prepare on.
        uri: Prepare's URI; it overrides `migrate_uri` from perform on.
    """
    given = dict(params)
    if phase is not Phase.BEGIN and begin_xml is not None:
        given[DEST_XML] = begin_xml
    if phase in (Phase.PERFORM, Phase.FINISH, Phase.CONFIRM) and uri:
        given[URI] = uri
    if phase in (Phase.FINISH, Phase.CONFIRM):
        given.setdefault(DEST_NAME, name)
    return given


class Reached(StrEnum):
    """How far the phases came; the journal keeps it as text."""

    NOTHING = "nothing"
    BEGIN_FAILED = "begin-failed"
    BEGIN_LOST = "begin-lost"
    BEGUN = "begun"
    PREPARE_FAILED = "prepare-failed"
    PREPARE_LOST = "prepare-lost"
    PREPARED = "prepared"
    PERFORM_FAILED = "perform-failed"
    PERFORM_LOST = "perform-lost"
    PERFORMED = "performed"
    FINISH_FAILED = "finish-failed"
    FINISH_LOST = "finish-lost"
    FINISHED = "finished"


class When(StrEnum):
    """Whether libvirt must hear a call."""

    NEVER = "never"
    PROTECTED = "if the source has change protection"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Cancelling:
    """What libvirt must hear when a migration is cancelled.

    Attributes:
        finish: Whether finish(cancelled=1) goes to the destination.
        confirm: Whether confirm(cancelled=1) goes to the source.
    """

    finish: When
    confirm: When


CANCELLING: dict[Reached, Cancelling] = {
    Reached.NOTHING: Cancelling(When.NEVER, When.NEVER),
    Reached.BEGIN_FAILED: Cancelling(When.NEVER, When.NEVER),
    Reached.BEGIN_LOST: Cancelling(When.NEVER, When.PROTECTED),
    Reached.BEGUN: Cancelling(When.NEVER, When.PROTECTED),
    Reached.PREPARE_FAILED: Cancelling(When.NEVER, When.PROTECTED),
    Reached.PREPARE_LOST: Cancelling(When.ALWAYS, When.PROTECTED),
    Reached.PREPARED: Cancelling(When.ALWAYS, When.ALWAYS),
    Reached.PERFORM_FAILED: Cancelling(When.ALWAYS, When.NEVER),
    Reached.PERFORM_LOST: Cancelling(When.ALWAYS, When.NEVER),
    Reached.PERFORMED: Cancelling(When.ALWAYS, When.ALWAYS),
    Reached.FINISH_FAILED: Cancelling(When.NEVER, When.ALWAYS),
    Reached.FINISH_LOST: Cancelling(When.NEVER, When.ALWAYS),
    Reached.FINISHED: Cancelling(When.NEVER, When.ALWAYS),
}
"""Failure by failure. A perform that failed has let the source run on by itself; one
whose connection died leaves a source without a job, which only `resume` helps."""


def heard(when: When, *, protects: bool) -> bool:
    """Whether the call is made."""
    return when is When.ALWAYS or (when is When.PROTECTED and protects)
