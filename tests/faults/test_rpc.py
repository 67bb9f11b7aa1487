"""Each message of each way and form, lost: an hour. `test_quick.py` takes a few."""

from __future__ import annotations

from itertools import product

import pytest

from tests.faults.moves import DRIVEN, FORMS, PAIRS, POSTCOPY, WAYS
from tests.faults.rpc import HOW, Counts, all_cases, play
from tests.requirements import requirement

pytestmark = [pytest.mark.lab, pytest.mark.timeout(3600)]


@requirement("lost.message")
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    ("way", "form"), PAIRS, ids=[f"{way.name}-{form.name}" for way, form in PAIRS]
)
def test_no_lost_message_loses_the_guest(played, record_property, way, form, how):
    counts = Counts()
    play(played, all_cases(played, [(way, form)], [how]), counts)
    record_property("counts", "; ".join(counts.lines()))
    assert counts.cases > 50
    assert counts.wrong == []


def test_every_way_and_form_is_among_them():
    left_out = [pair for pair in product(WAYS, FORMS) if pair not in PAIRS]
    assert left_out == [(way, POSTCOPY) for way in WAYS if way is not DRIVEN]
    assert len(PAIRS) == 9
