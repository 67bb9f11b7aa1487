"""Which of the forms carries a migration out: a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Form
from virtmigrate_libvirt.one_call import Call, PeerToPeer
from virtmigrate_qemu.driven import Driven
from virtmigrate_qemu.request import params_of, whole_flags

if TYPE_CHECKING:
    from virtmigrate.context import Context
    from virtmigrate_libvirt.driving import Phases


FORMS: dict[Form, Phases] = {
    Form.DRIVEN: Driven(),
    Form.PEER_TO_PEER: PeerToPeer(
        lambda ctx: (whole_flags(ctx, peer=True), params_of(ctx))
    ),
    Form.CALL: Call(lambda ctx: (whole_flags(ctx, peer=False), params_of(ctx))),
}


def of(ctx: Context) -> Phases:
    """The form of this migration's plan."""
    return FORMS[ctx.plan.form]
