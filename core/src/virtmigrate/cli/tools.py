"""What the commands share: plugins, the journal, and the source that was named."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from virtmigrate.api import Migrator
from virtmigrate.errors import BadInput, Side
from virtmigrate.manager import Manager

if TYPE_CHECKING:
    from collections.abc import Callable

    from virtmigrate.clock import Clock
    from virtmigrate.events import Event
    from virtmigrate.journal import Journal


LOOK_S = 1.0
"""Who only looks waits no longer for a lock: `status` answers whatever hangs."""


@dataclass
class Tools:
    """Made when first needed, so that a command pays only for what it uses.

    Attributes:
        connect: The source URI before the command, or of the environment.
        clock: The time; that of this machine if None.
        plugins: Further plugins, beside those that are installed.
        discover: Whether installed plugins are looked for.
        insecure: Checks that are switched off (`waive`).
    """

    connect: str | None = None
    clock: Clock | None = None
    plugins: tuple[object, ...] = ()
    discover: bool = True
    insecure: frozenset[str] = frozenset()
    _open: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def manager(self) -> Manager:
        """The plugins."""
        return Manager(self.plugins, discover=self.discover)

    def migrator(self, *sinks: Callable[[Event], None]) -> Migrator:
        """What moves guests."""
        migrator = Migrator(
            manager=self.manager,
            clock=self.clock,
            sinks=sinks,
            insecure=self.insecure,
        )
        return self._open.enter_context(migrator)

    def waive(self, names: object) -> None:
        """Switch checks off, by name (as typed: a list, or None), for this command."""
        self.insecure = frozenset(names) if isinstance(names, list) else frozenset()

    def journal(self) -> Journal | None:
        """The journal, or None where there never was one: reading makes no file."""
        from virtmigrate.sqlite_journal import (  # noqa: PLC0415 - sqlite is dear
            SQLiteJournal,
            default_path,
        )

        path = default_path()
        if not path.exists() and not path.is_symlink():
            return None
        journal = SQLiteJournal(path, wait_s=LOOK_S)
        self._open.callback(journal.release)
        return journal

    def source(self, named: str | None) -> str:
        """The source URI that holds: the command's own, or the one before it.

        Raises:
            BadInput: There is none.
        """
        uri = named or self.connect
        if not uri:
            raise BadInput(
                "no source host is named",
                side=Side.SOURCE,
                subject="connect",
                remedy="give -c SOURCE_URI, or set VIRTMIGRATE_CONNECT",
            )
        return uri

    def close(self) -> None:
        """Let go of what was opened."""
        self._open.close()
