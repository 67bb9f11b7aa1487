"""Starts a host's daemon and buries what it leaves behind, as the host's init would.

libvirt knows that a QEMU has ended when its pid is gone, and QEMU is a daemon: its
parent is whoever adopts orphans. In a container that may be a process that looks after
them once a second or never, and each stop of a guest would take that much longer.

Run by path, with nothing of the package imported: ``reaper.py PID_FILE COMMAND...``.
It ends when the command and all that it left have ended. With
``VIRTMIGRATE_LAB_REAPER=off`` in its environment it buries only its own child, and
orphans are left to whatever adopts them on this machine: a container's slow init.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""``prctl(2)``: orphans below this process become its children."""
FILES_MOST = 4096
"""libvirtd goes through all descriptors that there could be whenever it starts a
process: where a million are allowed, each start of a guest would take longer."""


def main(argv: list[str]) -> None:
    """Run the command; its pid goes into the file."""
    pid_file, command = Path(argv[1]), argv[2:]
    if os.environ.get("VIRTMIGRATE_LAB_REAPER") != "off":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_least(files, FILES_MOST), most))
    child = subprocess.Popen(command)
    draft = pid_file.with_suffix(".new")
    draft.write_text(str(child.pid), encoding="utf-8")
    draft.replace(pid_file)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def _least(files: int, most: int) -> int:
    return most if files == resource.RLIM_INFINITY else min(files, most)


if __name__ == "__main__":
    main(sys.argv)
