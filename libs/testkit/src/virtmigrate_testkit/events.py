"""What is planned, told, recorded and handed back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from virtmigrate.capabilities import Progress
from virtmigrate.events import EVENT
from virtmigrate.phases import Outcome
from virtmigrate.plan import Plan
from virtmigrate.results import Result
from virtmigrate_testkit.kit import NAME, Kit, not_applicable
from virtmigrate_testkit.recorder import Strike

if TYPE_CHECKING:
    from virtmigrate.events import Event

ORDER = ("started", "committed", "landed", "ended")


class EventTests:
    """Standard tests of plan, events, result and journal."""

    def test_plan_survives_json(self, kit: Kit) -> None:
        """A plan goes through JSON unchanged; its digest is the same each time."""
        kit.guest()
        plan = kit.migrator.plan(NAME, *kit.bench.hosts())
        again = kit.migrator.plan(NAME, *kit.bench.hosts())
        read = Plan.model_validate_json(plan.model_dump_json())
        assert read == plan
        assert read.digest() == plan.digest() == again.digest()
        assert NAME in plan.explain()

    def test_plan_can_be_run(self, kit: Kit) -> None:
        """A plan that was made before, and read back, is carried out."""
        kit.guest()
        plan = kit.migrator.plan(NAME, *kit.bench.hosts())
        read = Plan.model_validate_json(plan.model_dump_json())
        assert kit.migrator.run(read).outcome is Outcome.SUCCEEDED

    def test_planning_changes_nothing(self, kit: Kit) -> None:
        """Both hosts are as before, and no phase hook was called."""
        kit.guest()
        before = kit.bench.look(NAME)
        kit.migrator.plan(NAME, *kit.bench.hosts())
        assert kit.bench.look(NAME) == before
        assert kit.recorder.calls == []

    def test_events_in_order(self, kit: Kit) -> None:
        """Started first, ended last, each step started before it ends, time forward."""
        kit.guest()
        run = kit.moved()
        kinds = [event.kind for event in run.events]
        assert [kind for kind in kinds if kind in ORDER] == list(ORDER)
        assert (kinds[0], kinds[-1]) == ("started", "ended")
        steps = [step.id for step in run.plan.steps]
        assert steps_of(run.events, "step-started") == steps
        assert steps_of(run.events, "step-ended") == steps
        times = [event.at_ms for event in run.events]
        assert times == sorted(times)

    def test_events_survive_json(self, kit: Kit) -> None:
        """Each is typed: read back, it is the same."""
        kit.guest()
        for event in kit.moved().events:
            assert EVENT.validate_json(event.model_dump_json()) == event

    def test_failed_step_is_told(self, kit: Kit) -> None:
        """A step that fails ends with its fault, and the end says rolled back."""
        kit.guest()
        run = kit.move(Strike("perform", "before", "error"))
        ended = [e for e in run.events if e.kind == "step-ended" and not e.ok]
        assert [event.step for event in ended] == ["perform"]
        assert ended[0].fault in run.result.faults
        assert run.events[-1].kind == "ended"
        assert run.events[-1].result == run.result

    def test_progress_counts_what_is_declared(self, kit: Kit) -> None:
        """Bytes, percent or nothing: and nothing is made up."""
        counts = kit.declared[0].progress
        kit.guest()
        kit.bench.slow()
        told = [e for e in kit.moved().events if e.kind == "progress"]
        if counts is Progress.NOTHING:
            assert all(e.percent is None and e.total_bytes is None for e in told)
            return
        if not told:
            not_applicable("no transfer of this bench lasts until a sample")
        if counts is Progress.PERCENT:
            assert any(e.percent is not None for e in told)
            assert all(e.total_bytes is None for e in told)
        else:
            assert any(e.total_bytes and e.processed_bytes for e in told)
        shown = [e.percent for e in told if e.percent is not None]
        assert shown == sorted(shown), "what is shown never goes back"
        assert all(0 <= percent <= 100 for percent in shown)  # noqa: PLR2004

    def test_result_is_complete(self, kit: Kit) -> None:
        """It names the guest, the options in effect, what was seen, and when."""
        kit.guest()
        run = kit.moved()
        result = run.result
        assert (result.guest, result.uuid) == (NAME, run.plan.guest.uuid)
        assert result.effective == run.effective
        assert result.reason
        assert result.limit == ""
        here, there = kit.bench.look(NAME)
        assert (result.source, result.destination) == (here.state, there.state)
        timing = result.timing
        assert timing.landed_ms is not None
        assert timing.gap_ms is not None
        assert 0 <= timing.gap_ms <= timing.landed_ms <= timing.total_ms
        assert Result.model_validate_json(result.model_dump_json()) == result

    def test_journal_is_closed(self, kit: Kit) -> None:
        """An intent before each step that changes something, and one end, last."""
        kit.guest()
        run = kit.moved()
        (entry,) = kit.journal.entries()
        assert entry.closed is not None
        assert entry.outcome == Outcome.SUCCEEDED
        records = kit.journal.records(entry.migration)
        assert records[-1].kind == "end"
        assert [r.kind for r in records].count("commit") == 1
        intents = [r.body["step"] for r in records if r.kind == "intent"]
        assert intents == [step.id for step in run.plan.steps]
        # What was measured, free memory among it, may have changed since `run.plan`.
        assert kit.journal.plan(entry.migration).digest() == run.plan.digest()

    def test_journal_of_a_failure_is_closed(self, kit: Kit) -> None:
        """A rollback leaves nothing open: the guest can be moved by anybody."""
        kit.guest()
        kit.move(Strike("prepare", "after", "error"))
        (entry,) = kit.journal.entries()
        assert entry.closed is not None
        assert kit.journal.records(entry.migration)[-1].kind == "end"


def steps_of(events: list[Event], kind: str) -> list[str]:
    """Ids of the steps that were told so."""
    return [e.step for e in events if e.kind == kind and hasattr(e, "step")]
