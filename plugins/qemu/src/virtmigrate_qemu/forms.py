"""Which of the forms carries a migration out: a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from virtmigrate.capabilities import Form
from virtmigrate_qemu.driven import Driven
from virtmigrate_qemu.one_call import Call, PeerToPeer

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate.phases import Fate


class Phases(Protocol):
    """The five hooks of one form."""

    def begin(self, ctx: Context) -> bytes:
        """See `virtmigrate_begin`."""
        ...

    def prepare(self, ctx: Context, cookie: bytes) -> bytes:
        """See `virtmigrate_prepare`."""
        ...

    def perform(self, ctx: Context, cookie: bytes) -> bytes:
        """See `virtmigrate_perform`."""
        ...

    def finish(self, ctx: Context, cookie: bytes, fate: Fate) -> bytes:
        """See `virtmigrate_finish`."""
        ...

    def confirm(self, ctx: Context, cookie: bytes, fate: Fate) -> bool | None:
        """See `virtmigrate_confirm`; None = the core's own does it."""
        ...


FORMS: dict[Form, Phases] = {
    Form.DRIVEN: Driven(),
    Form.PEER_TO_PEER: PeerToPeer(),
    Form.CALL: Call(),
}


def of(ctx: Context) -> Phases:
    """The form of this migration's plan."""
    return FORMS[ctx.plan.form]
