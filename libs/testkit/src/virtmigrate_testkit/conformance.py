"""The class that an author subclasses, and the guard that keeps its tests standard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import ClassVar, TypeVar

import pytest

from virtmigrate_testkit import summary
from virtmigrate_testkit.answers import AnswerTests
from virtmigrate_testkit.bench import Bench
from virtmigrate_testkit.declaration import DeclarationTests
from virtmigrate_testkit.events import EventTests
from virtmigrate_testkit.kit import Kit, not_applicable
from virtmigrate_testkit.knobs import KnobTests
from virtmigrate_testkit.misfortune import MisfortuneTests
from virtmigrate_testkit.objects import ObjectTests
from virtmigrate_testkit.persistence import PersistenceTests
from virtmigrate_testkit.phases import PhaseTests
from virtmigrate_testkit.refusals import RefusalTests
from virtmigrate_testkit.storage import StorageTests

F = TypeVar("F", bound="Callable[..., object]")
REASON = "_virtmigrate_differs"


def differs(reason: str) -> Callable[[F], F]:
    """Declare that this test takes the place of a standard one, and why.

    Args:
        reason: A sentence; the closing line repeats it.
    """
    if not reason.strip():
        msg = "a reason is needed"
        raise ValueError(msg)

    def mark(test: F) -> F:
        setattr(test, REASON, reason)
        return test

    return mark


class Standard(
    DeclarationTests,
    ObjectTests,
    PhaseTests,
    AnswerTests,
    PersistenceTests,
    KnobTests,
    MisfortuneTests,
    EventTests,
    RefusalTests,
    StorageTests,
):
    """Every standard test."""


STANDARD: dict[str, object] = {
    name: getattr(Standard, name) for name in dir(Standard) if name.startswith("test_")
}
"""The standard tests by name, as they are shipped."""


def overridden(cls: type) -> dict[str, str]:
    """Standard tests that a class replaces, with the declared reason ("" = none)."""
    return {
        name: str(getattr(getattr(cls, name), REASON, ""))
        for name, shipped in STANDARD.items()
        if getattr(cls, name) is not shipped
    }


class Conformance(Standard):
    """Subclass it, name your bench: pytest runs the standard tests on it.

    Example::

        class TestMine(Conformance):
            bench = MyBench
    """

    bench: ClassVar[type[Bench]]

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Refuse a silent override at once."""
        super().__init_subclass__(**kwargs)
        silent = sorted(name for name, why in overridden(cls).items() if not why)
        if silent:
            msg = (
                f"{cls.__name__} overrides standard tests: {', '.join(silent)}; "
                "mark them @differs(reason), or name them in the bench's not_applicable"
            )
            raise TypeError(msg)

    @pytest.fixture
    def kit(self, request: pytest.FixtureRequest) -> Iterator[Kit]:
        """Hosts, guest and migrator of one test; tidy afterwards."""
        bench = _opened(request, type(self))
        for pattern, reason in bench.not_applicable.items():
            if fnmatchcase(
                request.node.name.replace("[", "("), pattern.replace("[", "(")
            ):
                not_applicable(reason)
        made = Kit(bench)
        try:
            yield made
        finally:
            if made.touched:
                bench.tidy()

    def test_nothing_is_overridden_silently(self) -> None:
        """Also not by assignment after the class was made."""
        assert all(overridden(type(self)).values()), overridden(type(self))

    def test_what_is_not_applicable_exists(self) -> None:
        """Each reason belongs to a standard test, and is one."""
        for pattern, reason in self.bench.not_applicable.items():
            name = pattern.partition("[")[0]
            assert any(fnmatchcase(test, name) for test in STANDARD), pattern
            assert reason.strip(), pattern


def _opened(request: pytest.FixtureRequest, cls: type[Conformance]) -> Bench:
    """The class's bench, opened once and closed after its last test."""
    node = request.node.getparent(pytest.Class)
    known: Bench | None = getattr(node, "_virtmigrate_bench", None)
    if known is None:
        known = cls.bench()
        known.open(request)
        node.addfinalizer(known.close)
        node._virtmigrate_bench = known  # noqa: SLF001 - ours, kept where pytest ends it
        summary.announce(request.config, node.nodeid, known.label or cls.__name__)
    return known


def conformance(bench: type[Bench]) -> type[Conformance]:
    """The standard tests for a bench, as a class: ``TestMine = …`` collects it.

    Args:
        bench: Two hosts, and guests on them.
    """
    name = f"Test{bench.__name__}"
    return type(name, (Conformance,), {"bench": bench, "__doc__": bench.__doc__})
