"""What an author supplies: two hosts, guests on them, and the truth about both.

The truth must not come through the plugin that is tested: ask the hypervisor itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from virtmigrate.clock import Clock, RealClock
from virtmigrate.host import RunState

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True)
class Copy:
    """A guest as one host really has it.

    Attributes:
        state: RUNNING, PAUSED, SHUTOFF (defined only) or ABSENT; PAUSED_MIGRATION for
            one that is incomplete, or was stopped by a migration.
        definition: Text of its persistent definition, None when it has none.
    """

    state: RunState = RunState.ABSENT
    definition: str | None = None


class Bench(ABC):
    """Two hosts of one hypervisor, for the length of a test class.

    Attributes:
        label: What the closing line calls it; the class's name if "".
        plugins: Plugins to register, unless they are installed anyway.
        timeout_s: Longest that one migration may take, seconds of real time.
        not_applicable: Name of a standard test (`test_a`, `test_a[row]` or a pattern
            with `*`) to the reason why it can't be run on this bench.
        cannot: Option to the reason why no guest of this bench can be moved with it
            (no certificates, no such device). It is planned all the same.
        no_transient: Why a guest can't be without a definition; "" if it can.
        no_define_there: Why a guest may not be defined at the destination when it
            arrives; "" if it may. Then the plan must refuse it.
        recovers: Misfortune (`error-before-confirm`) to the reason why it ends as
            "unknown: needs recovery" here. Then `recover` must bring it to its end.
        values: Value option to a value with which a guest of this bench can be moved;
            ``...`` for the kit's own.
    """

    label: str = ""
    plugins: Sequence[object] = ()
    timeout_s: float = 60.0
    not_applicable: Mapping[str, str] = {}
    cannot: Mapping[str, str] = {}
    no_transient: str = ""
    no_define_there: str = ""
    recovers: Mapping[str, str] = {}
    values: Mapping[str, object] = {}

    def open(self, request: pytest.FixtureRequest) -> None:  # noqa: B027 - optional
        """Get the hosts; called once, before the first test.

        Args:
            request: Gives fixtures: ``request.getfixturevalue("tmp_path_factory")``.
        """

    def close(self) -> None:  # noqa: B027 - optional
        """Let the hosts go; called once, after the last test."""

    @property
    def clock(self) -> Clock:
        """The time on these hosts; a simulated hypervisor has its own."""
        return RealClock()

    @abstractmethod
    def hosts(self) -> tuple[str, str]:
        """URIs of the source and of the destination."""

    @abstractmethod
    def start(self, name: str, state: RunState, *, persistent: bool) -> None:
        """Make a guest at the source.

        Args:
            name: Its name.
            state: RUNNING, PAUSED or SHUTOFF.
            persistent: Whether it has a definition that outlives it.
        """

    @abstractmethod
    def look(self, name: str) -> tuple[Copy, Copy]:
        """The guest of this name, as source and destination really have it."""

    @abstractmethod
    def progress(self, name: str) -> float:
        """What the guest has done so far, wherever it is.

        Any unit: it grows while its CPUs run, stands still while they don't, and goes
        on, never back, when it has moved.
        """

    @abstractmethod
    def tidy(self) -> None:
        """No guests, no faults, full speed; called after each test."""

    # What a bench may add.

    def slow(self) -> None:  # noqa: B027 - optional
        """Let the transfers of this test last a second or more."""

    def older(self, definition: str) -> str:
        """A definition of the same guest that can be told apart from this one."""
        return definition

    def observed(self, name: str) -> Mapping[str, bool]:
        """Options that were really in effect in this guest's last move, as seen.

        Whatever the bench can tell apart; empty for nothing.
        """
        del name
        return {}
