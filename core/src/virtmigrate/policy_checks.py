"""What a policy may not say, although it has the right form. Pure.

Not checked by the model: a journal may hold a policy that was taken before, and its
migration must still be brought to an end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.errors import BadInput
from virtmigrate.option_rows import A_POLICY_MAY_ASK, BY_NAME
from virtmigrate.options import Options

if TYPE_CHECKING:
    from virtmigrate.policy import Policy

SHOWN = 80


def unfit_asks(policy: Policy) -> list[BadInput]:
    """What is wrong with the options that a policy asks for.

    It may only ask for what changes how memory goes through (`A_POLICY_MAY_ASK`): what
    a caller has to answer for is not switched on by a file of limits and rules.
    """
    unknown = [name for name in policy.asks if name not in BY_NAME]
    if unknown:
        return [BadInput(f"asks: {name[:SHOWN]!r} is no option") for name in unknown]
    wrong = [
        BadInput(
            f"asks: {name} is not for a policy to ask for",
            remedy=f"give it with the request: --{BY_NAME[name].virsh}",
        )
        for name in policy.asks
        if name not in A_POLICY_MAY_ASK
    ]
    try:
        Options.checked(policy.asks)
    except* BadInput as group:
        wrong += [BadInput(f"asks: {error}") for error in group.exceptions]
    return wrong
