"""Networks, bridges, interfaces and filters that the guest is connected by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from virtmigrate_libvirt import lookups
from virtmigrate_libvirt.codes import Code
from virtmigrate_libvirt.questions import Question, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from virtmigrate.plan import Finding
    from virtmigrate_libvirt.protocol import Connection
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import Facts

ABSENT = frozenset({Code.NO_NETWORK, Code.NO_INTERFACE, Code.NO_NWFILTER})


class Way(NamedTuple):
    """One way in which a definition names a thing of its host's network.

    Attributes:
        path: Where the name stands.
        id: Of the finding when the thing is not there.
        what: The thing in words.
        remedy: What helps.
    """

    path: str
    id: str
    what: str
    remedy: str


WAYS = (
    Way(
        "devices/interface[@type='network']/source/@network",
        "network-missing",
        "network",
        "define and start a network of this name there, or give --xml with another",
    ),
    Way(
        "devices/graphics/listen[@type='network']/@network",
        "network-missing",
        "network",
        "define and start a network of this name there, or give --xml with another",
    ),
    Way(
        "devices/interface[@type='bridge']"
        "[not(virtualport/@type='openvswitch')]/source/@bridge",
        "bridge-missing",
        "bridge",
        "make a bridge of this name there, or give --xml with another",
    ),
    Way(
        "devices/interface[@type='direct']/source/@dev",
        "interface-missing",
        "network interface",
        "give --xml with the interface that the destination has",
    ),
    Way(
        "devices/interface[@type='ethernet']/target[@managed='no']/@dev",
        "interface-missing",
        "network interface",
        "make it there, or give --xml with another",
    ),
    Way(
        "devices/interface/filterref/@filter",
        "nwfilter-missing",
        "network filter",
        "define it there (virsh nwfilter-define)",
    ),
)


def questions(facts: Facts) -> Iterator[Question[bool]]:
    """Whether each is there, and active."""
    for way, name in _named(facts):
        yield _question(way, name)


def findings(facts: Facts, answers: Answers) -> Iterator[Finding]:
    """What is not. Pure."""
    for way, name in _named(facts):
        active = answers[_question(way, name)]
        if isinstance(active, Unanswered) and active.code in ABSENT:
            yield facts.finding(
                way.id,
                facts.needed,
                f"the destination has no {way.what} {name}",
                way.remedy,
                subject=name,
                evidence=active.why,
            )
        elif active is False:
            yield facts.finding(
                "network-inactive",
                facts.needed,
                f"the destination's {way.what} {name} is not active",
                f"start it there (virsh net-start {name})",
                subject=name,
                evidence=f"{way.what} {name}: inactive",
            )


def _named(facts: Facts) -> Iterator[tuple[Way, str]]:
    for way in WAYS:
        for name in sorted(set(facts.there.values(way.path)) - {""}):
            yield way, name


def _question(way: Way, name: str) -> Question[bool]:
    ask = ASK.get(way.what, lookups.interface)
    return Question(f"{way.what} {name}", lambda c: ask(c, name), means=ABSENT)


def _network(connection: Connection, name: str) -> bool:
    return connection.networkLookupByName(name).isActive() == 1


def _filter(connection: Connection, name: str) -> bool:
    connection.nwfilterLookupByName(name)
    return True


ASK: dict[str, Callable[[Connection, str], bool]] = {
    "network": _network,
    "network filter": _filter,
}
