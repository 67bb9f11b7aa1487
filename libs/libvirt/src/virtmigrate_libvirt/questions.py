"""Many small questions to one host, asked in one go: each has an answer of its own.

One that the host refuses, or on which it falls silent, costs none of the others theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import libvirt

from virtmigrate.errors import AnswerLost, BadInput, HostUnreachable
from virtmigrate_libvirt.faults import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from virtmigrate_libvirt.host import LibvirtHost
    from virtmigrate_libvirt.protocol import Connection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One question that changes nothing.

    Attributes:
        about: What it is about, in words; two with the same words are one.
        ask: Gets the connection; what it makes of libvirt's objects must not leave it.
        kept: Whether its answer stays true while the host is connected.
        means: libvirt's error numbers that are an answer too: there is no such thing.
    """

    about: str
    ask: Callable[[Connection], T]
    kept: bool = False
    means: Container[int] = ()


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What came instead of an answer.

    Attributes:
        why: The host's own words, or ours.
        code: libvirt's number; 0 = it never answered.
    """

    why: str
    code: int = 0


SILENT = Unanswered("no answer in time")


class Answers:
    """What a host answered."""

    def __init__(self, found: Mapping[str, object] | None = None) -> None:
        """Wrap them.

        Args:
            found: What a question is about, and its answer.
        """
        self._found = dict(found or {})

    def __getitem__(self, question: Question[T]) -> T | Unanswered:
        """The answer to one; to one that was never asked, that."""
        missing = Unanswered("it was not asked")
        return cast("T | Unanswered", self._found.get(question.about, missing))


class _Session:
    """Asks question after question; entered again, it goes on behind the last one."""

    def __init__(self, questions: Iterable[Question[object]]) -> None:
        self.left = {question.about: question for question in questions}
        self.found: dict[str, object] = {}
        self._turn = 0
        self._asking = ""

    def run(self, connection: Connection) -> None:
        self._turn += 1
        mine = self._turn
        if self._asking:
            self._answer(self._asking, SILENT)
        while self.left:
            self._asking = about = next(iter(self.left))
            try:
                answer = _answer(self.left[about], connection)
            except libvirt.libvirtError:
                self._asking = ""  # the connection broke: this one is asked again
                raise
            if self._turn != mine:
                return  # somebody else went on meanwhile, over another connection
            self._answer(about, answer)

    def give_up(self, why: str) -> None:
        for about in list(self.left):
            self._answer(about, Unanswered(why))

    def _answer(self, about: str, answer: object) -> None:
        self.found[about] = answer
        self.left.pop(about, None)
        self._asking = ""


def ask_all(
    host: LibvirtHost, questions: Iterable[Question[Any]], deadline_s: float
) -> Answers:
    """Ask one after the other, within one time.

    Where the host falls silent on one, the rest is asked over a fresh connection.

    Args:
        host: Whom.
        questions: What.
        deadline_s: For all together, and once more after a silence.
    """
    wanted = {question.about: question for question in questions}
    known = {about: host.kept[about] for about in wanted if about in host.kept}
    session = _Session(q for about, q in wanted.items() if about not in known)
    if session.left:
        try:
            host.control.ask("asking what it has", session.run, deadline_s=deadline_s)
        except (AnswerLost, HostUnreachable) as lost:
            session.give_up(lost.message)
    for about, answer in session.found.items():
        if wanted[about].kept and not isinstance(answer, Unanswered):
            host.kept[about] = answer
    return Answers(known | session.found)


def _answer(question: Question[object], connection: Connection) -> object:
    """Its answer, or the host's refusal of this one question."""
    try:
        return question.ask(connection)
    except libvirt.libvirtError as error:
        fault = fault_of(error)
        if fault.lost:
            raise
        return Unanswered(fault.message, fault.code)
    except BadInput as error:
        return Unanswered(error.message)
