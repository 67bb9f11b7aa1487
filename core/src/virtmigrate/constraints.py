"""Contradictions between options: the ones of every hypervisor, and how to judge any.

Rules of virsh's own command line (`cmdMigrate` in libvirt's tools) stand here, since
they hold whoever carries the migration out; a hypervisor's own are in its declaration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Constraint, Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VIRSH = "libvirt, tools/virsh-domain.c: cmdMigrate"


def yes(what: str) -> Term:
    """The switch (or fact) is yes."""
    return Term(what=what, answer=True)


def no(what: str) -> Term:
    """The switch (or fact) is no."""
    return Term(what=what, answer=False)


def given(what: str) -> Term:
    """The value was given."""
    return Term(what=what, given=True)


def absent(what: str) -> Term:
    """The value was not given."""
    return Term(what=what, given=False)


CORE: tuple[Constraint, ...] = (
    Constraint(
        id="offline-of-running-guest",
        when=(yes("offline"), yes("guest.active")),
        message="--offline would leave a second, startable copy of a running guest",
        remedy="stop the guest first, or leave --offline out",
        source="libvir-list 2015-09, Shirokovskiy: offline moves the definition only",
    ),
    Constraint(
        id="offline-and-live",
        when=(yes("offline"), yes("asked.live")),
        message="--offline and --live contradict each other",
        remedy="choose one",
        source=VIRSH,
    ),
    Constraint(
        id="copy-all-and-inc",
        when=(yes("asked.copy_storage"), yes("asked.copy_storage_inc")),
        message="--copy-storage-all and --copy-storage-inc contradict each other",
        remedy="choose one",
        source=VIRSH,
    ),
    Constraint(
        id="disks-of-kept-definition",
        when=(yes("asked.remove_source_disks"), no("undefine_source")),
        message="--remove-source-disks would leave a definition without its disks",
        remedy="leave --no-undefinesource out, or --remove-source-disks",
        source="libvir-list 2015-09, Berrange: no configuration may point at nothing",
    ),
    Constraint(
        id="timeout-two-actions",
        when=(yes("timeout_suspend"), yes("timeout_postcopy")),
        message="--timeout-suspend and --timeout-postcopy contradict each other",
        remedy="choose one",
        source=VIRSH,
    ),
    Constraint(
        id="timeout-action-alone",
        when=(yes("timeout_suspend"), absent("timeout_s")),
        message="--timeout-suspend without --timeout never acts",
        remedy="give --timeout SECONDS",
        source=VIRSH,
    ),
    Constraint(
        id="timeout-postcopy-alone",
        when=(yes("timeout_postcopy"), absent("timeout_s")),
        message="--timeout-postcopy without --timeout never acts",
        remedy="give --timeout SECONDS",
        source=VIRSH,
    ),
    Constraint(
        id="timeout-without-action",
        when=(given("timeout_s"), no("timeout_suspend"), no("timeout_postcopy")),
        message="--timeout without an action would do nothing",
        remedy="leave --no-timeout-suspend out, or add --timeout-postcopy",
        source=VIRSH,
    ),
    Constraint(
        id="timeout-without-live",
        when=(given("timeout_s"), no("live")),
        message="--timeout is for live moves: this guest is stopped all the while",
        remedy="leave --timeout out, or ask for --live",
        source=VIRSH,
    ),
    Constraint(
        id="timeout-postcopy-forbidden",
        when=(yes("timeout_postcopy"), no("postcopy")),
        message="--timeout-postcopy needs consent to post-copy",
        remedy="add --postcopy",
        source=VIRSH,
    ),
    Constraint(
        id="postcopy-after-precopy-forbidden",
        when=(yes("postcopy_after_precopy"), no("postcopy")),
        message="--postcopy-after-precopy needs consent to post-copy",
        remedy="add --postcopy",
        source=VIRSH,
    ),
    Constraint(
        id="persistent-xml-of-transient",
        when=(given("persist_xml"), no("persist_dest")),
        message="--persistent-xml without a persistent guest at the destination",
        remedy="add --persistent, or leave --persistent-xml out",
        source=VIRSH,
    ),
    Constraint(
        id="tls-destination-without-tls",
        when=(given("tls_destination"), no("tls")),
        message="--tls-destination names a certificate, but there is no TLS",
        remedy="add --tls",
        source=VIRSH,
    ),
    Constraint(
        id="live-xml-without-persistent-xml",
        when=(given("dest_xml"), absent("persist_xml"), yes("persist_dest")),
        message="--xml changes the running guest only; its persistent definition would "
        "keep the source's paths",
        remedy="give --persistent-xml too, or --no-persistent",
        source="libvirt, docs/migration.rst: persistent_xml beside destination_xml",
    ),
)


def violated(
    rules: Iterable[Constraint],
    effective: Mapping[str, object],
    facts: Mapping[str, bool],
) -> list[Constraint]:
    """The rules that these effective options violate.

    Args:
        rules: Constraints, of the core or of a host.
        effective: Option name to effective value (None = not given).
        facts: `guest.running` and its like.
    """
    known: dict[str, object] = {**effective, **facts}
    return [
        rule
        for rule in rules
        if all(_holds(term, known.get(term.what)) for term in rule.when)
    ]


def _holds(term: Term, value: object) -> bool:
    items = value if isinstance(value, tuple) else (value,)
    text = value if isinstance(value, str) else ""
    checks = (
        term.answer is None or bool(value) is term.answer,
        term.given is None or (value is not None) is term.given,
        term.holds is None
        or term.holds in items
        or (bool(text) and text.startswith(term.holds)),
        term.lacks is None or term.lacks not in items,
        not term.other_than
        or (bool(text) and not text.startswith(tuple(term.other_than))),
        term.many is None or (len(items) > 1) is term.many,
    )
    return all(checks)
