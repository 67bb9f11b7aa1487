"""virtmigrate-mock: an in-memory hypervisor with physics and faults.

`World` makes hosts and guests; `Fault` scripts what goes wrong; `demo_world()` is a
world to play with. The hooks are in `plugin`.
"""

from __future__ import annotations

from virtmigrate_mock.clocks import VirtualClock, WorldClock
from virtmigrate_mock.disk_state import GuestDisk
from virtmigrate_mock.faults import ControllerKilled
from virtmigrate_mock.memory import Habits
from virtmigrate_mock.simulation import GuestSpec, Moved, distinct_mib, simulate
from virtmigrate_mock.state import Fault
from virtmigrate_mock.styles import STYLES, Style, register_style
from virtmigrate_mock.trace import Trace
from virtmigrate_mock.world import World, demo_world

__all__ = [
    "STYLES",
    "ControllerKilled",
    "Fault",
    "GuestDisk",
    "GuestSpec",
    "Habits",
    "Moved",
    "Style",
    "Trace",
    "VirtualClock",
    "World",
    "WorldClock",
    "demo_world",
    "distinct_mib",
    "register_style",
    "simulate",
]
