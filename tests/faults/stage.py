"""Two real hosts, one guest, and a migrator that reaches both through fault proxies.

The guest goes to and fro: each case moves it from where it is to the other host.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import libvirt

from tests.faults import moves
from virtmigrate import Manager, Migrator
from virtmigrate.errors import VirtmigrateError
from virtmigrate.phases import Outcome
from virtmigrate.sqlite_journal import SQLiteJournal
from virtmigrate_lab import Lab
from virtmigrate_lab.errors import CommandFailed, LabError
from virtmigrate_lab.processes import wait_for
from virtmigrate_lab.proxy import FaultProxy
from virtmigrate_lab.qemu_host import QUICK_START
from virtmigrate_lab.releases import fetch
from virtmigrate_lab.verdict import violations

OTHER = {"a": "b", "b": "a"}
ABSENT = (None, False)
LINK_MIB_S = 96.0
CLEARED_S = 30.0
"""Longest wait for what a daemon clears away by itself."""
DISK_MIB_S = 1
CLOSED = (Outcome.SUCCEEDED, Outcome.ROLLED_BACK)


@dataclass
class Told:
    """What became of one case.

    Attributes:
        outcome: What the migration ended with; "refused" if it did not begin, ""
            if its controller did not live to say.
        recovered: What recovery said.
        wrong: What must never be.
        left: Images that were left over, and that somebody was told of.
        seconds: How long it took.
    """

    outcome: str = ""
    recovered: str = ""
    wrong: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def open(self):
        """Whether a person is still to decide."""
        return self.recovered not in ("", *map(str, CLOSED))


def asks(parser):
    """What every command that plays on a stage of its own can be asked for."""
    parser.add_argument(
        "--release", default="", help="hosts of another Debian release: trixie"
    )


@contextmanager
def stage(release=""):
    """A stage on a lab of its own, for whoever has none."""
    others = dict.fromkeys("ab", fetch(release).name) if release else {}
    directory = Path(tempfile.mkdtemp(prefix="vmf-"))
    try:
        with Lab.up(
            "2", state_dir=directory, qemu_conf=QUICK_START, releases=others
        ) as lab:
            yield Stage(lab, directory / "state")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Stage:
    """Where cases are played.

    Attributes:
        here: The host that the guest is on.
        guest: Its name.
        began: Since when its history counts.
        disks: What its disks are, as it was started.
    """

    def __init__(self, lab, state):
        self.lab = lab
        self.state = state
        self.journal = SQLiteJournal(state / "journal.db")
        self.here, self.guest, self.uuid = "a", "", ""
        self.disks = ()
        self.began = lab.now()
        self.manager = Manager()
        self.mender = self.migrator()
        self._numbers = itertools.count(1)

    @property
    def there(self):
        """The other host."""
        return OTHER[self.here]

    def host(self, role):
        """Source or destination of the next move."""
        return self.here if role == "source" else self.there

    def uri(self, host):
        """The way to a host, without a proxy."""
        return self.lab.hosts[host].uri

    def migrator(self, *sinks):
        """A migrator that writes the stage's journal."""
        return Migrator(manager=self.manager, journal=self.journal, sinks=sinks)

    def renew(self, *, dirty_mib_s=24, link_mib_s=LINK_MIB_S, disks=()):
        """A fresh guest, on hosts that are as good as new."""
        self.disks = disks
        try:
            self.lab.tidy()
        except LabError:
            # libvirt keeps some guests whose post-copy failed, shut off, until it ends.
            for name in self.lab.hosts:
                self.lab.daemon_restart(name)
            self.lab.tidy()
        self.lab.link_rate(link_mib_s)
        self.guest, self.here = f"f{next(self._numbers)}", "a"
        self.began = self.lab.now()
        made = self.lab.guest_start(
            self.guest,
            host="a",
            memory_mib=24,
            working_set_mib=8,
            dirty_rate_mib_s=dirty_mib_s,
            disks=disks,
            disk_rate_mib_s=DISK_MIB_S if disks else 0,
        )
        self.uuid = made.uuid

    @contextmanager
    def proxies(self):
        """Both hosts, each behind a proxy that passes everything; by role."""
        source, destination = (self.lab.hosts[h] for h in (self.here, self.there))
        with FaultProxy(source) as first, FaultProxy(destination) as second:
            yield {"source": first, "destination": second}

    def move(self, migrator, way, form, proxies, total_s=moves.TOTAL_S):
        """Migrate; the result, or the error where it was refused."""
        uris = proxies["source"].uri, proxies["destination"].uri
        try:
            return moves.migrate(migrator, self.guest, uris, way, form, total_s)
        except (VirtmigrateError, ExceptionGroup) as error:
            return error

    def close(self, told, result, *, mortal=False):
        """Recover twice, settle what is owed, judge; the guest may have moved.

        Args:
            told: Gets the outcomes, and what is wrong.
            result: The migration's; or the error where it was refused.
            mortal: Whether the fault itself may have ended the guest.
        """
        if isinstance(result, BaseException):
            told.outcome = "refused"
            self.judge(told, Outcome.ROLLED_BACK, mortal=mortal)
            if self.disks and not told.wrong:
                self.judge_images(told, str(result))
            return
        told.outcome = str(result.outcome)
        told.wrong += [
            f"a plugin broke: {fault.message}"
            for fault in result.faults
            if fault.error == "PluginError"
        ]
        recovered, said = self.recover(told, result.migration)
        self.judge(told, recovered, mortal=mortal)
        if self.disks and recovered in CLOSED and not told.wrong:
            faults = [fault.message for fault in result.faults]
            self.judge_images(told, " ".join((*result.warnings, *faults, *said)))

    def recover(self, told, migration):
        """Twice, over connections without faults; the outcome, and what was said."""
        uris = {"source": self.uri(self.here), "destination": self.uri(self.there)}
        first = self.mender.recover(migration, **uris)
        before = self.seen()
        again = self.mender.recover(migration, **uris)
        after = self.seen()
        if (again.outcome, after) != (first.outcome, before):
            told.wrong.append(
                f"a second recovery did something: {first.outcome} {before}, then "
                f"{again.outcome} {after}"
            )
        debts = self.mender.settle(migration, **uris)
        told.recovered = str(first.outcome)
        return first.outcome, (*first.warnings, *map(str, debts))

    def seen(self):
        """State on both hosts, and whether it is defined there, by libvirt's word."""
        return {host: self._shown(host) for host in OTHER}

    def _shown(self, host):
        with closing(libvirt.open(self.uri(host))) as connection:
            try:
                domain = connection.lookupByUUIDString(self.uuid)
                return domain.state()[0], domain.isPersistent() == 1
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    return ABSENT
                raise

    def judge(self, told, outcome, *, mortal=False):
        """What must never be; the guest is then where the outcome says."""
        closed = outcome in CLOSED
        host = self.there if outcome is Outcome.SUCCEEDED else self.here
        if closed:
            wait_for(lambda: self._shown(OTHER[host]) == ABSENT, CLEARED_S, 0.1)
        report = self.lab.guest_check(self.guest, since=self.began)
        if not closed and not report.alive:
            report = self._by_hand(report)
        history = self.lab.guest_runs(self.guest, since=self.began)
        told.wrong += violations(
            report, history, runs_on=host if closed else None, mortal=mortal
        )
        self.here = report.beats_on or self.here

    def judge_images(self, told, said):
        """The guest's disks are whole, and no image of it is where it is not."""
        virsh = self.lab.hosts[self.here].virsh
        virsh("suspend", self.uuid)
        try:
            reports = self.lab.disks_check(self.guest)
            told.wrong += [problem for each in reports for problem in each.problems]
        finally:
            virsh("resume", self.uuid)
        kept = {self.here: 1, OTHER[self.here]: 0}
        for host, most in kept.items():
            images = self._images(host)
            told.left += images[most:]
            told.wrong += [
                f"{name} is left over at {host}, and nobody is told"
                for name in images[most:]
                if name not in said
            ]

    def _images(self, host):
        """Names of the images that this guest has in a host's own pool."""
        paths = self.lab.pool_path(host, "local").iterdir()
        return sorted(p.name for p in paths if p.name.startswith(f"{self.guest}-"))

    def _by_hand(self, report):
        """A person resumes the only copy, so that it can show that it is whole."""
        held = [h for h, state in report.hosts.items() if state == "paused"]
        if len(held) != 1:
            return report
        try:
            self.lab.hosts[held[0]].virsh("resume", self.uuid)
        except CommandFailed:
            return report
        return self.lab.guest_check(self.guest, since=self.began)
