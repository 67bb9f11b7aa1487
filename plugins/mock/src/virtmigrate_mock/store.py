"""Where a world lives: in memory, or in one file that any process can open.

A store is a context manager: inside it the state may be read and changed, and nobody
else does either.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import TypeAdapter, ValidationError

from virtmigrate.errors import BadInput, HostUnreachable
from virtmigrate_mock.state import STATE_VERSION, State

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

STATE: TypeAdapter[State] = TypeAdapter(State)
FILE_MAX_BYTES = 64 << 20


class Store(Protocol):
    """A place for one state.

    `with store as state:` or, where it counts, `with store.lock:` and `store.state`:
    a memory's lock is entered without a call.
    """

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Entering it is entering the store."""
        ...

    @property
    def state(self) -> State:
        """The state; only inside."""
        ...

    def __enter__(self) -> State:
        """Lock, and hand the state out."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep what was changed, and unlock."""
        ...


class MemoryStore:
    """A state that dies with its process."""

    def __init__(self, state: State) -> None:
        """Hold `state`."""
        self.state = state
        self.lock = threading.RLock()

    def __enter__(self) -> State:
        """Lock."""
        self.lock.acquire()
        return self.state

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Unlock."""
        self.lock.release()


class FileStore:
    """A state in a JSON file: `flock` on a file beside it, replaced atomically.

    A process that is killed inside leaves the file as it was before.
    """

    def __init__(self, path: Path) -> None:
        """Use `path`; the lock is the same name with `.lock` added."""
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._fd = -1
        self.state = State()
        self._read = b""

    @property
    def lock(self) -> FileStore:
        """Itself: entering reads the file."""
        return self

    def create(self, state: State, *, replace: bool = False) -> None:
        """Write a new world.

        Raises:
            BadInput: There is one already, or the file can't be written.
        """
        if self.path.exists() and not replace:
            raise BadInput(
                f"there is a file {self.path} already",
                subject="world",
                remedy="choose another name, or remove it",
            )
        try:
            self._write(STATE.dump_json(state))
        except OSError as error:
            raise BadInput(
                f"the world can't be written: {error.strerror}",
                subject="world",
                remedy="name a file in a directory that you may write to",
            ) from error

    def __enter__(self) -> State:
        """Lock the file and read it."""
        self._lock.acquire()
        self._depth += 1
        if self._depth > 1:
            return self.state
        try:
            self._load()
        except BaseException:
            self._release()
            raise
        return self.state

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write it if it changed, and unlock."""
        try:
            if self._depth == 1:
                text = STATE.dump_json(self.state)
                if text != self._read:
                    self._write(text)
        finally:
            self._release()

    def _load(self) -> None:
        try:
            if not self.path.is_file():
                msg = f"there is no world {self.path}"
                raise HostUnreachable(
                    msg, subject="world", remedy="`virtmigrate mock create FILE`"
                )
            if self.path.stat().st_size > FILE_MAX_BYTES:
                raise self._unreadable("it is too big")
            lock = self.path.with_name(self.path.name + ".lock")
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._fd = os.open(lock, flags, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            self._read = self.path.read_bytes()
            self.state = STATE.validate_json(self._read)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self._unreadable(f"{where}: {first['msg']}") from None
        except OSError as error:
            raise self._unreadable(error.strerror or "input/output error") from error
        if self.state.version != STATE_VERSION:
            raise self._unreadable(f"it has version {self.state.version}")

    def _unreadable(self, why: str) -> HostUnreachable:
        return HostUnreachable(
            f"the world {self.path} can't be read: {why}",
            subject="world",
            remedy="make it anew with `virtmigrate mock create FILE`",
        )

    def _write(self, text: bytes) -> None:
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(text)
        beside.replace(self.path)

    def _release(self) -> None:
        self._depth -= 1
        if self._depth == 0 and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._lock.release()
