"""A lab guest's options, and the domain XML made of them. Pure."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal, TypedDict

from virtmigrate_lab import disks
from virtmigrate_lab.disks import Disk
from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.layout import INNER_RUN
from virtmigrate_lab.stream import NAME

Pattern = Literal["sequential", "random", "dense", "random-dense"]

PATTERNS: dict[str, int] = {"sequential": 0, "random": 1, "dense": 2, "random-dense": 3}
"""Pattern and the number by which the guest program knows it."""

LEAST_MEMORY_MIB = 12
MOST_MEMORY_MIB = 3072
LONGEST_RAMP_MS = 600_000
MOST_DISK_RATE = 1024
RESERVED_MIB = 4
"""Memory below the guest's pages, and the table of what each must hold."""

XML = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{run}/guest.elf</kernel>
    <cmdline>{cmdline}</cmdline>
  </os>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
{disks}    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    <serial type='unix'>
      <source mode='connect' path='{run}/beat.sock'>
        <reconnect enabled='yes' timeout='1'/>
      </source>
    </serial>
  </devices>
</domain>
"""


class GuestSettings(TypedDict, total=False):
    """What may be said of a guest when it is started; see :class:`GuestOptions`."""

    memory_mib: int
    working_set_mib: int
    dirty_rate_mib_s: int
    pattern: Pattern
    fill_percent: int
    hot_percent: int
    wave_ms: tuple[int, int] | None
    quiet_rate_mib_s: int
    zero_percent: int
    ramp_ms: int
    ramp_rate_mib_s: int
    disk_rate_mib_s: int
    disk_working_set_mib: int


@dataclass(frozen=True)
class GuestOptions:
    """What a guest is and does.

    Args:
        name: Letters, digits, ``_.-``, at most 40.
        uuid: Its UUID; it stays when the guest is renamed.
        memory_mib: Its memory, all of it filled and verified.
        working_set_mib: The part of it that is written again and again.
        dirty_rate_mib_s: Pages touched a second x 4096 bytes: what a migration must
            send again. 0 writes nothing.
        pattern: ``sequential`` and ``random`` write one word of a page, ``dense``
            writes whole pages in order, ``random-dense`` in none.
        fill_percent: Share of each page that is incompressible; the rest is zero.
        hot_percent: Share of the working set that takes nine writes of ten
            (in random order only; 0: all alike).
        wave_ms: A square wave: milliseconds at ``dirty_rate_mib_s``, then milliseconds
            at ``quiet_rate_mib_s``; None: steady.
        quiet_rate_mib_s: See ``wave_ms``.
        zero_percent: Share of its pages that are zero and stay so; the working set is
            not among them.
        ramp_ms: How long ``dirty_rate_mib_s`` takes to become ``ramp_rate_mib_s`` once
            it is told to (:meth:`virtmigrate_lab.Lab.guest_ramp`); 0: it can't.
        ramp_rate_mib_s: See ``ramp_ms``.
        disks: Its disks, at most two: ``hda``, ``hdb``.
        disk_rate_mib_s: What is written to each disk a second, in blocks of 4 KiB.
        disk_working_set_mib: The part of each disk, from its beginning, that is written
            round and round.

    Raises:
        LabRefused: a value is out of range.
    """

    name: str
    uuid: str
    memory_mib: int = 64
    working_set_mib: int = 8
    dirty_rate_mib_s: int = 8
    pattern: Pattern = "sequential"
    fill_percent: int = 100
    hot_percent: int = 0
    wave_ms: tuple[int, int] | None = None
    quiet_rate_mib_s: int = 0
    zero_percent: int = 0
    ramp_ms: int = 0
    ramp_rate_mib_s: int = 0
    disks: tuple[Disk, ...] = ()
    disk_rate_mib_s: int = 1
    disk_working_set_mib: int = 8

    def __post_init__(self) -> None:
        """Refuse what the guest program can't do."""
        most = max(1, self.memory_mib - RESERVED_MIB)
        checks = [
            (NAME.fullmatch(self.name), f"name {self.name!r}: {NAME.pattern}"),
            (
                LEAST_MEMORY_MIB <= self.memory_mib <= MOST_MEMORY_MIB,
                f"memory {self.memory_mib} MiB: {LEAST_MEMORY_MIB}-{MOST_MEMORY_MIB}",
            ),
            (
                0 <= self.working_set_mib <= most,
                f"working set {self.working_set_mib} MiB: 0-{most} of this memory",
            ),
            (0 <= self.dirty_rate_mib_s < 2**20, "dirty rate: 0-1048575 MiB/s"),
            (self.pattern in PATTERNS, f"pattern {self.pattern!r}: {list(PATTERNS)}"),
            (0 <= self.fill_percent <= 100, "fill: 0-100 percent"),  # noqa: PLR2004
            (0 <= self.hot_percent < 100, "hot: 0-99 percent"),  # noqa: PLR2004
            (
                0 <= self.zero_percent <= 100 - 100 * self.working_set_mib / most,
                f"zero {self.zero_percent} percent: 0-100, beside the working set",
            ),
            (0 <= self.ramp_ms < LONGEST_RAMP_MS, "ramp: 0-599999 ms"),
            (0 <= self.ramp_rate_mib_s < 2**20, "ramp rate: 0-1048575 MiB/s"),
            (len(self.disks) <= len(disks.TARGETS), f"{len(self.disks)} disks: 0-2"),
            (0 <= self.disk_rate_mib_s <= MOST_DISK_RATE, "disk rate: 0-1024 MiB/s"),
            (
                0 <= self.disk_working_set_mib <= disks.MOST_MIB,
                f"disk working set: 0-{disks.MOST_MIB} MiB",
            ),
        ]
        wrong = [text for fine, text in checks if not fine]
        if wrong:
            raise LabRefused(f"guest can't be made: {'; '.join(wrong)}")

    @property
    def cmdline(self) -> str:
        """The kernel command line by which the guest program is told."""
        on, off = self.wave_ms or (0, 0)
        values: dict[str, Any] = {
            "name": self.name,
            "ws": self.working_set_mib,
            "rate": self.dirty_rate_mib_s,
            "pat": PATTERNS[self.pattern],
            "fill": self.fill_percent,
            "hot": self.hot_percent,
            "on": on,
            "off": off,
            "quiet": self.quiet_rate_mib_s,
            "zero": self.zero_percent,
            "ramp": self.ramp_ms,
            "top": self.ramp_rate_mib_s,
            **disks.words(
                *(self.uuid, self.disks),
                *(self.disk_rate_mib_s, self.disk_working_set_mib),
            ),
        }
        return " ".join(f"{key}={value}" for key, value in values.items())

    def to_xml(self, host: str) -> str:
        """The domain XML; the same on every host, but for disks in some pools."""
        return XML.format(
            name=escape(self.name),
            uuid=uuid.UUID(self.uuid),
            memory=self.memory_mib,
            cmdline=escape(self.cmdline),
            run=INNER_RUN,
            disks=disks.to_xml(self.name, self.disks, host),
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GuestOptions:
        """Back from :meth:`to_json`."""
        wave = data.get("wave_ms")
        made = tuple(Disk(**disk) for disk in data.get("disks", ()))
        again = {"wave_ms": tuple(wave) if wave else None, "disks": made}
        return cls(**{**data, **again})
