"""What a QEMU host declares, from what its daemon reports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from virtmigrate.capabilities import (
    Capabilities,
    Constraint,
    Form,
    How,
    Knob,
    Progress,
    Support,
    Term,
    ValueSupport,
)
from virtmigrate_libvirt import phases
from virtmigrate_libvirt.flags import Feature
from virtmigrate_qemu import since
from virtmigrate_qemu.constraints import (
    CONSTRAINTS,
    POSTCOPY_CALL,
    POSTCOPY_PARALLEL,
)
from virtmigrate_qemu.hypervisor import NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from virtmigrate_libvirt.host import LibvirtHost
    from virtmigrate_libvirt.protocol import Connection

NATIVE, INHERENT, REFUSED = How.NATIVE, How.INHERENT, How.REFUSED

ASSUMED = {
    Feature.P2P: True,
    Feature.DIRECT: False,
    Feature.CHANGE_PROTECTION: True,
    Feature.OFFLINE: True,
    Feature.PARAMS: True,
}
"""Features of every qemu driver since libvirt 1.1, for a client that can't ask."""

BY_KNOB = ("timeout_suspend", "timeout_postcopy", "postcopy_after_precopy")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a host reported.

    Attributes:
        libvirt: Version number of its daemon.
        qemu: Version number of its QEMU.
        features: Those that its driver has.
        driven: Whether our libvirt exports the phase calls.
    """

    libvirt: int
    qemu: int
    features: frozenset[Feature]
    driven: bool


def declare(host: LibvirtHost) -> Capabilities:
    """Ask the host, and declare.

    Raises:
        HostError: It can't be asked.
    """

    def versions(connection: Connection) -> tuple[int, int]:
        return connection.getLibVersion(), connection.getVersion()

    libvirt, qemu = host.ask("asking for versions", versions)
    found = had(host.features(ASSUMED) or ASSUMED)
    facts = Facts(libvirt, qemu, found, driven=phases.available())
    return from_facts(facts, host.name, host.uuid)


def had(features: Mapping[Feature, bool]) -> frozenset[Feature]:
    """Those that are there."""
    return frozenset(feature for feature, there in features.items() if there)


@lru_cache(maxsize=256)
def from_facts(facts: Facts, host: str, host_uuid: str) -> Capabilities:
    """The declaration. Pure; a host that has not changed is described once.

    Args:
        facts: What the host reported.
        host: Its name.
        host_uuid: Its identity.
    """
    return Capabilities(
        hypervisor=NAME,
        host=host,
        host_uuid=host_uuid,
        versions={
            "libvirt": since.shown(facts.libvirt),
            "qemu": since.shown(facts.qemu),
        },
        switches=_switches(facts),
        values={
            name: _value(needs.missing(facts.libvirt, facts.qemu))
            for name, needs in since.VALUES.items()
        },
        constraints=(
            *CONSTRAINTS,
            *_methods(facts),
            *_one_call(facts),
            *_streams(facts),
        ),
        knobs=tuple(Knob),
        progress=Progress.BYTES,
        forms=_forms(facts),
    )


def _switches(facts: Facts) -> dict[str, Support]:
    by_version = {
        name: _optional(needs.missing(facts.libvirt, facts.qemu))
        for name, needs in since.SWITCHES.items()
    }
    features = facts.features
    return {
        **by_version,
        "p2p": _optional(_lacks(Feature.P2P in features, "peer-to-peer migration")),
        "offline": _optional(_lacks(Feature.OFFLINE in features, "offline migration")),
        "direct": Support(
            on=NATIVE if Feature.DIRECT in features else REFUSED,
            off=INHERENT,
            default=False,
            note="direct migration is not supported by the source host: both hosts' "
            "daemons take part",
        ),
        "change_protection": _protection(Feature.CHANGE_PROTECTION in features),
        **{
            name: Support(on=How.EMULATED, off=INHERENT, default=False)
            for name in BY_KNOB
        },
    }


def _lacks(has: bool, what: str) -> str:  # noqa: FBT001 - the answer is data
    return "" if has else f"the daemon there has no {what}"


def _optional(missing: str) -> Support:
    """Yes and no are both the hypervisor's own; no is the default."""
    if missing:
        return Support(on=REFUSED, off=INHERENT, default=False, note=missing)
    return Support(on=NATIVE, off=NATIVE, default=False)


def _protection(has: bool) -> Support:  # noqa: FBT001 - the answer is data
    if not has:
        note = "the daemon there can't lock a guest's configuration"
        return Support(on=REFUSED, off=INHERENT, default=False, note=note)
    return Support(
        on=NATIVE,
        off=REFUSED,
        default=True,
        note="the qemu driver always locks the configuration of a guest that moves",
    )


def _value(missing: str) -> ValueSupport:
    return ValueSupport(how=REFUSED if missing else NATIVE, note=missing)


def _forms(facts: Facts) -> tuple[Form, ...]:
    params, peer = Feature.PARAMS in facts.features, Feature.P2P in facts.features
    table = (
        (params and facts.driven, Form.DRIVEN),
        (params and peer, Form.PEER_TO_PEER),
        (params, Form.CALL),
    )
    return tuple(form for has, form in table if has)


def _one_call(facts: Facts) -> tuple[Constraint, ...]:
    """What the library's one call can't do, where the phases can't be called."""
    return () if facts.driven else (POSTCOPY_CALL,)


def _streams(facts: Facts) -> tuple[Constraint, ...]:
    """What these versions can't do with several streams."""
    can = facts.qemu >= since.version(since.POSTCOPY_PARALLEL)
    return () if can else (POSTCOPY_PARALLEL,)


def _methods(facts: Facts) -> tuple[Constraint, ...]:
    """Compression methods that these versions lack."""
    lacking = {
        method: missing
        for method, needs in since.METHODS.items()
        if (missing := needs.missing(facts.libvirt, facts.qemu))
    }
    if facts.qemu >= since.version(since.MT_REMOVED_IN):
        lacking["mt"] = f"QEMU {since.MT_REMOVED_IN} removed it"
    return tuple(
        Constraint(
            id=f"no-compression-{method}",
            when=(Term(what="compression_methods", holds=method),),
            message=f"compression method {method} is not to be had: {missing}",
            remedy="choose another of xbzrle, mt, zlib, zstd",
            source="libvirt, src/qemu/qemu_migration_params.c: "
            "qemuMigrationParamsSetCompression",
        )
        for method, missing in lacking.items()
    )
