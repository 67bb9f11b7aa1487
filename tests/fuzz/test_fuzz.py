"""Each target for a short while; `python -m tests.fuzz` looks for longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Finding, judged
from tests.requirements import requirement
from virtmigrate.errors import BadInput


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@requirement("input.fuzzed")
def test_whatever_comes_is_read_or_refused(name, data):
    read, inputs = TARGETS[name]
    assert judged(read, data.draw(inputs)) in ("read", "refused")


def test_an_error_that_is_not_ours_is_a_finding():
    def raising(error):
        raise error

    assert judged(raising, BadInput("x")) == "refused"
    assert judged(raising, ExceptionGroup("x", [BadInput("y")])) == "refused"
    for alien in (ValueError("x"), ExceptionGroup("x", [KeyError("y")]), MemoryError()):
        with pytest.raises(Finding):
            judged(raising, alien)
