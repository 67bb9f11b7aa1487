"""Options x what both hosts declare -> what will be in effect, or every refusal.

Pure: no host is asked anything here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.capabilities import Capabilities, Form, How, Knob, Support
from virtmigrate.constraints import CORE, violated
from virtmigrate.errors import NotMovable, OptionRefused, Refused, Side
from virtmigrate.host import RunState
from virtmigrate.option_rows import (
    BY_NAME,
    IMPLIED_BY,
    INSTEAD_OF,
    OWN,
    SWITCHES,
    VALUES,
    Switch,
    Value,
)
from virtmigrate.plan import Settlement

if TYPE_CHECKING:
    from collections.abc import Hashable

    from virtmigrate.options import Options
    from virtmigrate.plan import GuestFacts

NEEDED = "a disk is not shared"
COPIES = ("copy_storage", "copy_storage_inc")
RANK = (How.INHERENT, How.NATIVE, How.EMULATED, How.DEFERRED, How.REFUSED)
WISHED = "the policy asks for it"
CONVERSION = (
    "another hypervisor takes a guest by conversion only: stopped, its disks "
    "converted, defined anew there"
)
STOPPED = (RunState.SHUTOFF, RunState.ABSENT)


@dataclass(frozen=True, slots=True)
class Ends:
    """Both declarations, and the guest between them.

    Attributes:
        source: What the source declares.
        destination: What the destination declares.
        guest: The guest as found.
        defined_there: Whether the destination has a definition of it already.
    """

    source: Capabilities
    destination: Capabilities
    guest: GuestFacts
    defined_there: bool = False

    def of(self, side: Side) -> tuple[tuple[Side, Capabilities], ...]:
        """The declarations that a row of this side depends on."""
        both = (
            (Side.SOURCE, self.source),
            (Side.DESTINATION, self.destination),
        )
        return both if side is Side.BOTH else tuple(p for p in both if p[0] is side)

    @property
    def forms(self) -> list[Form]:
        """Forms that both can take part in, the source's best first."""
        return [form for form in self.source.forms if form in self.destination.forms]

    def kind(self) -> Hashable:
        """All that a settlement depends on: whose name the guest bears is not."""
        guest = self.guest
        return (
            self.source,
            self.destination,
            guest.state,
            guest.persistent,
            self.defined_there,
        )

    def facts(self) -> dict[str, bool]:
        """What constraints may ask about the guest."""
        state = self.guest.state
        return {
            "guest.running": state is RunState.RUNNING,
            "guest.paused": state in (RunState.PAUSED, RunState.PAUSED_IOERROR),
            "guest.active": state.active,
            "guest.persistent": self.guest.persistent,
        }


def settle(options: Options, ends: Ends, wanted: Options | None = None) -> Settlement:
    """Settle every option.

    Args:
        options: What was asked.
        ends: Both hosts' declarations and the guest.
        wanted: The same with a policy's wishes beside it.

    Raises:
        ExceptionGroup: Of `Refused`: *every* refusal, each with side and remedy.
    """
    wanted = wanted or options
    key = (options, wanted, ends.kind())
    if (known := _SETTLED.get(key)) is not None:
        return known
    settlement, refusals = _tried(options, ends, wanted)
    if refusals:
        msg = f"{ends.guest.name} can't move as asked"
        raise ExceptionGroup(msg, refusals)
    if len(_SETTLED) >= SETTLED_MAX:
        _SETTLED.clear()
    _SETTLED[key] = settlement
    return settlement


def attempted(options: Options, ends: Ends) -> Settlement:
    """The same of a request that is refused: what could not be settled says so."""
    return _tried(options, ends, options)[0]


def _tried(
    options: Options, ends: Ends, wanted: Options
) -> tuple[Settlement, list[Refused]]:
    refusals: list[Refused] = list(_mixed(ends))
    # Plain rows, validated in one go: this runs for every plan.
    rows: list[dict[str, object]] = []
    for switch in SWITCHES:
        row, refused = _switch(switch, options, wanted, ends)
        rows.append(row)
        refusals += refused
    for value in VALUES:
        given = getattr(wanted, value.name)
        if given is not None:
            asked = getattr(options, value.name)
            refused = _value(value, ends)
            rows.append(
                {
                    "option": value.name,
                    "asked": asked,
                    "effective": given,
                    "how": How.REFUSED if refused else How.NATIVE,
                    "why": WISHED if asked is None else "",
                }
            )
            refusals += refused
    settlement = Settlement.model_validate({"options": rows})
    refusals += _contradictions(settlement, ends)
    refusals += _no_configuration_left(settlement, ends)
    return settlement, refusals


SETTLED_MAX = 256
_SETTLED: dict[Hashable, Settlement] = {}
"""Settlements so far: a drain asks the same of the same hosts again and again."""


def form_of(settlement: Settlement, ends: Ends) -> tuple[Form, str]:
    """Which form the switchover takes, and why.

    Raises:
        ExceptionGroup: No form is left that both hosts can take part in.
    """
    shared = ends.forms
    peer = bool(settlement["p2p"].effective or settlement["tunnelled"].effective)
    wanted = [Form.PEER_TO_PEER] if peer else [Form.DRIVEN, Form.CALL]
    for form in wanted:
        if form in shared:
            return form, FORM_WHY[form]
    msg = f"no form of switchover: {' or '.join(wanted)} is not to be had"
    remedy = f"these hosts offer {', '.join(shared) or 'none'}"
    raise ExceptionGroup(
        msg, [NotMovable(msg, side=Side.BOTH, subject="form", remedy=remedy)]
    )


FORM_WHY = {
    Form.DRIVEN: "we call each phase ourselves; COMMIT decides the switchover",
    Form.PEER_TO_PEER: "the source's daemon drives, as asked; the guest lands paused, "
    "then COMMIT, then resume: its downtime includes the stop at the source",
    Form.CALL: "the library lacks the phase calls, so its one call is used; the guest "
    "lands paused, then COMMIT, then resume: its downtime includes the stop at the "
    "source",
}


def _mixed(ends: Ends) -> list[Refused]:
    source, destination = ends.source.hypervisor, ends.destination.hypervisor
    if source == destination:
        return []
    return [
        NotMovable(
            f"a guest of {source} can't move to a host of {destination}",
            side=Side.BOTH,
            subject=ends.guest.name,
            remedy=f"name a {source} host as the destination; {CONVERSION}",
        )
    ]


def _project_default(name: str, ends: Ends) -> bool | None:
    """What a bare request means: a move."""
    guest = ends.guest
    defaults = {
        "live": guest.state not in STOPPED,
        "persist_dest": guest.persistent,
        "undefine_source": _kept_elsewhere(ends),
        "paused": guest.state in (RunState.PAUSED, RunState.PAUSED_IOERROR),
        "offline": guest.state in STOPPED and not ends.source.offline_by_plain_move,
        "p2p": True if ends.forms == [Form.PEER_TO_PEER] else None,
    }
    return defaults.get(name)


def _kept_elsewhere(ends: Ends) -> bool:
    """Whether the source's definition may go: it is not the only one there can be."""
    there = ends.destination.switch("persist_dest")
    can = there.on is not How.REFUSED or ends.defined_there
    return can or not ends.guest.persistent


def _supports(switch: Switch, ends: Ends) -> list[tuple[Side, Support]]:
    declared = ends.source.switches.keys() | ends.destination.switches.keys()
    if switch.name in OWN and switch.name not in declared:
        return [(Side.BOTH, Support(on=How.NATIVE, off=How.NATIVE, default=False))]
    if switch.knob:
        have = Knob(switch.knob) in ends.source.knobs
        on = How.EMULATED if have else How.REFUSED
        note = "" if have else f"no {switch.knob} while a transfer runs there"
        off = Support(on=on, off=How.INHERENT, default=False, note=note)
        return [(Side.SOURCE, off)]
    return [
        (side, capabilities.switch(switch.name))
        for side, capabilities in ends.of(switch.side)
    ]


def _switch(
    switch: Switch, options: Options, wanted: Options, ends: Ends
) -> tuple[dict[str, object], list[OptionRefused]]:
    supports = _supports(switch, ends)
    asked: bool | None = getattr(options, switch.name)
    wished: bool | None = getattr(wanted, switch.name)
    implying = _implying(switch, wanted) if wished is None else None
    if wished is not None:
        unasked = NEEDED if switch.name in COPIES else WISHED
        answer, why = wished, "" if asked is not None else unasked
    elif implying:
        answer, why = True, f"--{implying} asks for it"
    else:
        answer, why = _default(switch, supports, ends)
    how = max((s.how(answer) for _, s in supports), key=RANK.index)
    note = next((s.note for _, s in supports if s.how(answer) is how and s.note), "")
    row: dict[str, object] = {
        "option": switch.name,
        "asked": asked,
        "effective": answer,
        "how": how,
        "why": why or note,
    }
    if how is not How.REFUSED:
        return row, []
    if wished is None and not implying:
        return row, [_disagreement(switch)]
    return row, [
        _refusal(switch, answer, side, support, implying)
        for side, support in supports
        if support.how(answer) is How.REFUSED
    ]


def _implying(switch: Switch, options: Options) -> str | None:
    """Spelling of the option that asks for this switch by being given."""
    implying = IMPLIED_BY.get(switch.name)
    instead = INSTEAD_OF.get(switch.name)
    if not implying or not getattr(options, implying):
        return None
    if instead and getattr(options, instead):
        return None
    return BY_NAME[implying].virsh


def _disagreement(switch: Switch) -> OptionRefused:
    """Neither answer is one that both hosts can give."""
    return OptionRefused(
        f"these hosts can't agree on --{switch.virsh}: one can't have it on, the "
        "other not off",
        side=Side.BOTH,
        subject=switch.name,
        remedy="name another destination",
    )


def _default(
    switch: Switch, supports: list[tuple[Side, Support]], ends: Ends
) -> tuple[bool, str]:
    wished = _project_default(switch.name, ends)
    why = "default of a move"
    if wished is None:
        declared = [s.default for _, s in supports if s.default is not None]
        wished, why = (declared[0] if declared else False), "default there"
    if any(s.how(wished) is How.REFUSED for _, s in supports):
        return not wished, "it can't be otherwise there"
    return wished, why


def _refusal(
    switch: Switch,
    answer: bool,  # noqa: FBT001 - the answer is data
    side: Side,
    support: Support,
    implying: str | None,
) -> OptionRefused:
    spelled = f"--{'' if answer else 'no-'}{switch.virsh}"
    if implying:
        spelled = f"{spelled}, which --{implying} asks for,"
    other = f"--{'no-' if answer else ''}{switch.virsh}"
    accepted = (
        f"leave --{implying} out"
        if implying
        else "leave it out"
        if support.how(not answer) is How.REFUSED
        else f"{other} or neither is accepted"
    )
    meaning = switch.yes if answer else switch.no
    reason = support.note or "it can't be so there"
    return OptionRefused(
        f"{spelled} ({meaning}) is refused: {reason}",
        side=side,
        subject=switch.name,
        remedy=accepted,
    )


def _value(value: Value, ends: Ends) -> list[OptionRefused]:
    if value.param is None:
        return []
    return [
        OptionRefused(
            f"--{value.virsh} is refused: {support.note or 'it is unknown there'}",
            side=side,
            subject=value.name,
            remedy="leave it out",
        )
        for side, capabilities in ends.of(Side.BOTH)
        if (support := capabilities.value(value.name)).how is How.REFUSED
    ]


def _contradictions(settlement: Settlement, ends: Ends) -> list[OptionRefused]:
    effective: dict[str, object] = {
        f"asked.{row.option}": row.asked for row in settlement.options
    }
    effective |= {row.option: row.effective for row in settlement.options}
    facts = ends.facts()
    seen: dict[str, OptionRefused] = {}
    rules = [(Side.REQUEST, CORE)] + [
        (side, capabilities.constraints) for side, capabilities in ends.of(Side.BOTH)
    ]
    for side, constraints in rules:
        for rule in violated(constraints, effective, facts):
            seen.setdefault(
                rule.id,
                OptionRefused(
                    rule.message, side=side, subject=rule.id, remedy=rule.remedy
                ),
            )
    return list(seen.values())


def _no_configuration_left(settlement: Settlement, ends: Ends) -> list[OptionRefused]:
    """A persistent guest must keep a definition somewhere, unless told otherwise."""
    persist, undefine = settlement["persist_dest"], settlement["undefine_source"]
    zero = ends.guest.persistent and undefine.effective and not persist.effective
    explicit = persist.asked is False and undefine.asked is True
    if not zero or explicit or ends.defined_there:
        return []
    remedy = (
        "leave --no-persistent out, or add --no-undefinesource"
        if persist.asked is False
        else "the destination keeps none: add --no-undefinesource"
    )
    return [
        OptionRefused(
            "the guest would have no definition anywhere once it stops",
            subject="persist_dest",
            remedy=f"{remedy}; --no-persistent --undefinesource consents to it",
        )
    ]
