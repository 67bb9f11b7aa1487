"""Everybody is struck at each moment: about a quarter of an hour."""

from __future__ import annotations

import pytest

from tests.faults.processes import all_cases, struck
from tests.requirements import requirement

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
CASES = list(all_cases())


@requirement("lost.killed")
@requirement("lost.frozen")
@pytest.mark.parametrize("case", CASES, ids=map(str, CASES))
def test_whoever_is_struck_no_guest_is_lost(hosts, case):
    assert struck(hosts, case).wrong == []
