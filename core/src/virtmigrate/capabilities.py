"""What a host declares that it can do: for each option how, not merely whether."""

from __future__ import annotations

from enum import StrEnum

from virtmigrate.model import Model
from virtmigrate.option_rows import BY_NAME


class How(StrEnum):
    """How an answer to an option is met."""

    NATIVE = "native"
    """The hypervisor does it when told to."""
    INHERENT = "inherent"
    """It is always so; nothing has to be said."""
    EMULATED = "emulated"
    """Steps of ours make it so."""
    DEFERRED = "deferred"
    """It is made so later: an obligation is recorded."""
    REFUSED = "refused"
    """It can't be so."""


class Knob(StrEnum):
    """What can be turned while a transfer runs, with the unit of its value."""

    DOWNTIME_MS = "downtime-ms"
    BANDWIDTH_MIB_S = "bandwidth-mib-s"
    POSTCOPY = "postcopy"
    """Switch to post-copy now; the value is ignored."""
    SUSPEND = "suspend"
    """Suspend the guest so that the transfer converges; the value is ignored."""
    XBZRLE_CACHE_BYTES = "xbzrle-cache-bytes"


class Progress(StrEnum):
    """What a hypervisor's progress counts."""

    BYTES = "bytes"
    PERCENT = "percent"
    NOTHING = "nothing"


class Form(StrEnum):
    """Who carries the phases out."""

    DRIVEN = "driven"
    """We call each phase; COMMIT lies between perform and finish."""
    PEER_TO_PEER = "peer-to-peer"
    """The source's daemon does; the guest lands paused, then COMMIT, then resume."""
    CALL = "call"
    """The client library's one call does; lands paused as well."""


class SourceAfterPerform(StrEnum):
    """What a perform that went well leaves at the source."""

    PAUSED = "paused"
    """A complete, stopped copy: everything can still go back."""
    GONE = "gone"
    """Nothing: perform itself is the point of no return."""


class Support(Model):
    """How one switch is met on one host."""

    on: How
    """How a yes is met."""
    off: How
    """How a no is met."""
    default: bool | None = None
    """What happens when nobody asks; None = as the project's defaults say."""
    note: str = ""
    """Why, or what would be accepted instead; shown in plans and refusals."""

    def how(self, answer: bool) -> How:  # noqa: FBT001 - the answer is data
        """How this answer is met."""
        return self.on if answer else self.off


class ValueSupport(Model):
    """How a value option is met on one host."""

    how: How
    """native or refused."""
    note: str = ""
    """Why it is refused, and what to do instead."""


class Term(Model):
    """One clause of a constraint, about the *effective* options or the guest.

    `what` is an option's name (what is in effect), `asked.` and its name (what was
    asked), or `guest.running`, `guest.paused`, `guest.persistent`, `guest.active`.
    Exactly one question is asked of it.
    """

    what: str
    """Option or fact."""
    answer: bool | None = None
    """It is this (True or False)."""
    given: bool | None = None
    """It was given / was not given (values)."""
    holds: str | None = None
    """A list value holds this item, or a text value begins with it."""
    lacks: str | None = None
    """A list value does not hold this item; one that is not given holds none."""
    other_than: tuple[str, ...] = ()
    """A text value begins with none of these."""
    many: bool | None = None
    """A list value has more than one item."""


class Constraint(Model):
    """A combination that a host refuses: violated when all terms hold."""

    id: str
    """Stable, kebab-case."""
    when: tuple[Term, ...]
    """All of these must hold for it to be violated."""
    message: str
    """What contradicts what."""
    remedy: str
    """What to change."""
    source: str = ""
    """Where the rule stands (a function of libvirt, a manual)."""


class Capabilities(Model):
    """Everything that one host declares about migration."""

    hypervisor: str
    """Name of the hypervisor; both sides must have the same."""
    host: str
    """Hostname."""
    host_uuid: str
    """Identity of the host."""
    versions: dict[str, str] = {}
    """What runs there, by name (`libvirt`, `qemu`)."""
    switches: dict[str, Support]
    """By option name. An option that is missing here is refused when asked for."""
    values: dict[str, ValueSupport] = {}
    """By option name. Missing = refused when given."""
    constraints: tuple[Constraint, ...] = ()
    """Combinations that it refuses."""
    knobs: tuple[Knob, ...] = ()
    """What can be turned while it runs."""
    progress: Progress = Progress.NOTHING
    """What its progress counts."""
    forms: tuple[Form, ...] = (Form.DRIVEN,)
    """Forms of switchover that it can take part in, best first."""
    source_after_perform: SourceAfterPerform = SourceAfterPerform.PAUSED
    """Where the point of no return lies."""
    can_define: bool = True
    """Whether a definition can be made without starting the guest."""
    offline_by_plain_move: bool = False
    """Whether a stopped guest moves by the ordinary phases, without `offline`."""

    def __hash__(self) -> int:
        """By identity of the host: what it declares rarely changes, and is compared."""
        return hash((self.hypervisor, self.host_uuid))

    def switch(self, name: str) -> Support:
        """How a switch is met here; refused both ways is never invented.

        An undeclared switch is one that the hypervisor does not know: it can't be on,
        and is always off.
        """
        return self.switches.get(name, UNKNOWN)

    def value(self, name: str) -> ValueSupport:
        """How a value option is met here."""
        return self.values.get(name, UNKNOWN_VALUE)


UNKNOWN = Support(
    on=How.REFUSED,
    off=How.INHERENT,
    default=False,
    note="this hypervisor does not have it",
)
UNKNOWN_VALUE = ValueSupport(how=How.REFUSED, note="this hypervisor does not have it")


def undeclared(capabilities: Capabilities) -> list[str]:
    """Names in a declaration that are no options: a plugin's typing mistakes."""
    return sorted({*capabilities.switches, *capabilities.values} - set(BY_NAME))
