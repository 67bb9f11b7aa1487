"""libvirt's event loop, once per process, before any connection is opened.

Without it keepalive can't be set, and a dead host means a thread that hangs for ever.
"""

from __future__ import annotations

import threading

import libvirt

_lock = threading.Lock()
_started: list[threading.Thread] = []


def ensure() -> None:
    """Register and run the loop in a daemon thread, and silence libvirt's stderr.

    Safe to call often and from any thread. A loop that the program registered before
    is left as it is (libvirt ignores a second registration).
    """
    with _lock:
        if _started:
            return
        libvirt.registerErrorHandler(_ignore, None)
        libvirt.virEventRegisterDefaultImpl()
        thread = threading.Thread(target=_run, name="libvirt-events", daemon=True)
        _started.append(thread)
        thread.start()


def _ignore(_context: object, _error: object) -> None:
    """Keep libvirt from printing: each error is raised where it happens."""


def _run() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()
