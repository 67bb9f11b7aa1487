from __future__ import annotations

import threading

import pytest

from virtmigrate.together import begun, remote, together

WAIT_S = 10


class Far:
    remote = True


def fails():
    raise ValueError("here")


def test_things_that_do_not_say_answer_at_once():
    assert not remote(object(), None)
    assert remote(object(), Far())


@pytest.mark.parametrize("apart", [True, False])
def test_both_are_done(apart):
    assert together(lambda: 1, lambda: 2, apart=apart) == (1, 2)


def test_apart_they_run_side_by_side():
    meeting = threading.Barrier(2)

    def meet():
        return meeting.wait(WAIT_S)

    assert set(together(meet, meet, apart=True)) == {0, 1}


def test_what_is_begun_apart_goes_on_meanwhile():
    went, wanted = threading.Event(), threading.Event()

    def call():
        went.set()
        return wanted.wait(WAIT_S)

    wait = begun(call, apart=True)
    assert went.wait(WAIT_S)
    wanted.set()
    assert wait()


@pytest.mark.parametrize("apart", [True, False])
def test_what_it_raised_is_raised_where_it_is_waited_for(apart):
    wait = begun(fails, apart=apart)
    with pytest.raises(ValueError, match="here"):
        wait()


def test_what_was_made_is_discarded_if_the_other_failed():
    thrown = []
    with pytest.raises(ValueError, match="here"):
        together(fails, lambda: "host", apart=True, discard=thrown.append)
    assert thrown == ["host"]


def test_the_first_ones_error_counts():
    def there():
        raise KeyError("there")

    with pytest.raises(ValueError, match="here"):
        together(fails, there, apart=True, discard=fails)
    with pytest.raises(KeyError, match="there"):
        together(lambda: 1, there, apart=True)
