"""The errors of virtmigrate. Anyone may import this.

Classes are named for what the caller can do, not for what broke inside::

    VirtmigrateError
    ├── Refused               change the request; nothing was touched       exit 2
    │   ├── BadInput          a URI, name, value or document is malformed
    │   ├── OptionRefused     an option can't be honoured, or contradicts another
    │   ├── NotMovable        this guest or this pair of hosts can't do it
    │   ├── GuestNotFound     no such guest on that side
    │   ├── UnknownMigration  none of this id in the journal
    │   └── UnknownHypervisor no plugin serves this URI (or its plugin is broken)
    ├── HostError             a host failed a call; it was answered         exit 1
    │   ├── HostUnreachable   no connection: the call was never carried out
    │   ├── AnswerLost        it may or may not have been carried out: look
    │   └── JobAborted        the transfer ended because somebody aborted it
    ├── Cancelled             the caller asked for it                       exit 1
    ├── JournalError          the journal can't be trusted or written       exit 5
    ├── PluginError           a plugin broke the contract                   exit 6
    └── NotSucceeded          a migration ended otherwise; `.result` has it exit 1, 3, 4

Every error carries data: `side`, `subject`, `remedy`. No exception of a hypervisor's
library leaves a plugin: plugins raise these, `from` the original.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtmigrate.results import Result


class Side(StrEnum):
    """Which host something is about."""

    SOURCE = "source"
    DESTINATION = "destination"
    BOTH = "both"
    REQUEST = "request"


class VirtmigrateError(Exception):
    """Root of the tree.

    Attributes:
        message: One sentence, without side or remedy.
        side: Which host it is about; `Side.REQUEST` for the request itself.
        subject: The thing it is about (an option, a guest, a URI without secrets).
        remedy: What the caller can do, or None where nothing is known.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        side: Side = Side.REQUEST,
        subject: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Keep the data apart from the sentence."""
        super().__init__(message)
        self.message = message
        self.side = side
        self.subject = subject
        self.remedy = remedy

    def __str__(self) -> str:
        """Side, sentence, remedy: a line fit for a person."""
        head = "" if self.side is Side.REQUEST else f"{self.side}: "
        tail = f" ({self.remedy})" if self.remedy else ""
        return f"{head}{self.message}{tail}"

    def as_dict(self) -> dict[str, object]:
        """The same as JSON-ready data, with the class's name as `error`."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "side": self.side.value,
            "subject": self.subject,
            "remedy": self.remedy,
        }


class Refused(VirtmigrateError):
    """The request can't be served as it stands; nothing was touched."""

    exit_code = 2


class BadInput(Refused):
    """A URI, a name, a value or a document is malformed."""


class OptionRefused(Refused):
    """An option can't be honoured as asked, or contradicts another one."""


class NotMovable(Refused):
    """This guest, in its present state, can't move between these two hosts."""


class GuestNotFound(Refused):
    """There is no such guest on that side."""


class UnknownMigration(Refused):
    """The journal is fine, and has no migration of this id."""


class UnknownHypervisor(Refused):
    """No working plugin serves this URI scheme."""


class HostError(VirtmigrateError):
    """A host failed a call, and said so."""


class HostUnreachable(HostError):
    """There is no connection, so the call was never carried out."""


class AnswerLost(HostError):
    """A call was sent and its answer never came: it may have been carried out."""


class JobAborted(HostError):
    """The transfer ended because somebody asked the host to abort it."""


class Cancelled(VirtmigrateError):
    """The caller cancelled the migration."""


class JournalError(VirtmigrateError):
    """The journal can't be written, or what it holds can't be trusted."""

    exit_code = 5


class PluginError(VirtmigrateError):
    """A plugin broke the contract (clash of names, wrong version, wrong answer)."""

    exit_code = 6


class NotSucceeded(VirtmigrateError):
    """A migration ended in another outcome than success.

    Attributes:
        result: The whole result, outcome and causes included.
    """

    def __init__(self, message: str, result: Result) -> None:
        """Carry the result; the exit code is the outcome's."""
        super().__init__(message, subject=result.guest)
        self.result = result
        self.exit_code = result.outcome.exit_code


def leaves(error: BaseException) -> list[BaseException]:
    """All errors inside `error`, groups opened, in order."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]
