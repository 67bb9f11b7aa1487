"""Where and when figures were made: a figure without this says nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ASKED = {
    "QEMU": ["qemu-system-x86_64", "--version"],
    "libvirt": ["libvirtd", "--version"],
    "virsh": ["virsh", "--version"],
}


def machine() -> dict[str, Any]:
    """This machine and its versions, now."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "memory_gib": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1
        ),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "congestion": _read("/proc/sys/net/ipv4/tcp_congestion_control"),
        "accelerator": "software emulation (TCG)",
        "load": [round(value, 2) for value in os.getloadavg()],
        **{name: _version(command) for name, command in ASKED.items()},
    }


def _cpu() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"model name\s*: (.+)", text)
    return found[1] if found else platform.machine()


def _read(path: str) -> str:
    return Path(path).read_text(encoding="ascii").strip()


def _version(command: list[str]) -> str:
    try:
        said = subprocess.check_output(command, encoding="utf-8", timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else "unknown"
