"""Writes docs/support-matrix.md from what every plugin declares, without a daemon.

The qemu column is the reference host that `REFERENCE` describes, as pure data.
"""

from __future__ import annotations

from pathlib import Path

from virtmigrate import Manager, Migrator
from virtmigrate.capabilities import Capabilities
from virtmigrate_mock import World
from virtmigrate_qemu.capabilities import ASSUMED, Facts, from_facts, had
from virtmigrate_qemu.since import version
from virtmigrate_testkit.matrix import page
from virtmigrate_vz.capabilities import from_facts as vz

PAGE = Path(__file__).parents[1] / "docs" / "support-matrix.md"
REFERENCE = Facts(version("12.5.0"), version("10.1.0"), had(ASSUMED), driven=True)


def kinds() -> dict[str, Capabilities]:
    """Each kind of host, and what one of them declares."""
    found = {"qemu (libvirt 12.5, QEMU 10.1)": from_facts(REFERENCE, "a", "host-a")}
    found["vz (libvirt 9.0 to 11.3)"] = vz(
        libvirt=version("11.3.0"), driven=True, host="a", host_uuid="host-a"
    )
    for style in ("qemu-like", "vz-like"):
        with World.create("matrix", style=style, replace=True) as world:
            migrator = Migrator(manager=Manager(), clock=world.clock)
            found[f"mock, {style}"] = migrator.capabilities(world.uri("a"))
    return found


if __name__ == "__main__":
    PAGE.write_text(page(kinds()), encoding="utf-8")
