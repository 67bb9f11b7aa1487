"""Each row of the table of facts is checked by the tests that are named here."""

from __future__ import annotations

import pytest

from tests.vz_host import test_codes, test_stock_clients
from virtmigrate_lab.vz_host.facts import FACTS

CHECKED_BY = {
    "mask": "test_what_is_refused",
    "parameters": "test_what_is_refused",
    "live-ignored": "test_what_is_accepted_changes_nothing",
    "persist-ignored": "test_what_is_accepted_changes_nothing",
    "undefine-ignored": "test_a_live_move",
    "paused": "test_paused_at_the_destination",
    "bandwidth": "test_what_is_refused test_what_is_accepted_changes_nothing",
    "destination-xml": "test_another_document_is_refused",
    "cookie": "test_only_the_destinations_session_lets_the_source_in",
    "uri": "test_what_is_refused",
    "images": "test_images_must_be_there",
    "finish-cancelled": "test_a_cancelled_finish_gives_no_domain_and_sets_no_error",
    "confirm": "test_confirm_does_nothing_whatever_it_is_told",
    "percent": "test_progress_is_percent_and_the_state_tells_nothing",
    "state": "test_progress_is_percent_and_the_state_tells_nothing",
    "spurious": "test_events",
    "abort": "test_progress_is_percent_and_the_state_tells_nothing "
    "test_an_abort_before_anything_waits_has_a_number_of_its_own",
    "undefine": "test_undefine_deletes_what_runs",
    "lock": "test_no_change_of_state_while_it_moves",
}


def test_every_fact_is_checked():
    assert set(CHECKED_BY) == set(FACTS)


@pytest.mark.parametrize("name", sorted(FACTS))
def test_a_fact_has_a_source_and_a_test(name):
    tests = vars(test_stock_clients) | vars(test_codes)
    assert all(callable(tests[test]) for test in CHECKED_BY[name].split())
    assert FACTS[name].source.startswith(
        ("vz_driver.c: ", "vz_sdk.c: ", "vz_utils.c: ")
    )
