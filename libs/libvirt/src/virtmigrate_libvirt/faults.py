"""From `libvirtError` to virtmigrate's tree: side, subject, remedy, no secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.errors import (
    AnswerLost,
    GuestNotFound,
    HostError,
    HostUnreachable,
    Side,
    VirtmigrateError,
)
from virtmigrate.redact import redact
from virtmigrate_libvirt.codes import (
    ANSWERED_ANYWAY,
    LOST,
    MEANINGS,
    SAID,
    UNLISTED,
    Code,
)

if TYPE_CHECKING:
    import libvirt

LONGEST = 600


@dataclass(frozen=True, slots=True)
class Fault:
    """What libvirt said, taken out of its exception.

    Attributes:
        code: `virErrorNumber`, 0 for none.
        domain: `virErrorDomain`.
        message: libvirt's sentence, one line, secrets blanked.
    """

    code: int
    domain: int
    message: str

    @property
    def lost(self) -> bool:
        """Whether the connection failed, so that the answer never came."""
        said = self.message.lower()
        answered = any(text in said for text in ANSWERED_ANYWAY)
        # A daemon that can't connect to the other one answers with what its own
        # connection said, under the number and domain of a connection that is lost.
        answered = answered or bool(self.said)
        return (self.code, self.domain) in LOST and not answered

    @property
    def said(self) -> str:
        """What its words call for, whatever its number; "" where nothing is known."""
        said = self.message.lower()
        return next((remedy for words, remedy in SAID if words in said), "")


@dataclass(frozen=True, slots=True)
class About:
    """What a call was about.

    Attributes:
        side: Whose host.
        host: The host's URI, without secrets.
        doing: The call in words: "starting the guest".
        lookup: Whether "no such guest" is an answer of its own (`GuestNotFound`).
    """

    side: Side
    host: str
    doing: str
    lookup: bool = False


def fault_of(error: libvirt.libvirtError) -> Fault:
    """Take the data out of libvirt's exception."""
    text = " ".join((error.get_error_message() or str(error)).split())
    return Fault(
        error.get_error_code() or 0,
        error.get_error_domain() or 0,
        redact(text)[:LONGEST],
    )


def translate(fault: Fault, about: About) -> VirtmigrateError:
    """The error of our tree for a call that was sent.

    Args:
        fault: What libvirt said.
        about: What the call was about.
    """
    if fault.lost:
        return AnswerLost(
            f"{about.doing}: the connection failed: {fault.message}",
            side=about.side,
            subject=about.host,
            remedy="it may have been done: look at both hosts",
        )
    if about.lookup and fault.code == Code.NO_DOMAIN:
        return GuestNotFound(
            fault.message,
            side=about.side,
            subject=about.host,
            remedy="`virsh list --all` there shows the guests",
        )
    meaning = MEANINGS.get(fault.code, UNLISTED)
    error: HostError = meaning.kind(
        f"{about.doing}: {fault.message} (libvirt error {fault.code})",
        side=about.side,
        subject=about.host,
        remedy=fault.said or meaning.remedy or None,
    )
    return error


_OPENING: dict[int, str] = {
    Code.AUTH_FAILED: "check the login, its key and the daemon's access rules",
    Code.OPERATION_DENIED: "the login lacks write access there",
    Code.SYSTEM_ERROR: "check the address and that the libvirt daemon runs there",
}


def unopened(fault: Fault, about: About) -> HostUnreachable:
    """The error for a connection that did not come about."""
    return HostUnreachable(
        f"{about.host} can't be reached: {fault.message}",
        side=about.side,
        subject=about.host,
        remedy=fault.said or _OPENING.get(fault.code, "try the URI with `virsh -c`"),
    )


def silent(about: About, seconds: float) -> AnswerLost:
    """The error for a call whose deadline passed."""
    return AnswerLost(
        f"{about.doing}: no answer within {seconds:g} s",
        side=about.side,
        subject=about.host,
        remedy="it may have been done: look at both hosts",
    )


def never_sent(about: About, why: str) -> HostUnreachable:
    """The error for a call that found its connection dead."""
    return HostUnreachable(
        f"{about.doing}: never sent, {why}",
        side=about.side,
        subject=about.host,
        remedy="look at the host's libvirt daemon and the network to it",
    )
