"""`python -m tests.fuzz --minutes N [TARGET …]`: look for longer, and count.

Each input has ten seconds and the process four GiB: whatever takes more is a finding.
"""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import time
from collections import Counter

from hypothesis import HealthCheck, Phase, Verbosity, given, settings

from tests.fuzz.targets import TARGETS, judged

EACH_S = 10
MOST_BYTES = 4 << 30
ROUND = 500


def fuzzed(name: str, seconds: float) -> Counter[str]:
    """Fuzz one target for so long; counts what its inputs came to."""
    read, inputs = TARGETS[name]
    seen: Counter[str] = Counter()

    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(inputs)
    def look(given_input: object) -> None:
        signal.alarm(EACH_S)
        try:
            seen[judged(read, given_input)] += 1
        finally:
            signal.alarm(0)

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        look()
    return seen


def main() -> int:
    """Fuzz; tell the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=1.0, help="for all together")
    parser.add_argument("target", nargs="*", help=", ".join(TARGETS))
    asked = parser.parse_args()
    names = asked.target or list(TARGETS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))

    def too_long(*_: object) -> None:
        msg = f"one input took more than {EACH_S} s"
        raise TimeoutError(msg)

    signal.signal(signal.SIGALRM, too_long)
    failed, total = 0, 0
    for name in names:
        try:
            seen = fuzzed(name, asked.minutes * 60 / len(names))
        except Exception as error:  # noqa: BLE001 - told, and counted
            failed += 1
            print(f"{name:14} FOUND {error!r}; cause {error.__cause__!r}"[:2000])
            continue
        total += seen.total()
        print(f"{name:14} {seen['read']:8} read {seen['refused']:8} refused")
    print(f"{total} inputs, {failed} targets with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
