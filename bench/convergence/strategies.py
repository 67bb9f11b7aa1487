"""Ways to move a guest: one row a strategy.

``virsh`` rows are the words after ``virsh migrate --live``; the others go through
virtmigrate under a policy. ``uses`` says what a strategy may do to the guest: only
strategies with the same consents are compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

POSTCOPY, PAUSE, THROTTLE = "postcopy", "pause", "throttle"


@dataclass(frozen=True)
class Strategy:
    """One row.

    Args:
        id: Its name in tables and on the command line.
        uses: Consents that it takes for granted (virsh) or is given (ours).
        words: What is added to ``virsh migrate --live``; ``{cache}`` is a cache in
            bytes that holds the guest's memory, ``{cache:N}`` N percent of it,
            ``{link:N}`` N percent of the link's rate.
        then: A command of virsh that is given meanwhile, ``suspend`` ...
        after_pass: ... after so many passes; 0: at once.
        policy: The preset by which virtmigrate moves it; "" for virsh.
        options: virtmigrate's options.
        clock: By how much times of the policy are divided (1 = as they are).
        limited: Whether the policy is told the scenario's limits; a peer's is not.
        objective: What its policy is to keep small; "" = as the policy says.
        measured: Whether the guest's writes are measured, and the move foretold, before
            the clock starts.
    """

    id: str
    uses: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    then: str = ""
    after_pass: int = 0
    policy: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    clock: float = 1.0
    limited: bool = False
    objective: str = ""
    measured: bool = False

    @property
    def ours(self) -> bool:
        """Whether virtmigrate does it."""
        return bool(self.policy)

    @property
    def peer(self) -> bool:
        """Whether virtmigrate does it as somebody else would."""
        return self.ours and self.policy != "adaptive"


def virsh(name: str, words: str, *uses: str) -> Strategy:
    """A row of virsh."""
    return Strategy(name, frozenset(uses), tuple(words.split()))


def peer(name: str, *uses: str, clock: float = 1.0) -> Strategy:
    """A row of virtmigrate under the policy of a peer."""
    return Strategy(name, frozenset(uses), policy=name, clock=clock)


def adaptive(name: str, *uses: str, objective: str = "", **options: Any) -> Strategy:
    """A row of virtmigrate under its own policy: what `virtmigrate migrate` does."""
    return Strategy(
        name,
        frozenset(uses),
        policy="adaptive",
        options=options,
        limited=True,
        objective=objective,
    )


def foretold(name: str, *uses: str) -> Strategy:
    """The same, of a plan that was made with a measurement before the start."""
    return replace(adaptive(name, *uses), measured=True)


XBZRLE = "--compressed --comp-methods xbzrle --comp-xbzrle-cache {cache}"
AFTER_PASS = "--postcopy --postcopy-after-precopy"
AFTER_TIME = "--timeout 6"
THROTTLED = "--auto-converge"
STREAMS = "--parallel --parallel-connections 2"
NOVA_CLOCK, VDSM_CLOCK, KUBEVIRT_CLOCK = 60, 10, 10
"""Their clocks are made for guests a hundred times as large: divided, and said so.
This way each comes to its own end before a deadline of 30 s."""
HARD = f"{THROTTLED} --auto-converge-initial 40 --auto-converge-increment 20"

ROWS = (
    virsh("virsh", ""),
    virsh("auto-converge", THROTTLED, THROTTLE),
    virsh("auto-converge-40-20", HARD, THROTTLE),
    virsh("postcopy-after-pass", AFTER_PASS, POSTCOPY),
    virsh("postcopy-timeout", f"--postcopy {AFTER_TIME} --timeout-postcopy", POSTCOPY),
    virsh("timeout-suspend", f"{AFTER_TIME} --timeout-suspend", PAUSE),
    virsh("xbzrle", XBZRLE),
    virsh("multifd", STREAMS),
    Strategy("preset-virsh", policy="virsh"),
    peer("nova", clock=NOVA_CLOCK),
    peer("vdsm-minimal-downtime", THROTTLE, clock=VDSM_CLOCK),
    peer("vdsm-suspend", THROTTLE, PAUSE, clock=VDSM_CLOCK),
    peer("vdsm-postcopy", THROTTLE, POSTCOPY, clock=VDSM_CLOCK),
    peer("kubevirt", clock=KUBEVIRT_CLOCK),
    peer("kubevirt-stall", clock=KUBEVIRT_CLOCK),
    peer("ganeti", POSTCOPY),
    peer("proxmox", THROTTLE),
    adaptive("adaptive"),
    adaptive("adaptive+postcopy", POSTCOPY),
    adaptive("adaptive+pause", PAUSE),
    foretold("measured"),
    foretold("measured+postcopy", POSTCOPY),
    foretold("measured+pause", PAUSE),
)
"""Compared in one run."""

PROBES = (
    virsh("postcopy-armed", "--postcopy"),
    adaptive("adaptive+postcopy-gap", POSTCOPY, objective="gap"),
    adaptive("adaptive+postcopy-bytes", POSTCOPY, objective="bytes"),
    virsh("multifd-zstd", f"{STREAMS} --compressed --comp-methods zstd"),
    adaptive("adaptive+streams", parallel=True, parallel_connections=2),
    virsh("xbzrle+postcopy", f"{XBZRLE} {AFTER_PASS}", POSTCOPY),
    *(
        virsh(
            f"postcopy-capped-{percent}",
            f"{AFTER_PASS} --postcopy-bandwidth {{link:{percent}}}",
            POSTCOPY,
        )
        for percent in (50, 75, 90)
    ),
)
"""Not part of the comparison, only by name: what another objective, combining or
capping costs, and streams that newer releases compress (`--release`)."""

STRATEGIES = {row.id: row for row in (*ROWS, *PROBES)}
