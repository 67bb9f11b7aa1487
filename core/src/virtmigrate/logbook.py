"""Everything that one migration writes down or tells: journal, events, faults."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from virtmigrate.errors import JournalError, VirtmigrateError
from virtmigrate.phases import Outcome
from virtmigrate.redact import redact, redact_data
from virtmigrate.results import Fault, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from virtmigrate.clock import Clock
    from virtmigrate.context import Context
    from virtmigrate.events import Event
    from virtmigrate.journal import Journal

logger = logging.getLogger(__name__)
EXACT = ("definitions", "destination_definitions", "notes")
"""Fields of records that are never redacted."""
SETTLED = (Outcome.SUCCEEDED, Outcome.ROLLED_BACK)


class Logbook:
    """The pen of one migration."""

    def __init__(
        self,
        migration: str,
        journal: Journal,
        clock: Clock,
        sinks: Sequence[Callable[[Event], None]],
        told: Sequence[str] = (),
    ) -> None:
        """Nothing is written before `start`; what is to be `told` is, then."""
        self.migration = migration
        self.journal = journal
        self.clock = clock
        self.sinks = sinks
        self.faults: list[Fault] = []
        self.warnings: list[str] = []
        self.obligations: list[str] = []
        self._told = told
        self._began = clock.now()
        self._silent = False

    def elapsed_ms(self) -> float:
        """Milliseconds since the start."""
        return (self.clock.now() - self._began) * 1000

    def start(self, ctx: Context) -> None:
        """Claim the guest in the journal and say that it begins."""
        self._began = self.clock.now()
        plan = ctx.plan
        self.journal.open(self.migration, plan, self.clock.wall())
        if self.sinks:
            self.emit(
                "started",
                guest=plan.guest.name,
                uuid=plan.guest.uuid,
                source=plan.source.uri,
                destination=plan.destination.uri,
                digest=plan.digest(),
            )
        for message in self._told:
            self.warn(message)

    def write(self, kind: str, *, durable: bool = False, **body: object) -> None:
        """A journal record that must be there before what follows.

        Raises:
            JournalError: It can't be written.
        """
        self._append(kind, body, durable=durable)

    def note(self, kind: str, *, durable: bool = False, **body: object) -> None:
        """A record that would be good to have; a journal that fails stops no undo."""
        try:
            self._append(kind, body, durable=durable)
        except JournalError as error:
            if not self._silent:
                self._silent = True
                self.fault(error, "journal")

    def _append(self, kind: str, body: dict[str, object], *, durable: bool) -> None:
        # Only what must be restorable is kept as it is: exact definitions, and what a
        # plugin noted for itself.
        body = {
            name: value if name in EXACT else redact_data(value)
            for name, value in body.items()
        }
        try:
            self.journal.append(
                self.migration, kind, self.clock.wall(), body, durable=durable
            )
        except JournalError:
            raise
        except Exception as error:
            msg = f"a record can't be written: {type(error).__name__}: {error}"
            raise JournalError(msg, subject=kind) from error

    def emit(self, kind: str, **fields: object) -> None:
        """An event to every sink; a failing sink is logged and changes nothing.

        Args:
            kind: The event's `kind`.
            fields: Its fields, beside migration and time.
        """
        if not self.sinks:
            return
        # Models are slow to import: only those pay for them who listen.
        from virtmigrate.events import BY_KIND  # noqa: PLC0415

        made = BY_KIND[kind](
            migration=self.migration, at_ms=self.elapsed_ms(), **fields
        )
        for sink in self.sinks:
            try:
                sink(made)
            except Exception:
                logger.exception("an event sink failed")

    def fault(self, error: VirtmigrateError, step: str) -> Fault:
        """Note an error, secrets taken out."""
        fault = Fault(
            error=type(error).__name__,
            message=redact(error.message),
            side=error.side.value,
            step=step,
            remedy=error.remedy,
        )
        self.faults.append(fault)
        if not isinstance(error, JournalError):
            self.note("fault", **fault.model_dump())
        logger.info("%s: %s failed: %s", self.migration, step, fault.message)
        return fault

    def warn(self, message: str) -> None:
        """Something that a person should know."""
        said = redact(message)
        self.warnings.append(said)
        self.note("warned", message=said)
        self.emit("warned", message=said)

    def alarm(self, step: str, side: str, limit_s: float) -> None:
        """A step takes longer than it should; durable, as nobody knows what follows."""
        message = f"{step} at the {side} takes longer than {limit_s:g} s"
        logger.warning("%s: alarm: %s", self.migration, message)
        self.warnings.append(message)
        self.note("alarm", durable=True, step=step, side=side, limit_s=limit_s)
        self.emit("alarm", step=step, side=side, limit_s=limit_s, message=message)

    def owe(self, obligation: str) -> None:
        """Something to be done later; durable at once."""
        if obligation in self.obligations:
            return
        self.obligations.append(obligation)
        self.note("owed", durable=True, obligation=obligation)

    def end(self, result: Result) -> None:
        """Close it in the journal; what is not settled stays open for recovery.

        What is owed does not keep it open: the guest may move on meanwhile.
        """
        self.note("end", result=result.model_dump(mode="json"))
        try:
            self.journal.close(
                self.migration,
                result.outcome.value,
                self.clock.wall(),
                settled=result.outcome in SETTLED,
                owed=result.obligations,
            )
        except Exception as error:  # noqa: BLE001 - the result counts, and is told
            msg = f"it can't be closed in the journal: {error}"
            self.fault(JournalError(msg, subject=self.migration), "journal")
