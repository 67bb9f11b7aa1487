"""Every bad input of the table; `python -m tests.bad_inputs` counts them."""

from __future__ import annotations

import pytest

from tests.bad_inputs.case import outcome
from tests.bad_inputs.table import CASES
from tests.requirements import requirement

PROMISED = 250


@pytest.mark.parametrize("case", CASES, ids=str)
@requirement("input.refused")
def test_bad_input_is_told_by_name_and_touches_nothing(case, tmp_path):
    assert outcome(case, tmp_path) == []


def test_there_are_as_many_as_was_promised_and_none_twice():
    assert len(CASES) >= PROMISED
    assert len({str(case) for case in CASES}) == len(CASES)
    assert len(
        {(case.typed, case.make, str(case.environment), case.cookie) for case in CASES}
    ) == len(CASES)
