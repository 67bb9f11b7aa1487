"""Declarations to test with: one that controls everything, one like vz."""

from __future__ import annotations

from virtmigrate.capabilities import (
    Capabilities,
    Form,
    How,
    Knob,
    Progress,
    SourceAfterPerform,
    Support,
    ValueSupport,
)
from virtmigrate.host import RunState
from virtmigrate.negotiation import Ends
from virtmigrate.option_rows import OWN, SWITCHES, VALUES
from virtmigrate.plan import GuestFacts

NATIVE = Support(on=How.NATIVE, off=How.NATIVE)
ALWAYS = Support(on=How.INHERENT, off=How.REFUSED, default=True, note="always so")
ALWAYS_OR_FAKED = Support(on=How.INHERENT, off=How.EMULATED, default=True)
NEVER = Support(on=How.REFUSED, off=How.INHERENT, default=False, note="never so")
OURS = (*OWN, "timeout_suspend", "timeout_postcopy", "postcopy_after_precopy")
"""Switches that the core or its engine serves: no host declares them."""

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
DECLARABLE = tuple(row.name for row in SWITCHES if row.name not in OURS)


def declaration(host="a", switches=None, **fields):
    """A host that declares just this."""
    fields.setdefault("hypervisor", "scripted")
    return Capabilities(
        host=host, host_uuid=f"host-{host}", switches=switches or {}, **fields
    )


def qemu_like(host="a", switches=None, **fields):
    """Everything can be chosen; moves are live and nothing is compressed by default."""
    every = dict.fromkeys(DECLARABLE, NATIVE)
    fields.setdefault("values", {v.name: ValueSupport(how=How.NATIVE) for v in VALUES})
    fields.setdefault("knobs", tuple(Knob))
    fields.setdefault("progress", Progress.BYTES)
    return declaration(host, {**every, **(switches or {})}, **fields)


def vz_like(host="a", switches=None, **fields):
    """Always live, compressed, persistent, and gone from the source."""
    vz = {
        "live": ALWAYS_OR_FAKED,
        "compressed": ALWAYS,
        "persist_dest": Support(on=How.INHERENT, off=How.DEFERRED, default=True),
        "undefine_source": ALWAYS_OR_FAKED,
        "paused": NATIVE,
        "p2p": NATIVE,
    }
    fields.setdefault("source_after_perform", SourceAfterPerform.GONE)
    fields.setdefault("offline_by_plain_move", True)
    fields.setdefault("progress", Progress.PERCENT)
    return declaration(host, {**vz, **(switches or {})}, **fields)


def ends(source=None, destination=None, **guest):
    """Two hosts and a guest between them; a qemu-like pair and a running guest."""
    defined_there = guest.pop("defined_there", False)
    return Ends(
        source or qemu_like("a"),
        destination or qemu_like("b"),
        facts(**guest),
        defined_there=defined_there,
    )


def facts(state=RunState.RUNNING, *, persistent=True, name="demo"):
    """The guest as found."""
    return GuestFacts(name=name, uuid=UUID, state=state, persistent=persistent)


FORMS = tuple(Form)
