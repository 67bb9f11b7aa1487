"""Recorded traces: what a guest rewrote, and what a link let through, played again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from virtmigrate.errors import BadInput
from virtmigrate_mock.memory import Amount, Habits

if TYPE_CHECKING:
    from typing import Self

TRACE_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Trace:
    """A recording, as it stands in a JSON file (an object with these keys).

    Attributes:
        curve: (ms since a clean bitmap, distinct MiB rewritten by then), rising; what
            `calc-dirty-rate` over several periods gives. Beyond the last point it goes
            on as between the last two, up to the guest's working set.
        link: (ms since the recording began, MiB/s), each from its moment on; 0: down.
    """

    curve: tuple[tuple[Amount, Amount], ...] = ()
    link: tuple[tuple[Amount, Amount], ...] = ()

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a trace from a JSON file.

        Raises:
            BadInput: There is none, or it is no trace.
        """
        file = Path(path)
        try:
            if file.stat().st_size > TRACE_MAX_BYTES:
                raise _bad(file, "it is too big")
            trace = _TRACE.validate_json(file.read_bytes())
        except OSError as error:
            raise _bad(file, error.strerror or "it can't be read") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise _bad(file, f"{where}: {first['msg']}") from None
        for name, points in (("curve", trace.curve), ("link", trace.link)):
            times = [at for at, _ in points]
            if times != sorted(set(times)):
                raise _bad(file, f"the times of its {name} don't rise")
        if [mib for _, mib in trace.curve] != sorted(mib for _, mib in trace.curve):
            raise _bad(file, "its curve falls")
        return cls(trace.curve, trace.link)

    @property
    def habits(self) -> Habits:
        """For `World.add_guest`: a guest that rewrites its memory as recorded."""
        return Habits(curve=self.curve)

    @property
    def rates(self) -> list[tuple[float, float]]:
        """For `simulate`: the link, in seconds and MiB/s."""
        return [(at_ms / 1000, rate) for at_ms, rate in self.link]


_TRACE: TypeAdapter[Trace] = TypeAdapter(Trace)


def _bad(file: Path, why: str) -> BadInput:
    return BadInput(
        f"{file} is no trace: {why}",
        subject="trace",
        remedy='an object with "curve" and "link": lists of [ms, number], rising',
    )
