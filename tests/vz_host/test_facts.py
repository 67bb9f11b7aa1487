"""Each row of the table of facts is checked by a test that is named here."""

from __future__ import annotations

import pytest

from tests.vz_host import test_deaths, test_stock_clients
from virtmigrate_lab.vz_host.facts import FACTS

CHECKED_BY = {
    "mask": "test_what_is_refused",
    "parameters": "test_what_is_refused",
    "live-ignored": "test_what_is_accepted_changes_nothing",
    "persist-ignored": "test_what_is_accepted_changes_nothing",
    "undefine-ignored": "test_a_live_move",
    "paused": "test_paused_at_the_destination",
    "bandwidth": "test_what_is_accepted_changes_nothing",
    "destination-xml": "test_another_document_is_refused",
    "cookie": "test_a_scripted_fault_strikes_once",
    "uri": "test_what_is_refused",
    "images": "test_images_must_be_there",
    "finish-cancelled": "test_a_failed_perform_is_finished_in_silence",
    "confirm": "test_a_live_move",
    "percent": "test_progress_is_percent_and_the_state_tells_nothing",
    "state": "test_progress_is_percent_and_the_state_tells_nothing",
    "spurious": "test_events",
    "abort": "test_progress_is_percent_and_the_state_tells_nothing",
    "undefine": "test_undefine_deletes_what_runs",
    "lock": "test_no_change_of_state_while_it_moves",
}


def test_every_fact_is_checked():
    assert set(CHECKED_BY) == set(FACTS)


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_fact_has_a_source_and_a_test(name):
    tests = vars(test_stock_clients) | vars(test_deaths)
    assert callable(tests[CHECKED_BY[name]])
    assert FACTS[name].source.startswith(
        ("vz_driver.c: ", "vz_sdk.c: ", "vz_utils.c: ")
    )
