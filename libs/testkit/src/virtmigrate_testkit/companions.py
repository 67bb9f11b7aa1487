"""Which request has this answer to this option, and nothing that contradicts it. Pure.

Many options only go with others (`--zerocopy` with `--parallel`). The rules are data,
so the smallest request that satisfies them can be searched for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from virtmigrate.capabilities import Capabilities, How, Knob
from virtmigrate.errors import Refused, leaves
from virtmigrate.host import RunState
from virtmigrate.negotiation import Ends, form_of, settle
from virtmigrate.option_rows import BY_NAME, OWN, SWITCHES, Switch
from virtmigrate.options import Options
from virtmigrate.plan import GuestFacts

Asked = dict[str, object]
STATES = (RunState.RUNNING, RunState.SHUTOFF, RunState.PAUSED)
FAR_S = 3600
"""A timer that never fires in a test, seconds."""
COMPANIONS: tuple[tuple[str, object], ...] = (
    *((row.name, answer) for answer in (True, False) for row in SWITCHES),
    ("timeout_s", FAR_S),
    *(("compression_methods", (name,)) for name in ("xbzrle", "mt", "zlib", "zstd")),
)


def ends_of(source: Capabilities, destination: Capabilities, state: RunState) -> Ends:
    """Two hosts, and a persistent guest in this state between them."""
    facts = GuestFacts(name="kit", uuid="kit", state=state, persistent=True)
    return Ends(source, destination, facts)


def accepted(asked: Mapping[str, object], ends: Ends) -> bool:
    """Whether this request settles."""
    return not refusals(asked, ends)


def refusals(asked: Mapping[str, object], ends: Ends) -> list[Refused]:
    """What the negotiation says against it."""
    try:
        form_of(settle(Options.checked(asked), ends), ends)
    except ExceptionGroup as group:
        return [error for error in leaves(group) if isinstance(error, Refused)]
    return []


def smallest(
    asked: Asked, ends: Ends, avoid: frozenset[str] = frozenset()
) -> tuple[Asked, RunState] | None:
    """The smallest acceptable request that holds this one, and for which guest.

    Args:
        asked: What it must hold.
        ends: Both declarations; its guest's state is tried in each way.
        avoid: Options that a bench can't carry.
    """
    if any(_refused(name, answer, ends) for name, answer in asked.items()):
        return None  # no companion makes up for that
    for many in range(3):
        for extra in _extras(asked, many, avoid):
            for state in STATES:
                facts = ends.guest.model_copy(update={"state": state})
                tried = {**extra, **asked}
                if accepted(tried, replace(ends, guest=facts)):
                    return tried, state
    return None


def _refused(name: str, answer: object, ends: Ends) -> bool:
    row, knobs = BY_NAME[name], ends.source.knobs
    if not isinstance(row, Switch) or not isinstance(answer, bool):
        return name == "timeout_s" and not {Knob.SUSPEND, Knob.POSTCOPY} & {*knobs}
    if row.knob:
        return answer and Knob(row.knob) not in knobs
    found = [each.switch(name) for _, each in ends.of(row.side)]
    return name not in OWN and any(s.how(answer) is How.REFUSED for s in found)


def _extras(asked: Asked, many: int, avoid: frozenset[str]) -> Iterator[Asked]:
    free = [c for c in COMPANIONS if c[0] not in asked and c[0] not in avoid]
    for chosen in itertools.combinations(free, many):
        extra = dict(chosen)
        if len(extra) == many:
            yield extra
