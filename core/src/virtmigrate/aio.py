"""The same as `api.py`, for asyncio and trio: nothing here blocks the event loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from virtmigrate.api import Migrator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from virtmigrate.capabilities import Capabilities
    from virtmigrate.options import Options
    from virtmigrate.plan import Plan, Report
    from virtmigrate.policy import Policy
    from virtmigrate.results import Debt, Result


class AsyncMigrator:
    """A `Migrator` whose methods are awaited."""

    def __init__(self, migrator: Migrator | None = None) -> None:
        """Wrap a migrator; a default one if None."""
        self.migrator = migrator or Migrator()

    async def capabilities(self, uri: str) -> Capabilities:
        """As `Migrator.capabilities`."""
        return await to_thread.run_sync(self.migrator.capabilities, uri)

    async def plan(
        self,
        guest: str,
        source: str,
        destination: str,
        options: Options | None = None,
        *,
        policy: Policy | None = None,
        measure_s: float = 0.0,
        ignore: Iterable[str] = (),
        rehearse: bool = False,
    ) -> Plan:
        """As `Migrator.plan`."""
        return await to_thread.run_sync(
            partial(
                self.migrator.plan,
                guest,
                source,
                destination,
                options,
                policy=policy,
                measure_s=measure_s,
                ignore=ignore,
                rehearse=rehearse,
            )
        )

    async def check(
        self,
        guest: str,
        source: str,
        destination: str,
        options: Options | None = None,
        *,
        policy: Policy | None = None,
        measure_s: float = 0.0,
        ignore: Iterable[str] = (),
        rehearse: bool = False,
    ) -> Report:
        """As `Migrator.check`."""
        return await to_thread.run_sync(
            partial(
                self.migrator.check,
                guest,
                source,
                destination,
                options,
                policy=policy,
                measure_s=measure_s,
                ignore=ignore,
                rehearse=rehearse,
            )
        )

    async def settle(self, migration: str | None = None) -> list[Debt]:
        """As `Migrator.settle`."""
        return await to_thread.run_sync(self.migrator.settle, migration)

    async def migrate(
        self,
        guest: str,
        source: str,
        destination: str,
        options: Options | None = None,
        *,
        policy: Policy | None = None,
        measure_s: float = 0.0,
        ignore: Iterable[str] = (),
        rehearse: bool = False,
    ) -> Result:
        """As `Migrator.migrate`.

        Cancelling the awaiting task cancels the migration: it is rolled back (unless
        COMMIT was written, then it is finished) before the cancellation goes on.
        """
        handle = self.migrator.start(
            guest,
            source,
            destination,
            options,
            policy=policy,
            measure_s=measure_s,
            ignore=ignore,
            rehearse=rehearse,
        )
        try:
            return await to_thread.run_sync(handle.wait, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            handle.cancel()
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(handle.wait)
            raise
