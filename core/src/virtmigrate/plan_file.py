"""A plan that was written down earlier: JSON, hostile until parsed."""

from __future__ import annotations

import json

from pydantic import ValidationError

from virtmigrate.errors import BadInput
from virtmigrate.options import Options
from virtmigrate.plan import PLAN_VERSION, Plan
from virtmigrate.policy_checks import unfit_asks

MOST_BYTES = 1 << 22
"""A plan with two documents of the largest size, escaped."""
SHOWN = 80
MOST_FAULTS = 10
AGAIN = "make it again: `virtmigrate plan --json`"


def read_plan(text: str) -> Plan:
    """Read what `virtmigrate plan --json` wrote.

    That it still fits hosts and guest is found out by `Migrator.run`, which plans anew.

    Args:
        text: The document, at most 4 MiB; its `digest` may be left out.

    Raises:
        ExceptionGroup: Of `BadInput`: everything that is wrong with it.
    """
    faults: list[Exception] = []
    plan = None
    try:
        plan = _plan(_data(text))
        asks = unfit_asks(plan.policy)
        faults += [_fault(f"its policy {error.message}") for error in asks]
    except ValidationError as error:
        faults += [
            _fault(f"{'.'.join(map(str, e['loc']))[:SHOWN] or 'plan'}: {e['msg']}")
            for e in error.errors()[:MOST_FAULTS]
        ]
    except RecursionError:
        faults.append(_fault("it is nested too deeply"))
    except BadInput as error:
        faults.append(error)
    if plan is None or faults:
        msg = "the plan is malformed"
        raise ExceptionGroup(msg, faults)
    return plan


def _data(text: str) -> dict[str, object]:
    if len(text) > MOST_BYTES:
        raise _fault(f"it has more than {MOST_BYTES} characters")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _fault(f"it is no JSON: {str(error)[:SHOWN]}") from None
    if not isinstance(data, dict):
        raise _fault("it is no JSON object")
    if data.get("version") != PLAN_VERSION:
        version = str(data.get("version"))[:SHOWN]
        raise _fault(f"it has version {version}, this reads {PLAN_VERSION}")
    return data


def _plan(data: dict[str, object]) -> Plan:
    digest = data.pop("digest", None)
    plan = Plan.model_validate_json(json.dumps(data))
    Options.model_validate({r.option: r.asked for r in plan.settlement.options})
    Options.model_validate({r.option: r.effective for r in plan.settlement.options})
    if digest not in (None, plan.digest()):
        raise _fault("its digest is of another plan: it was changed, or cut off")
    return plan


def _fault(message: str) -> BadInput:
    return BadInput(f"the plan: {message}", subject="plan", remedy=AGAIN)
