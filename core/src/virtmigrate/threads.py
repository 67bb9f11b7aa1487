"""Daemon threads that calls to other machines run in, kept for the next call.

A thread that a dead host keeps for ever is simply not there for the next one.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
NAME = "virtmigrate-call"
"""Of each thread."""


class Job(Generic[T]):
    """A call on its way through a thread; it begins at once.

    Attributes:
        error: What it raised, once it has ended; None = nothing.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        """Begin.

        Args:
            call: Runs in a daemon thread; what it raises is raised by `result`.
        """
        self._call: Callable[[], T] | None = call
        self._done = threading.Event()
        self._value: list[T] = []
        self.error: BaseException | None = None
        try:
            worker = _idle.pop()
        except IndexError:
            worker = _Worker()
        worker.queue.put(self)

    def run(self) -> None:
        """Do it; nothing is raised here."""
        call, self._call = self._call, None
        try:
            if call is not None:
                self._value.append(call())
        except BaseException as error:  # noqa: BLE001 - raised in the caller
            self.error = error

    def end(self) -> None:
        """Wake whoever waits."""
        self._done.set()

    def wait(self, deadline_s: float | None = None) -> bool:
        """Whether it ended in time (None: wait for ever)."""
        return self._done.wait(deadline_s)

    def result(self) -> T:
        """Wait to its end; what it gave, or raise what it raised."""
        self._done.wait()
        if self.error is not None:
            raise self.error
        return self._value[0]


class _Work(Protocol):
    def run(self) -> None: ...

    def end(self) -> None: ...


class _Worker:
    """One thread: does a job, offers itself for the next."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[_Work] = SimpleQueue()
        threading.Thread(
            target=self._serve, name="virtmigrate-call", daemon=True
        ).start()

    def _serve(self) -> None:
        while True:
            job = self.queue.get()
            job.run()
            _idle.append(self)
            job.end()
            # Its result may hold libvirt's objects: let go of it while idle.
            del job


_idle: deque[_Worker] = deque()
