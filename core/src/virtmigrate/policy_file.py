"""A policy from a file: TOML or JSON, hostile until parsed."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from virtmigrate.errors import BadInput
from virtmigrate.policy import Policy
from virtmigrate.policy_checks import SHOWN, unfit

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 1 << 16
DEPTH_MOST = 12
EXAMPLE = "`virtmigrate policies NAME --json` shows one that is well formed"
PARSERS: dict[str, Callable[[str], object]] = {
    "toml": tomllib.loads,
    "json": json.loads,
}


def read_policy(text: str, kind: str) -> Policy:
    """Read a policy.

    Args:
        text: The file's content, at most 64 KiB.
        kind: `toml` or `json`.

    Raises:
        ExceptionGroup: Of `BadInput`: everything that is wrong with it.
    """
    faults: list[Exception] = []
    data: object = None
    if len(text) > MOST_BYTES:
        faults.append(_fault(f"it has more than {MOST_BYTES} bytes"))
    elif kind not in PARSERS:
        faults.append(_fault(f"{kind[:SHOWN]!r} is neither toml nor json"))
    else:
        try:
            data = PARSERS[kind](text)
        except (ValueError, RecursionError) as error:
            faults.append(_fault(f"it is no {kind.upper()}: {str(error)[:SHOWN]}"))
    if not faults:
        policy, faults = _checked(data)
        if policy is not None and not faults:
            return policy
    msg = "the policy is malformed"
    raise ExceptionGroup(msg, faults)


def _checked(data: object) -> tuple[Policy | None, list[Exception]]:
    try:
        policy = Policy.model_validate(data)
    except (ValidationError, RecursionError) as error:
        return None, _told(error)
    return policy, [_fault(e.message, e.remedy) for e in unfit(policy)]


def _told(error: ValidationError | RecursionError) -> list[Exception]:
    if isinstance(error, RecursionError):
        return [_fault("it is nested too deeply")]
    return [
        _fault(f"{'.'.join(map(str, e['loc']))[:SHOWN] or 'policy'}: {e['msg']}")
        for e in error.errors()
    ]


def _fault(message: str, remedy: str | None = None) -> BadInput:
    return BadInput(
        f"--policy-file: {message}",
        subject="policy_file",
        remedy=remedy or EXAMPLE,
    )
