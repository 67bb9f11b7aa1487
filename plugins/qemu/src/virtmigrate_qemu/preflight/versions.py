"""What versions mean: older hosts, and what some of them get wrong, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import Side
from virtmigrate.plan import Level
from virtmigrate_qemu.since import shown, version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from virtmigrate.plan import Finding
    from virtmigrate_libvirt.questions import Answers
    from virtmigrate_qemu.preflight.facts import End, Facts

PROGRAMS = ("libvirt", "QEMU")


@dataclass(frozen=True, slots=True)
class Quirk:
    """What some versions get wrong.

    Attributes:
        id: Of its finding.
        program: Whose: `libvirt` or `qemu`.
        since: First version that has it, "" for all before `until`.
        until: First version without it.
        side: On which host it counts.
        when: What shows it.
        message: What goes wrong.
        remedy: What helps.
        path: What an XPath must find in the definition, "" for any guest.
        level: How much it weighs.
    """

    id: str
    program: str
    since: str
    until: str
    side: Side
    when: Callable[[Facts], object]
    message: str
    remedy: str
    path: str = ""
    level: Level = Level.WARNING

    def hits(self, end: End, facts: Facts) -> bool:
        """Whether it shows, on a host of this version."""
        found = end.version(self.program)
        first = version(self.since) if self.since else 0
        return bool(
            first <= found < version(self.until)
            and self.when(facts)
            and (not self.path or facts.here.nodes(self.path))
        )


def _expects_names(facts: Facts) -> bool:
    """Whether further connections read a certificate by its default name."""
    options = facts.effective
    further = options.parallel or options.postcopy
    return bool(options.tls and further and not options.tls_destination)


SOURCE = Side.SOURCE
QUIRKS = (
    Quirk(
        "tls-without-disks",
        *("libvirt", "", "4.4", SOURCE),
        lambda f: f.options.tls and f.copies,
        "--tls would not cover the disks: they would be copied in clear text",
        "upgrade libvirt to 4.4, or copy the disks by other means",
        level=Level.BLOCKER,
    ),
    Quirk(
        "tls-name-not-kept",
        *("libvirt", "", "10.3", SOURCE),
        _expects_names,
        "the further connections of this move expect a certificate of another name",
        "say --tls-destination NAME, or upgrade libvirt to 10.3",
    ),
    Quirk(
        "incremental-copy-copies-nothing",
        *("libvirt", "7.2", "7.6", SOURCE),
        lambda f: f.options.copy_storage_inc,
        "some of these versions copy nothing where the top layer was asked for",
        "upgrade libvirt, or use --copy-storage-all",
        "devices/disk",
    ),
    Quirk(
        "copy-fails-to-begin",
        *("libvirt", "8.7", "8.8", SOURCE),
        lambda f: f.copies,
        "this version fails to set the copy of disks up",
        "upgrade libvirt",
        "devices/disk",
    ),
    Quirk(
        "document-cpu-regression",
        *("libvirt", "10.2", "10.4", SOURCE),
        lambda f: f.options.dest_xml,
        "these versions find differences in the CPU of a document that has none",
        "upgrade libvirt to 10.4, or leave --xml out",
        "cpu",
    ),
    Quirk(
        "postcopy-false-failure",
        *("libvirt", "11.0", "11.1", SOURCE),
        lambda f: f.effective.postcopy,
        "this version reports some post-copy moves as failed that are not",
        "upgrade libvirt to 11.1",
    ),
    Quirk(
        "postcopy-crash",
        *("libvirt", "11.2", "11.4", SOURCE),
        lambda f: f.effective.postcopy,
        "the daemon of these versions can crash when a post-copy fails",
        "upgrade libvirt to 11.4, or do not consent to post-copy",
    ),
    Quirk(
        "shared-paths-misjudged",
        *("libvirt", "11.1", "11.5", SOURCE),
        lambda f: not f.copies and not f.options.unsafe,
        "these versions misjudge paths that are not there below shared_filesystems",
        "upgrade libvirt to 11.5, where a shared disk is called unsafe",
        "devices/disk[@type='file'][source/@file][not(readonly)]",
        Level.NOTE,
    ),
)


def findings(facts: Facts, _: Answers) -> Iterator[Finding]:
    """What the versions mean. Pure."""
    for program in PROGRAMS:
        here = facts.source.version(program.lower())
        there = facts.destination.version(program.lower())
        if there < here:
            yield facts.finding(
                f"older-{program.lower()}",
                Level.WARNING,
                f"the destination's {program} is older ({shown(there)} after "
                f"{shown(here)}): moves to a newer one are tested, back ones are not",
                f"upgrade {program} there",
                subject=program,
                evidence="the versions that both hosts tell",
            )
    if facts.moves:
        yield from _quirks(facts)
    yield from _old_paths(facts)


def _quirks(facts: Facts) -> Iterator[Finding]:
    for quirk in QUIRKS:
        end = facts.source if quirk.side is SOURCE else facts.destination
        if quirk.hits(end, facts):
            yield facts.finding(
                quirk.id,
                quirk.level,
                quirk.message,
                quirk.remedy,
                side=quirk.side,
                subject=quirk.program,
                evidence=shown(end.version(quirk.program)),
            )


def _old_paths(facts: Facts) -> Iterator[Finding]:
    """A document for the running guest alone (`qemuMigrationDstPersist`)."""
    options = facts.options
    stays = facts.persistent if options.persist_dest is None else options.persist_dest
    if options.dest_xml and not options.persist_xml and stays:
        yield facts.finding(
            "persistent-unchanged",
            Level.WARNING,
            "--xml changes the running guest only: its definition at the destination "
            "stays the source's, old paths included",
            "give --persistent-xml too",
            side=Side.REQUEST,
            subject="dest_xml",
            evidence="--xml was given, and --persistent-xml was not",
        )
