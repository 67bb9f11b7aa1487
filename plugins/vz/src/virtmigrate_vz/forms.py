"""Which of the forms carries a migration out: a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Form
from virtmigrate.phases import Fate
from virtmigrate_libvirt.one_call import Call, OneCall, PeerToPeer
from virtmigrate_vz.driven import Driven, stay_paused
from virtmigrate_vz.request import flags_of, params_of

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate_libvirt.driving import Phases


class Whole:
    """One of libvirt's own calls, and a guest that is to stay paused looked after."""

    def __init__(self, call: OneCall) -> None:
        """Wrap it."""
        self._call = call

    def begin(self, ctx: Context) -> bytes:
        """Nothing: the call does it."""
        return self._call.begin(ctx)

    def prepare(self, ctx: Context, cookie: bytes) -> bytes:
        """Nothing: the call does it; the images that must be there are made by now."""
        return self._call.prepare(ctx, cookie)

    def perform(self, ctx: Context, cookie: bytes) -> bytes:
        """The whole call."""
        return self._call.perform(ctx, cookie)

    def finish(self, ctx: Context, cookie: bytes, fate: Fate) -> bytes:
        """See that it is there."""
        given = self._call.finish(ctx, cookie, fate)
        if fate is not Fate.CANCELLED:
            stay_paused(ctx)
        return given

    def confirm(self, ctx: Context, cookie: bytes, fate: Fate) -> bool | None:
        """Nothing to say."""
        return True


FORMS: dict[Form, Phases] = {
    Form.DRIVEN: Driven(),
    Form.PEER_TO_PEER: Whole(
        PeerToPeer(lambda ctx: (flags_of(ctx, peer=True), params_of(ctx)))
    ),
    Form.CALL: Whole(Call(lambda ctx: (flags_of(ctx), params_of(ctx)))),
}


def of(ctx: Context) -> Phases:
    """The form of this migration's plan."""
    return FORMS[ctx.plan.form]
