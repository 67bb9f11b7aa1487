"""A policy from a file: TOML or JSON, hostile until parsed."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from virtmigrate.errors import BadInput
from virtmigrate.option_rows import BY_NAME
from virtmigrate.options import Options
from virtmigrate.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 1 << 16
DEPTH_MOST = 12
SHOWN = 80
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
    return policy, [_fault(said) for said in unfit_asks(policy)]


def unfit_asks(policy: Policy) -> list[str]:
    """What is wrong with the options that a policy asks for."""
    unknown = [name for name in policy.asks if name not in BY_NAME]
    if unknown:
        return [f"asks: {name[:SHOWN]!r} is no option" for name in unknown]
    wrong: list[str] = []
    try:
        Options.checked(policy.asks)
    except* BadInput as group:
        wrong += [f"asks: {error}" for error in group.exceptions]
    return wrong


def _told(error: ValidationError | RecursionError) -> list[Exception]:
    if isinstance(error, RecursionError):
        return [_fault("it is nested too deeply")]
    return [
        _fault(f"{'.'.join(map(str, e['loc']))[:SHOWN] or 'policy'}: {e['msg']}")
        for e in error.errors()
    ]


def _fault(message: str) -> BadInput:
    return BadInput(
        f"--policy-file: {message}",
        subject="policy_file",
        remedy="`virtmigrate policies NAME --json` shows one that is well formed",
    )
