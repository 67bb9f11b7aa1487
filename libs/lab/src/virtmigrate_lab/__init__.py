"""Real hosts on one machine: libvirtd and QEMU in namespaces, guests that prove a move.

Start with :class:`Lab`.
"""

from __future__ import annotations

from virtmigrate_lab.domain import GuestOptions
from virtmigrate_lab.errors import (
    CommandFailed,
    LabError,
    LabNotFound,
    LabRefused,
    LabUnavailable,
)
from virtmigrate_lab.host import Host
from virtmigrate_lab.lab import Lab
from virtmigrate_lab.needs import obstacles
from virtmigrate_lab.report import GuestReport

__all__ = [
    "CommandFailed",
    "GuestOptions",
    "GuestReport",
    "Host",
    "Lab",
    "LabError",
    "LabNotFound",
    "LabRefused",
    "LabUnavailable",
    "obstacles",
]
