"""Declarations of QEMU hosts, from facts made by hand."""

from __future__ import annotations

from virtmigrate.host import RunState
from virtmigrate.negotiation import Ends
from virtmigrate.plan import GuestFacts
from virtmigrate_qemu.capabilities import ASSUMED, Facts, from_facts, had
from virtmigrate_qemu.since import version

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"


def facts(libvirt="12.5.0", qemu="9.0.0", *, driven=True, **features):
    """What a host reports; by default one that has everything."""
    found = had({f: features.get(f.name.lower(), has) for f, has in ASSUMED.items()})
    return Facts(version(libvirt), version(qemu), found, driven=driven)


def declare(name="a", **reported):
    """The declaration of such a host."""
    return from_facts(facts(**reported), name, f"host-{name}")


def ends(*, state=RunState.RUNNING, persistent=True, **reported):
    """Two such hosts, and a guest between them."""
    guest = GuestFacts(name="g", uuid=UUID, state=state, persistent=persistent)
    return Ends(declare("a", **reported), declare("b", **reported), guest)
