"""Every promise of this project, where it comes from, and so which tests carry it.

A test carries a promise with ``@requirement("live.meaning")``. `tests/meta` checks both
ways: a promise without a test fails, unless it says which part of the work brings it,
and so does a test that carries an unknown one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests import design_promises, disk_promises

if TYPE_CHECKING:
    from collections.abc import Callable

THREAD = (
    'libvir-list, September 2015, "[PATCH v4 5/6] vz: support misc migration options"'
)
PATCH = f"{THREAD}, Shirokovskiy"
REVIEW = f"{THREAD}, Berrange"
BOTH = f"{THREAD}, both"
PROJECT = "the four promises, docs/architecture.md"
DESIGN = "the design, docs/architecture.md and docs/decisions"

ISSUE_4 = "issue 4, how a migration ends"
ISSUE_5 = "issue 5, nothing is lost"
ISSUE_6 = "issue 6, disks and pre-flight"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One promise.

    Attributes:
        source: Who said it, where.
        text: What is promised, in one sentence.
        deferred: The part of the work that brings it; None = it must have a test.
    """

    source: str
    text: str
    deferred: str | None = None


REQUIREMENTS: dict[str, Requirement] = {
    # --- compression ---------------------------------------------------------
    "compressed.inherent": Requirement(
        PATCH, "A hypervisor that always compresses demands no option for it."
    ),
    "compressed.absent": Requirement(
        REVIEW, "Absence of `compressed` is no request to have it off: never an error."
    ),
    "compressed.indistinguishable": Requirement(
        PATCH, "The plan and the capabilities tell refused, inherent and native apart."
    ),
    "compressed.explicit-no": Requirement(
        PATCH, "`--no-compressed` is refused by name where compression is inherent."
    ),
    # --- defaults ------------------------------------------------------------
    "default.notion": Requirement(
        PATCH, "Each option has a third answer, the default, shown for each plugin."
    ),
    "default.bare": Requirement(
        BOTH, "A bare `migrate GUEST DESTINATION` works on every hypervisor."
    ),
    # --- live and coma -------------------------------------------------------
    "live.meaning": Requirement(
        REVIEW, "Without `live` the guest's CPUs are paused for the whole move."
    ),
    "live.fake": Requirement(
        REVIEW, "Coma is emulated: suspended before, resumed after."
    ),
    "live.refuse": Requirement(
        REVIEW, "A hypervisor may refuse live=no instead, by name."
    ),
    "live.always": Requirement(
        PATCH,
        "vz moves VMs and containers live, whatever its SDK's flags.",
    ),
    # --- configuration on both sides -----------------------------------------
    "persist.absent": Requirement(
        REVIEW, "Without persist-on-destination, finish undoes the definition there."
    ),
    "persist.deferred": Requirement(
        REVIEW, "Where undoing it would stop the guest, it is owed and paid later."
    ),
    "undefine.absent": Requirement(
        REVIEW, "Without undefine-source, confirm gives the source its definition back."
    ),
    "compat.semantics": Requirement(
        REVIEW, "A libvirt flag word keeps libvirt's meaning exactly, absence included."
    ),
    # --- paused and offline --------------------------------------------------
    "paused": Requirement(PATCH, "`paused`: not resumed at the destination, verified."),
    "offline.definition": Requirement(
        PATCH, "Offline moves a stopped guest's definition; refused for a running one."
    ),
    "offline.vz-disks": Requirement(
        PATCH,
        "On vz the disks of a stopped guest move too; the plan says so.",
    ),
    # --- what orchestrators pass, and what may be refused --------------------
    "apps.all-four": Requirement(
        BOTH, "`--compressed --live --persistent --undefinesource` works everywhere."
    ),
    "unsafe": Requirement(BOTH, "vz refuses `unsafe` by name, with the reason."),
    "change-protection": Requirement(
        BOTH,
        "vz refuses `change_protection` by name: its locks are advisory.",
    ),
    "tunnelled": Requirement(
        BOTH,
        "vz refuses `tunnelled` by name, and says that it encrypts itself.",
    ),
    "direct": Requirement(
        BOTH, "Migration without a daemon at the other end is refused by name."
    ),
    "managed": Requirement(
        REVIEW, "Managed and peer-to-peer moves both work where the hosts have them."
    ),
    "rest": Requirement(
        PATCH, "Every other option is refused by name, with what is supported."
    ),
    # --- disks ---------------------------------------------------------------
    "disks.silly": Requirement(
        BOTH, "Destination images are made; the user is never asked to."
    ),
    "disks.existence": Requirement(
        PATCH, "A file at the same path is never taken as proof of sharing."
    ),
    "disks.validate": Requirement(
        REVIEW, "Sharing is proven for each disk, or it is an error."
    ),
    "disks.right-thing": Requirement(
        BOTH, "Shared disks stay and the others are copied, without an option."
    ),
    # --- say what you mean ---------------------------------------------------
    "say.three-answers": Requirement(
        PROJECT, "An option is yes, no or default, and the three stay apart."
    ),
    "say.plan-first": Requirement(
        PROJECT, "The plan says of each option what was asked, what holds, and how."
    ),
    "say.all-at-once": Requirement(
        PROJECT, "All blockers come at once, each with its side and a remedy."
    ),
    "say.refused-untouched": Requirement(
        PROJECT, "What is refused is refused before either host is touched."
    ),
    "say.plan-is-data": Requirement(
        PROJECT, "A plan survives JSON, and its digest does not move."
    ),
    # --- secrets and trust ---------------------------------------------------
    "secrets.never-shown": Requirement(
        PROJECT, "No secret reaches a log, an event, the journal or an error's text."
    ),
    "journal.trusted": Requirement(
        PROJECT, "A journal that others can write, or that is garbled, is refused."
    ),
    "journal.durable": Requirement(
        PROJECT, "A durable record outlives the controller, whenever it is killed."
    ),
    "journal.one-per-guest": Requirement(
        PROJECT,
        "One migration of a guest at a time; the refusal says whom to wait for.",
    ),
    "transport.tls": Requirement(
        PROJECT,
        "Hosts are reached by TLS, by us and, peer-to-peer, by each other; a host or a "
        "client whose certificate is of a foreign authority is refused.",
    ),
    "transport.ssh": Requirement(
        PROJECT, "By ssh, a host whose key is not known, or has changed, is refused."
    ),
    "transport.never-asks": Requirement(
        PROJECT, "No login ever waits for an answer from a terminal."
    ),
    "transport.remedy": Requirement(
        PROJECT, "Who can't prove who they are is named, with side and remedy."
    ),
    "transport.stream": Requirement(
        PROJECT,
        "With `--tls` nothing of a guest is ever sent in the clear: without good "
        "certificates the move fails before memory flows, and the guest runs on.",
    ),
    # --- it ends -------------------------------------------------------------
    "ends.cancel": Requirement(
        PROJECT, "A cancelled move is rolled back: the source runs on, nothing is left."
    ),
    "ends.limits": Requirement(
        PROJECT,
        "A move ends within stated limits, and as soon as what is allowed lets it.",
    ),
    "ends.deadline": Requirement(
        ISSUE_4, "Whatever the figures say, a transfer ends at its deadline."
    ),
    "ends.standstill": Requirement(
        ISSUE_4, "A guest that stands still for longer than its limit is given back."
    ),
    "ends.postcopy-never-aborted": Requirement(
        ISSUE_4, "A guest that runs in post-copy is never aborted."
    ),
    "ends.consent": Requirement(
        ISSUE_4, "Post-copy and pause need consent, and a host that can do them."
    ),
    "ends.early": Requirement(
        ISSUE_4, "What can't converge is decided on within three passes."
    ),
    "ends.drop": Requirement(
        ISSUE_4, "Nothing is concluded from a link that has just dropped."
    ),
    "ends.verdict": Requirement(
        ISSUE_4, "From the second pass on it is known whether pre-copy converges."
    ),
    "ends.named-limit": Requirement(
        ISSUE_4, "The limit that fired is named, with its value, unit and origin."
    ),
    "ends.hostile": Requirement(
        ISSUE_4, "Absurd, missing and late figures: no crash, no wrong verdict."
    ),
    "ends.presets": Requirement(
        ISSUE_4, "A peer's policy, replayed, takes that peer's documented steps."
    ),
    "ends.forecast": Requirement(
        ISSUE_4, "A plan foretells time, stop and verdict, and says on what basis."
    ),
    "ends.gauge-safe": Requirement(
        ISSUE_4, "Measuring what a guest writes ends no guest, emulated ones neither."
    ),
    "ends.gauge-budget": Requirement(
        ISSUE_4, "Measuring before the start takes no longer than it was given."
    ),
    "ends.forecast-error": Requirement(
        ISSUE_4,
        "Time before the start: half are off by 5 %, 19 of 20 by 15 %, at most.",
    ),
    "ends.policy-file": Requirement(
        ISSUE_4, "A policy is portable data; a malformed one is refused, whole."
    ),
    # --- nothing is lost -----------------------------------------------------
    "lost.commit-first": Requirement(
        PROJECT, "A durable COMMIT precedes finish; after it, the source stays down."
    ),
    "lost.finish-reply": Requirement(
        PROJECT, "A lost answer of finish never leaves two running copies."
    ),
    "lost.told-the-outcome": Requirement(
        PROJECT, "Once prepare has run, finish and confirm run, told the outcome."
    ),
    "lost.run-state": Requirement(
        PROJECT, "A running guest ends running, a paused one paused, whatever happens."
    ),
    "lost.configuration": Requirement(
        PROJECT, "A persistent guest always has a definition, unless told otherwise."
    ),
    "lost.unknown": Requirement(
        PROJECT, "When the truth can't be known, that is said and nothing is touched."
    ),
    "lost.decision-table": Requirement(
        PROJECT,
        "What is done is decided by a table that never starts a second copy, ends a "
        "running or the last one, or resumes a stale one.",
    ),
    "recover.fence": Requirement(
        PROJECT,
        "A host that does not come back is done without on a person's word: written "
        "down, believed only of a host that does not answer, and never enough to end a "
        "running guest or to resume a stale one.",
    ),
    "lost.killed": Requirement(
        PROJECT, "Whoever is killed, whenever, `recover` finds the one right state."
    ),
    "lost.frozen": Requirement(
        ISSUE_5, "Whoever is frozen or cut off and comes back, one guest is left."
    ),
    "lost.message": Requirement(
        ISSUE_5, "Any request or reply may be lost: no guest is, and none runs twice."
    ),
    "lost.ping-pong": Requirement(
        ISSUE_5, "Many moves, some struck, lose no memory and leave nothing behind."
    ),
    "lost.judged": Requirement(
        ISSUE_5, "A guest's history is judged by its own heartbeat; a bad one fails."
    ),
    "calls.bounded": Requirement(
        ISSUE_5,
        "Every wait for a host ends: calls by a deadline, a transfer by its policy, "
        "and one that heeds no order, or moves nothing in post-copy, by patience.",
    ),
    # --- what comes from elsewhere -------------------------------------------
    "input.refused": Requirement(
        ISSUE_5,
        "Bad input ends in a typed error and the exit code of its kind, without a "
        "traceback or a secret, and with both hosts unchanged.",
    ),
    "input.fuzzed": Requirement(
        ISSUE_5,
        "Whatever is parsed is read or refused by a typed error, never anything else.",
    ),
    "insecure.named": Requirement(
        ISSUE_5,
        "A check is switched off by its name only, which is logged and stands in the "
        "plan; a host with a dash is never let through.",
    ),
    "documents.bounded": Requirement(
        ISSUE_5,
        "A domain document is bounded in size, depth and counts before a daemon sees "
        "it, whoever wrote it.",
    ),
    "documents.programs": Requirement(
        ISSUE_5,
        "What a definition runs is on the destination's list, and QEMU gets no "
        "arguments past libvirt, unless that was allowed by name.",
    ),
    "cookies.checked": Requirement(
        ISSUE_5, "A cookie is passed on only if it is of this guest, known and bounded."
    ),
    "plugins.allowed": Requirement(
        ISSUE_5,
        "With a list of allowed plugins nothing else is imported, and what is left out "
        "is named with its origin.",
    ),
    "watch.alarm": Requirement(
        ISSUE_5, "A step that takes longer than its limit raises an alarm event, once."
    ),
    "cli.status-answers": Requirement(
        ISSUE_5, "`status` answers from the journal alone, whatever host hangs."
    ),
    # --- hypervisors side by side ---------------------------------------------
    "pair.refused-by-name": Requirement(
        PROJECT,
        "A pair of different hypervisors is refused in the plan, by name, with what "
        "would be possible.",
    ),
    # --- a hypervisor is a small plugin --------------------------------------
    "plugin.override": Requirement(
        PROJECT, "A plugin overrides a default by implementing the same hook."
    ),
    "plugin.own-side": Requirement(
        PROJECT, "A phase hook reaches the hypervisor plugin of its own side only."
    ),
    "plugin.wrappers": Requirement(
        PROJECT, "Wrappers see the real cookies of each phase, and may fail it."
    ),
    "plugin.isolated": Requirement(
        PROJECT, "A plugin that fails to load is named, and takes no other down."
    ),
    "physics.pages": Requirement(
        PROJECT,
        "A mock transfer sends, measures and stops as QEMU does, page by page.",
    ),
    "physics.real": Requirement(
        PROJECT,
        "What it foretells of a real move's time is right to within a few percent.",
    ),
    "plugin.kit": Requirement(
        PROJECT,
        "A plugin's author proves it with a kit that reads its declaration.",
    ),
    # --- reports -------------------------------------------------------------
    "report.from-journal": Requirement(
        PROJECT, "A report is made from the journal alone: no host is asked."
    ),
}

# What the design promises beyond that.
REQUIREMENTS |= (
    {name: Requirement(DESIGN, text) for name, text in design_promises.BUILT.items()}
    | {name: Requirement(ISSUE_6, text) for name, text in disk_promises.BUILT.items()}
    | {
        name: Requirement(DESIGN, text, part)
        for name, (text, part) in design_promises.LATER.items()
    }
)

_Test = TypeVar("_Test", bound="Callable[..., object]")


def requirement(promise: str) -> Callable[[_Test], _Test]:
    """Mark a test as one that carries a promise.

    Args:
        promise: A key of `REQUIREMENTS`.
    """
    if promise not in REQUIREMENTS:
        msg = f"no such promise: {promise!r}; tests/requirements.py lists them"
        raise KeyError(msg)
    return pytest.mark.requirement(promise)
