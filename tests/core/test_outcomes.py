"""How a migration may end, and what a shell is told of it."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate import NotSucceeded, Outcome

CODES = {
    "succeeded": 0,
    "rolled back": 1,
    "refused": 2,
    "unknown: needs recovery": 3,
    "quarantined: a human decides": 4,
}


@requirement("switch.outcomes")
def test_each_outcome_has_its_exit_code():
    assert {outcome.value: outcome.exit_code for outcome in Outcome} == CODES


@pytest.mark.parametrize("outcome", list(Outcome)[1:])
@requirement("switch.outcomes")
def test_what_is_raised_has_the_exit_code_of_its_outcome(run, outcome):
    result = run.migrate().model_copy(update={"outcome": outcome})
    with pytest.raises(NotSucceeded) as caught:
        result.raise_unless_succeeded()
    assert caught.value.exit_code == CODES[outcome]
