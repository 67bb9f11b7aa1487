"""A move by virsh, with a deadline, watched from outside."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time

from bench.convergence.scenarios import LINK_MIB_S

ABORT_TIMEOUT_S = 15.0
POSTCOPY_TIMEOUT_S = 60.0
"""Nothing may abort post-copy: it gets this long past the deadline."""
LOOK_S = 0.01
CACHES = (5, 10, 20, 50)
CAPS = (50, 75, 90)
ITERATION = re.compile(r"iteration: '(\d+)'")


def command(source, destination, guest, strategy, link_mib_s: float) -> list[str]:
    """The whole command line."""
    values = {
        "{cache}": cache_for(guest.memory_mib),
        **{f"{{cache:{n}}}": cache_for(guest.memory_mib, n) for n in CACHES},
        **{f"{{link:{n}}}": round(link_mib_s * n / 100) for n in CAPS},
    }
    words = [str(values.get(word, word)) for word in strategy.words]
    base = ["virsh", "-c", source.uri, "migrate", "--live", "--persistent"]
    return [*base, "--undefinesource", *words, guest.name, destination.uri]


def cache_for(memory_mib: int, percent: int = 100) -> int:
    """Bytes of an xbzrle cache, a power of two: all of the memory, or at most N %."""
    size = memory_mib * 2**20 * percent // 100
    whole = 1 << (size - 1).bit_length()
    return whole if percent == 100 or whole == size else whole // 2


def move(source, destination, guest, strategy, scenario, passes: Passes) -> str:
    """Move it; returns why it did not, "" if it did.

    Raises:
        TimeoutError: it would not end at all.
    """
    link = scenario.link_mib_s or LINK_MIB_S
    line = command(source, destination, guest, strategy, link)
    began = time.monotonic()
    process = subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
    )
    if strategy.then:
        _intervene(source, guest.name, strategy, process, lambda: passes.since(began))
    try:
        _, said = process.communicate(timeout=scenario.deadline_s)
    except subprocess.TimeoutExpired:
        return _abort(source, guest.name, process)
    except BaseException:
        with contextlib.suppress(Exception):
            _abort(source, guest.name, process)
        raise
    return "" if process.returncode == 0 else said.strip() or "virsh failed"


def _intervene(source, name: str, strategy, process, passes) -> None:
    """A command of virsh when a pass is over, as a person would give it."""

    def watch() -> None:
        while process.poll() is None:
            if any(number > strategy.after_pass for _, number in passes()):
                with contextlib.suppress(Exception):
                    source.virsh(strategy.then, name)
                return
            time.sleep(LOOK_S)

    threading.Thread(target=watch, daemon=True).start()


def _abort(source, name: str, process) -> str:
    with contextlib.suppress(Exception):
        source.virsh("domjobabort", name, timeout_s=ABORT_TIMEOUT_S)
    try:
        process.communicate(timeout=POSTCOPY_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise TimeoutError(f"{name} would not end") from None
    return "ended after the deadline" if process.returncode == 0 else "deadline"


class Passes:
    """Counts passes over the memory by libvirt's own event, on one host.

    Args:
        host: Whose guests.
    """

    def __init__(self, host) -> None:
        self.seen: list[tuple[float, int]] = []
        words = ["--event", "migration-iteration", "--loop"]
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", "virsh", "-c", host.uri, "event", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env={**os.environ, "LC_ALL": "C"},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            if found := ITERATION.search(line):
                self.seen.append((time.monotonic(), int(found[1])))

    def since(self, moment: float) -> list[tuple[float, int]]:
        """When each pass began: seconds after the moment, and its number."""
        return [(at - moment, number) for at, number in self.seen if at >= moment]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
