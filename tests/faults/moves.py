"""The ways and forms in which a guest moves; and deadlines that are short."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from unittest import mock

from virtmigrate import Options, forward, patience, settle
from virtmigrate.presets import preset
from virtmigrate_libvirt import phases
from virtmigrate_libvirt.deadlines import SECONDS

SHORT = {
    "open": 5.0,
    "reopen": 2.0,
    "close": 0.5,
    "ask": 1.5,
    "tell": 3.0,
    "rehearse": 3.0,
    "begin": 3.0,
    "prepare": 6.0,
    "finish": 6.0,
    "cancel": 2.0,
    "confirm": 5.0,
    "ping": 1.0,
}
"""Deadlines that make a lost message cost seconds; hosts in the field have more."""
SEEK_S, QUIET_S, UNHEEDED_S, SWITCHOVER_S = 6.0, 6.0, 3.0, 3.0
TOTAL_S, SLOW_TOTAL_S = 6.0, 15.0
"""Longest transfer: over a link as it is, and over one that was made slow."""

_available = phases.available


@dataclass(frozen=True)
class Way:
    """Who drives the phases: we, the library's one call, the source's daemon."""

    name: str
    options: dict = field(default_factory=dict)
    phases: bool = True

    def available(self):
        """Whether the library has the phases: without them its one call is used."""
        return self.phases and _available()


@dataclass(frozen=True)
class Form:
    """How the guest's memory moves, and which disks it has (`lab guest start`)."""

    name: str
    options: dict = field(default_factory=dict)
    disks: tuple[str, ...] = ()

    @property
    def postcopy(self):
        return bool(self.options.get("postcopy"))


DRIVEN, FALLBACK, P2P = (
    Way("driven"),
    Way("fallback", phases=False),
    Way("p2p", {"p2p": True}),
)
WAYS = (DRIVEN, FALLBACK, P2P)
LIVE, COMA, POSTCOPY, EARLY = (
    Form("live"),
    Form("coma", {"live": False}),
    Form("postcopy", {"postcopy": True, "postcopy_after_precopy": True}),
    Form("early", {"postcopy": True, "timeout_s": 1, "timeout_postcopy": True}),
)
"""`EARLY` switches to post-copy in the first pass, so that it lasts."""
DISKS = Form("disks", {"remove_source_disks": True}, ("shared:4", "local:4:qcow2"))
"""One disk stays, the other is copied, and its image at the source goes."""
FORMS = (LIVE, COMA, POSTCOPY)
PAIRS = (
    *product(WAYS, (LIVE, COMA)),
    *product((DRIVEN,), (POSTCOPY, DISKS)),
    (P2P, DISKS),
)
"""What is moved how: all that lost messages are played on. Post-copy in any other way
is refused in the plan (`constraints.py` of the qemu plugin)."""


@contextmanager
def short():
    """Short deadlines and searches, for the length of a block."""
    with (
        mock.patch.multiple(SECONDS, **SHORT),
        mock.patch.object(forward, "SEEK_S", SEEK_S),
        mock.patch.object(settle, "QUIET_S", QUIET_S),
        mock.patch.object(patience, "UNHEEDED_S", UNHEEDED_S),
    ):
        yield


def migrate(migrator, guest, uris, way, form, total_s=TOTAL_S):
    """Move it, under limits of seconds."""
    policy = preset("adaptive").limited(max_downtime_ms=300, max_total_s=total_s)
    limits = policy.limits.model_copy(update={"max_switchover_s": SWITCHOVER_S})
    policy = policy.model_copy(update={"limits": limits})
    asked = {**way.options, **form.options}
    if form.postcopy:
        policy = policy.limited(max_downtime_ms=10).allowing(postcopy=True)
    with mock.patch("virtmigrate_libvirt.phases.available", way.available):
        return migrator.migrate(guest, *uris, Options.checked(asked), policy=policy)
