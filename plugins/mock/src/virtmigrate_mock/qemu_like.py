"""The style of QEMU under libvirt: nearly everything can be told.

Constraints are those of libvirt's qemu driver that a world can show
(`qemuMigrationSrcBeginPhase`, `qemuMigrationParamsFromFlags`).
"""

from __future__ import annotations

from virtmigrate.capabilities import Constraint, How, Support, Term, ValueSupport
from virtmigrate.option_rows import OWN
from virtmigrate.option_rows import SWITCHES as ROWS
from virtmigrate.option_rows import VALUES as VALUE_ROWS

TELLABLE = Support(on=How.NATIVE, off=How.NATIVE)
NEVER = {
    "direct": "there is no migration without a daemon at the other end",
    "postcopy_resume": "a mock post-copy that was cut stays cut",
}
SWITCHES: dict[str, Support] = {
    row.name: TELLABLE for row in ROWS if row.knob is None and row.name not in OWN
} | {
    name: Support(on=How.REFUSED, off=How.INHERENT, default=False, note=note)
    for name, note in NEVER.items()
}
SWITCHES["change_protection"] = Support(
    on=How.NATIVE,
    off=How.REFUSED,
    default=True,
    note="the configuration is always locked while a guest moves",
)
VALUES: dict[str, ValueSupport] = {
    row.name: ValueSupport(how=How.NATIVE) for row in VALUE_ROWS if row.param
}
DRIVER = "libvirt, src/qemu/qemu_migration.c"


def _is(what: str) -> Term:
    return Term(what=what, answer=True)


def _not(what: str) -> Term:
    return Term(what=what, answer=False)


def _given(what: str) -> Term:
    return Term(what=what, given=True)


def _rule(rule: str, *when: Term, message: str, remedy: str) -> Constraint:
    return Constraint(id=rule, when=when, message=message, remedy=remedy, source=DRIVER)


CONSTRAINTS: tuple[Constraint, ...] = (
    _rule(
        "postcopy-needs-live",
        _is("postcopy"),
        _not("live"),
        message="post-copy needs a live move",
        remedy="add --live",
    ),
    _rule(
        "postcopy-of-paused",
        _is("postcopy"),
        _is("paused"),
        message="post-copy can't land a paused guest",
        remedy="leave --postcopy or --suspend out",
    ),
    _rule(
        "postcopy-p2p",
        _is("postcopy"),
        _is("p2p"),
        message="a mock daemon knows no post-copy",
        remedy="leave --p2p out",
    ),
    _rule(
        "postcopy-tunnelled",
        _is("postcopy"),
        _is("tunnelled"),
        message="post-copy can't be tunnelled",
        remedy="leave --tunnelled out",
    ),
    _rule(
        "tunnelled-needs-p2p",
        _is("tunnelled"),
        _not("p2p"),
        message="only the source's daemon can tunnel",
        remedy="add --p2p",
    ),
    _rule(
        "tunnelled-parallel",
        _is("tunnelled"),
        _is("parallel"),
        message="a tunnel has one connection",
        remedy="leave --parallel out",
    ),
    _rule(
        "tunnelled-tls",
        _is("tunnelled"),
        _is("tls"),
        message="a tunnel is encrypted by the daemons, if at all",
        remedy="leave --tls or --tunnelled out",
    ),
    _rule(
        "offline-needs-persistent",
        _is("offline"),
        _not("persist_dest"),
        message="an offline move leaves a definition and nothing else",
        remedy="add --persistent",
    ),
    _rule(
        "offline-tunnelled",
        _is("offline"),
        _is("tunnelled"),
        message="an offline move has nothing to tunnel",
        remedy="leave --tunnelled out",
    ),
    _rule(
        "offline-storage",
        _is("offline"),
        _is("copy_storage"),
        message="an offline move copies no disks",
        remedy="copy them yourself, or move the guest while it runs",
    ),
    _rule(
        "offline-storage-inc",
        _is("offline"),
        _is("copy_storage_inc"),
        message="an offline move copies no disks",
        remedy="copy them yourself, or move the guest while it runs",
    ),
    _rule(
        "stopped-not-offline",
        _not("guest.active"),
        _not("offline"),
        message="the guest does not run",
        remedy="add --offline, or start it",
    ),
    _rule(
        "zerocopy-needs-parallel",
        _is("zerocopy"),
        _not("parallel"),
        message="zero-copy needs several connections",
        remedy="add --parallel",
    ),
    _rule(
        "disks-without-copy",
        _given("migrate_disks"),
        _not("copy_storage"),
        _not("copy_storage_inc"),
        message="disks are named, but none is to be copied",
        remedy="add --copy-storage-all or --copy-storage-inc",
    ),
    _rule(
        "disks-port-and-uri",
        _given("disks_port"),
        _given("disks_uri"),
        message="--disks-port and --disks-uri contradict each other",
        remedy="choose one",
    ),
    _rule(
        "auto-converge-tuning",
        _given("auto_converge_initial_percent"),
        _not("auto_converge"),
        message="--auto-converge-initial tunes what is off",
        remedy="add --auto-converge",
    ),
    _rule(
        "auto-converge-step",
        _given("auto_converge_increment_percent"),
        _not("auto_converge"),
        message="--auto-converge-increment tunes what is off",
        remedy="add --auto-converge",
    ),
    _rule(
        "parallel-tuning",
        _given("parallel_connections"),
        _not("parallel"),
        message="--parallel-connections tunes what is off",
        remedy="add --parallel",
    ),
    _rule(
        "compressed-parallel",
        _is("compressed"),
        _is("parallel"),
        Term(what="compression_methods", given=False),
        message="several connections have no default compression",
        remedy="name one with --comp-methods",
    ),
)
