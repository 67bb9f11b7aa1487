"""Policies by name: our own, and those of the peers as data, with where they were read.

A peer's policy is reproduced as far as this vocabulary and our rules go; `differs` says
where they part. Every one of them ends, also where the peer's does not.
"""

from __future__ import annotations

from virtmigrate.errors import BadInput
from virtmigrate.policy import (
    MS_MOST,
    Act,
    Asked,
    Consents,
    Do,
    Limits,
    Objective,
    Policy,
    Rule,
    Sizing,
    Stall,
    When,
)

DEFAULT = "adaptive"
SPARE = 0.15
"""Of a permitted stop, for what no hypervisor counts: on a link of 64 MiB/s a stop of
300 ms was seen to take 10 to 85 ms more (sockets' buffers of 4 MiB, devices)."""
SPARE_AT_LEAST = 0.05
"""The same where next to nothing waits in sockets: 5 to 15 ms more were seen."""
LITTLE_MS = 5.0
"""So much."""
ALMOST = 1.5
"""What is predicted to take so many times the permitted stop may fit after all."""
LAGS_S = 20.0
"""A mirror that has gained nothing for so long waits for the guest to write less."""
NEVER_S = 6 * 3600.0
"""Where a peer has no deadline: VDSM's `migration_destination_timeout`."""
ENDS = f"the peer has no deadline; this ends after {NEVER_S / 3600:g} h"
POSTCOPY, SUSPEND, ABORT = Act(do=Do.POSTCOPY), Act(do=Do.SUSPEND), Act(do=Do.ABORT)


def _downtime(value: int) -> Act:
    return Act(do=Do.DOWNTIME, value=value)


def _adaptive() -> Policy:
    """Decide by prediction, as soon as there is one."""
    return Policy(
        name=DEFAULT,
        summary="predicts from the second pass on whether pre-copy converges within "
        "the limits; if not, does at once what is permitted: a longer stop within "
        "max-downtime, post-copy, a pause; else it gives up early; disks that can't "
        "catch up are copied once more with synchronous writes",
        limits=Limits(max_downtime_ms=300, max_total_s_per_gib=800),
        sizing=Sizing(least=2),
        differences=True,
        compresses=True,
        stop_share=1 - SPARE,
        rules=(
            Rule(id="mirror-lags", when=When(mirror_lags_s=LAGS_S), ladder=(ABORT,)),
            Rule(
                id="little-waits-in-sockets",
                when=When(queued_ms_below=LITTLE_MS),
                ladder=(Act(do=Do.DOWNTIME, times=(1 - SPARE_AT_LEAST) / (1 - SPARE)),),
                objectives=(Objective.TIME, Objective.BYTES),
            ),
            Rule(
                id="the-whole-stop",
                when=When(lingers=True),
                ladder=(_downtime(MS_MOST),),
            ),
            Rule(
                id="a-longer-stop-fits",
                when=When(outlook="diverges"),
                ladder=(Act(do=Do.DOWNTIME, fits_within=ALMOST),),
                repeats=True,
            ),
            Rule(
                id="postcopy-at-once",
                when=When(outlook="takes-much-longer"),
                ladder=(POSTCOPY,),
                objectives=(Objective.TIME,),
            ),
            Rule(
                id="postcopy-sends-less",
                when=When(outlook="sends-more"),
                ladder=(POSTCOPY,),
                objectives=(Objective.BYTES,),
            ),
            Rule(
                id="postcopy-is-sooner",
                when=When(outlook="postcopy-is-sooner"),
                ladder=(POSTCOPY,),
                objectives=(Objective.TIME, Objective.BYTES),
            ),
            Rule(
                id="cannot-converge",
                when=When(outlook="diverges"),
                ladder=(POSTCOPY, SUSPEND, ABORT),
                limit="max_downtime",
            ),
        ),
        at_deadline=(Do.POSTCOPY, Do.SUSPEND, Do.ABORT),
    )


def _nova() -> Policy:
    """`_downtime_steps` of nova.virt.libvirt.migration, and its completion timeout."""
    most, steps, delay = 500, 10, 75.0
    base, offset = most // steps, (most - most // steps) // steps
    return Policy(
        name="nova",
        summary="raises the permitted stop in 11 linear steps, 75 s per GiB apart, and "
        "gives up after 800 s per GiB",
        read_from="OpenStack Nova, libvirt driver, its defaults, August 2026",
        differs="the size counts memory only, not the disks that are copied; with "
        "consent the deadline acts as Nova's force_complete, and a pause is bounded "
        "by max-switchover; the outcome is decided by both hosts",
        limits=Limits(max_downtime_ms=most, max_total_s_per_gib=800),
        sizing=Sizing(least=2),
        at_start=(_downtime(base),),
        rules=tuple(
            Rule(
                id=f"step-{number}",
                when=When(after_s_per_gib=delay * number),
                ladder=(_downtime(base + offset * number),),
            )
            for number in range(1, steps + 1)
        ),
        at_deadline=(Do.POSTCOPY, Do.SUSPEND, Do.ABORT),
        looks_every_s=0.5,
    )


def _vdsm(
    name: str,
    steps: dict[int, int],
    last: dict[int, tuple[Act, ...]],
    consents: Consents,
    summary: str,
    **more: Asked,
) -> Policy:
    ladders = {above: (_downtime(ms),) for above, ms in steps.items()} | last
    most = max(act.value or 0 for ladder in ladders.values() for act in ladder)
    return Policy(
        name=name,
        summary=summary,
        read_from="oVirt engine 0000_config.sql and VDSM, June to August 2026",
        differs="VDSM's `limit` counts passes, in spite of its name, and so do we; "
        "where passes went by between two looks, a step is taken at each look, not at "
        "each new pass; post-copy needs consent here, without it the next step is "
        "taken; the bandwidth is not capped",
        limits=Limits(max_downtime_ms=most, max_total_s=NEVER_S),
        consents=consents,
        asks={"auto_converge": True, **more},
        at_start=(_downtime(100),),
        rules=tuple(
            Rule(id=f"above-pass-{above}", when=When(passes_above=above), ladder=ladder)
            for above, ladder in sorted(ladders.items())
        ),
        looks_every_s=10.0,
    )


MINIMAL = {1: 150, 2: 200, 3: 300, 4: 400, 6: 500}


def _kubevirt() -> Policy:
    return Policy(
        name="kubevirt",
        summary="waits 150 s per GB, then post-copy or a pause where permitted, else "
        "it gives up; gives up after 150 s without progress",
        read_from="KubeVirt main, the logic without feature gates, August 2026",
        differs="a pause is bounded by max-switchover, not by a second deadline; "
        "post-copy and a pause have a consent each",
        limits=Limits(max_downtime_ms=300, max_total_s_per_gib=150),
        sizing=Sizing(unit="GB", round_up=True),
        rules=(
            Rule(
                id="no-progress",
                when=When(no_progress_s=150),
                ladder=(ABORT,),
            ),
        ),
        at_deadline=(Do.POSTCOPY, Do.SUSPEND, Do.ABORT),
        looks_every_s=0.4,
    )


def _kubevirt_stall() -> Policy:
    return Policy(
        name="kubevirt-stall",
        summary="acts at a local low once the transfer stalls: post-copy, pause, a "
        "stop of at most 1.5 x 900 ms, else it gives up",
        read_from="KubeVirt VEP 248 (gate MigrationStallDetection), August 2026",
        differs="the permitted stop is never longer than max-downtime says, and has "
        "until the deadline to come, not 60 s; a pause that would take longer than "
        "60 s is not begun; a drop of the link is seen by our own rule, not by an "
        "average of the bandwidth",
        limits=Limits(
            max_downtime_ms=1350, max_total_s_per_gib=300, max_switchover_s=60
        ),
        sizing=Sizing(unit="GB", round_up=True),
        at_start=(_downtime(300),),
        rules=(
            Rule(
                id="stall",
                when=When(stall=Stall(margin_percent=4, window_s=40, decay=0.5)),
                ladder=(
                    POSTCOPY,
                    SUSPEND,
                    Act(do=Do.DOWNTIME, fits_within=1.0),
                    ABORT,
                ),
            ),
        ),
        at_deadline=(Do.POSTCOPY, Do.SUSPEND, Do.ABORT),
        looks_every_s=0.4,
    )


def _ganeti() -> Policy:
    return Policy(
        name="ganeti",
        summary="32 MiB/s and a stop of 30 ms; post-copy from the second pass on, "
        "where permitted",
        read_from="Ganeti hv_kvm, its defaults, April 2026",
        differs=ENDS,
        limits=Limits(max_downtime_ms=30, max_total_s=NEVER_S),
        at_start=(_downtime(30), Act(do=Do.BANDWIDTH, value=32)),
        rules=(Rule(id="second-sync", when=When(passes_above=1), ladder=(POSTCOPY,)),),
        looks_every_s=1.0,
    )


def _proxmox() -> Policy:
    return Policy(
        name="proxmox",
        summary="starts with a stop of 100 ms, and doubles it each time that what "
        "remains has grown more than five times",
        read_from="Proxmox VE qemu-server, August 2026",
        differs=f"{ENDS}; growths are counted at each sample, not at each poll; the "
        "size of xbzrle's cache is left to the hypervisor",
        limits=Limits(max_downtime_ms=2_000_000, max_total_s=NEVER_S),
        consents=Consents(throttle=True),
        asks={"auto_converge": True, "compression_methods": ("xbzrle",)},
        at_start=(_downtime(100),),
        rules=(
            Rule(
                id="double",
                when=When(growths_above=5),
                ladder=(Act(do=Do.DOWNTIME, times=2.0),),
                repeats=True,
            ),
        ),
        looks_every_s=1.0,
    )


def _virsh() -> Policy:
    return Policy(
        name="virsh",
        summary="a stop of 300 ms, and nothing else: it waits",
        read_from="virsh migrate --live, libvirt 9.0 to 12.5",
        differs=f"{ENDS}, and a pause (--timeout) after 1 h",
        limits=Limits(max_downtime_ms=300, max_total_s=NEVER_S, max_switchover_s=3600),
    )


PRESETS: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        _adaptive(),
        _nova(),
        _vdsm(
            "vdsm-minimal-downtime",
            MINIMAL,
            {7: (ABORT,)},
            Consents(throttle=True),
            "raises the permitted stop pass by pass to 500 ms, then gives up",
        ),
        _vdsm(
            "vdsm-suspend",
            {**MINIMAL, 7: 5000},
            {8: (ABORT,)},
            Consents(throttle=True),
            "the same, then permits a stop of 5 s, then gives up",
            compression_methods=("xbzrle",),
        ),
        _vdsm(
            "vdsm-postcopy",
            {1: 150, 2: 200},
            {3: (POSTCOPY,), 4: (ABORT,)},
            Consents(throttle=True),
            "raises the permitted stop twice, then post-copy, then gives up",
        ),
        _kubevirt(),
        _kubevirt_stall(),
        _ganeti(),
        _proxmox(),
        _virsh(),
    )
}
"""By name."""


def preset(name: str = DEFAULT) -> Policy:
    """The policy of this name.

    Raises:
        BadInput: There is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise BadInput(
            f"there is no policy {name[:40]!r}",
            subject="policy",
            remedy=f"one of {', '.join(PRESETS)}; or --policy-file",
        ) from None
