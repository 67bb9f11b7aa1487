"""What can be turned while a transfer runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from virtmigrate.capabilities import How, Knob
from virtmigrate.errors import Side
from virtmigrate.host import RunState
from virtmigrate_testkit.kit import NAME, Kit, not_applicable

if TYPE_CHECKING:
    from virtmigrate.events import Event

VALUES: dict[Knob, int] = {
    Knob.DOWNTIME_MS: 400,
    Knob.BANDWIDTH_MIB_S: 4096,
    Knob.XBZRLE_CACHE_BYTES: 1 << 26,
}
TIMERS: dict[Knob, dict[str, object]] = {
    Knob.SUSPEND: {"timeout_s": 1, "timeout_suspend": True},
    Knob.POSTCOPY: {"timeout_s": 1, "timeout_postcopy": True, "postcopy": True},
}


class KnobTests:
    """Standard tests of the knobs in flight."""

    @pytest.mark.parametrize("knob", list(VALUES), ids=str)
    def test_knob_is_turned(self, kit: Kit, knob: Knob) -> None:
        """A declared knob turns while a guest moves; an undeclared one is an error."""
        if knob not in kit.declared[0].knobs:
            not_applicable(f"knob {knob} is not declared")
        needs = knob is Knob.XBZRLE_CACHE_BYTES
        if needs and kit.how("compressed", answer=True) is How.REFUSED:
            not_applicable("compressed=yes is refused")
        kit.guest()
        kit.bench.slow()
        turned: list[Exception | None] = []

        def turn(event: Event) -> None:
            if event.kind != "progress" or turned:
                return
            with kit.open(Side.SOURCE) as host:
                try:
                    host.guest(NAME).set_knob(knob, VALUES[knob])
                except Exception as error:  # noqa: BLE001 - shown below
                    turned.append(error)
                else:
                    turned.append(None)

        kit.listeners.append(turn)
        kit.moved(compressed=True if needs else None)
        assert turned == [None]

    @pytest.mark.parametrize("knob", list(TIMERS), ids=str)
    def test_timer_turns_a_knob(self, kit: Kit, knob: Knob) -> None:
        """A timer of the caller's turns it, and the guest lands as it was."""
        if knob not in kit.declared[0].knobs:
            not_applicable(f"knob {knob} is not declared")
        if knob is Knob.POSTCOPY and "postcopy" in kit.bench.cannot:
            not_applicable(kit.bench.cannot["postcopy"])
        kit.guest()
        kit.bench.slow()
        run = kit.moved(**TIMERS[knob])
        acted = [event.action for event in run.events if event.kind == "acted"]
        assert acted == [knob.value], run.result.warnings
        assert kit.bench.look(NAME)[1].state is RunState.RUNNING
