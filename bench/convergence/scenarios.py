"""What guests do and what happens to the link: one row a scenario.

Rates are in units of the link, as the model wants them: r = dirty rate / link. The
guest of every row is paced by its own clock, so that a row means the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

LINK_MIB_S = 64
MEMORY_MIB = 256
FIRST_PASS_S = MEMORY_MIB / LINK_MIB_S
"""What the first pass over the memory takes on this link, seconds."""
WORKING_SET_MIB = 128

Action = Literal["link", "cut", "mend", "ramp"]


@dataclass(frozen=True)
class Moment:
    """Something that happens while the guest moves.

    Args:
        at_s: Seconds after the call.
        action: ``link`` (another rate), ``cut``, ``mend``, ``ramp`` (the guest's rate
            begins to rise).
        rate_mib_s: The rate of ``link``.
    """

    at_s: float
    action: Action
    rate_mib_s: float = LINK_MIB_S

    def __str__(self) -> str:
        return f"link {self.rate_mib_s:g}" if self.action == "link" else self.action


@dataclass(frozen=True)
class Scenario:
    """One row.

    Args:
        id: ``S0`` ...
        title: In a few words.
        guest: What :meth:`virtmigrate_lab.Lab.guest_start` takes.
        tests: What it is for.
        needs: Consents of which plain pre-copy needs one to end it within the limits;
            empty: it needs none.
        deadline_s: After this it is aborted, and counts as this long.
        link_mib_s: Rate of the link, each way; None: as fast as it goes.
        gap_ms: The longest stop of the guest that was asked for.
        moments: What happens meanwhile.
    """

    id: str
    title: str
    guest: dict[str, Any]
    tests: str
    needs: tuple[str, ...] = ()
    deadline_s: float = 30.0
    gap_ms: int = 300
    link_mib_s: float | None = LINK_MIB_S
    moments: tuple[Moment, ...] = field(default=())

    @property
    def ratio(self) -> float:
        """Dirty rate over link rate."""
        rate = self.link_mib_s or LINK_MIB_S
        return float(self.guest.get("dirty_rate_mib_s", 0)) / rate

    @property
    def work(self) -> str:
        """What counts as the guest's work, by its own record: writes, or beats."""
        changing = self.guest.get("wave_ms") or self.guest.get("ramp_ms")
        return "writes" if self.ratio and not changing else "counter"


def guest(
    r: float = 0, working_set: int = WORKING_SET_MIB, **more: Any
) -> dict[str, Any]:
    """A guest of :data:`MEMORY_MIB` that writes r times the link's rate."""
    return {
        "memory_mib": MEMORY_MIB,
        "working_set_mib": working_set,
        "dirty_rate_mib_s": round(r * LINK_MIB_S),
        **more,
    }


DROP = (Moment(2.0, "link", 16), Moment(4.0, "link", LINK_MIB_S))
CUT = (Moment(2.0, "cut"), Moment(4.0, "mend"))
RAMP = (Moment(FIRST_PASS_S, "ramp"),)
ENDLESS = ("postcopy", "pause")

ROWS = (
    Scenario("S0", "idle", guest(working_set=1), "the floor"),
    Scenario(
        "S0z",
        "idle, half of its pages zero",
        guest(working_set=1, zero_percent=50),
        "zero pages",
    ),
    Scenario(
        "S0c",
        "idle, pages nine tenths zero",
        guest(working_set=1, fill_percent=10),
        "compressible memory",
    ),
    Scenario("S1", "r = 0.25", guest(0.25), "the model"),
    Scenario("S2", "r = 0.5", guest(0.5), "the model"),
    Scenario("S3", "r = 0.75", guest(0.75), "the model"),
    Scenario("S4", "r = 0.9", guest(0.9), "the model near its pole"),
    Scenario("S5", "r = 1.1", guest(1.1), "does not converge", ENDLESS),
    Scenario(
        "S6",
        "r = 1.5",
        guest(1.5),
        "does not converge",
        ENDLESS,
        deadline_s=45.0,  # auto-converge may end after all
    ),
    Scenario("S7", "hot 16 MiB, r = 1.5", guest(1.5, 16), "looks bad, is fine"),
    Scenario(
        "S8",
        "random, r = 1.5",
        guest(1.5, pattern="random"),
        "stalls of post-copy",
        ENDLESS,
    ),
    Scenario("S9", "whole pages, r = 0.5", guest(0.5, pattern="dense"), "no xbzrle"),
    Scenario(
        "S10",
        "whole pages, r = 1.5",
        guest(1.5, pattern="dense"),
        "no xbzrle, does not converge",
        ENDLESS,
    ),
    Scenario(
        "S10r",
        "random whole pages, r = 1.25",
        guest(1.25, pattern="random-dense"),
        "no xbzrle, no order, a little too fast",
        ENDLESS,
    ),
    Scenario(
        "S11",
        "2 s at r = 2, 3 s at 0.1",
        guest(2, wave_ms=(2000, 3000), quiet_rate_mib_s=6),
        "switch at a minimum",
    ),
    Scenario(
        "S12",
        "hot tenth takes nine writes of ten, r = 1",
        guest(1, pattern="random", hot_percent=10),
        "f(t) is curved",
    ),
    Scenario(
        "S13",
        "r = 0.3, in pass 2 up to 2",
        guest(0.3, ramp_ms=2000, ramp_rate_mib_s=2 * LINK_MIB_S),
        "the forecast is wrong",
        ENDLESS,
        moments=RAMP,
    ),
    Scenario(
        "S14", "r = 0.5, link 64 -> 16 -> 64", guest(0.5), "no bad switch", moments=DROP
    ),
    Scenario("S15", "r = 0.5, link cut for 2 s", guest(0.5), "survives", moments=CUT),
    Scenario(
        "S16",
        "whole pages, r = 4, 320 MiB of 384 written",
        guest(4, 320, memory_mib=384, pattern="dense"),
        "an early, honest end",
        ENDLESS,
    ),
)

NARROW_MIB_S = 16

PROBES = (
    Scenario(
        "S8n",
        "random, r = 1.5, a quarter of the link",
        guest(1.5 * NARROW_MIB_S / LINK_MIB_S, 64, memory_mib=128, pattern="random"),
        "stalls of post-copy, above this machine's jitter",
        ENDLESS,
        deadline_s=60.0,
        link_mib_s=NARROW_MIB_S,
    ),
    Scenario(
        "S6c",
        "r = 1.5, pages nine tenths zero",
        guest(1.5, fill_percent=10),
        "streams with zstd (--release trixie): only compressed it converges",
    ),
)
"""Not part of the comparison, only by name."""

SCENARIOS = {row.id: row for row in (*ROWS, *PROBES)}
