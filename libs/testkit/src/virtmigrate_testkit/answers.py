"""Every option, yes and no: what is declared is so, what is refused touches nothing."""

from __future__ import annotations

import pytest

from virtmigrate.capabilities import How
from virtmigrate.negotiation import settle
from virtmigrate.option_rows import SWITCHES, VALUES
from virtmigrate.options import Options
from virtmigrate_testkit.companions import FAR_S, smallest
from virtmigrate_testkit.kit import NAME, RENAMED, Kit, not_applicable

SWITCH_NAMES = [row.name for row in SWITCHES]
VALUE_NAMES = [row.name for row in VALUES]
SAMPLES: dict[str, object] = {
    "migrate_uri": "tcp://192.0.2.1",
    "dest_name": RENAMED,
    "bandwidth_mib_s": 512,
    "postcopy_bandwidth_mib_s": 512,
    "switchover_bandwidth_mib_s": 512,
    "graphics_uri": "spice://192.0.2.1:5900",
    "listen_address": "192.0.2.1",
    "migrate_disks": ("vda",),
    "migrate_disks_detect_zeroes": ("vda",),
    "migrate_disks_target_zero": ("vda",),
    "disks_port": 49152,
    "disks_uri": "tcp://192.0.2.1:49152",
    "compression_methods": ("xbzrle",),
    "compression_mt_level": 1,
    "compression_mt_threads": 2,
    "compression_mt_dthreads": 2,
    "compression_xbzrle_cache_bytes": 1 << 26,
    "compression_zlib_level": 1,
    "compression_zstd_level": 1,
    "auto_converge_initial_percent": 20,
    "auto_converge_increment_percent": 10,
    "parallel_connections": 2,
    "tls_destination": "destination.example",
    "timeout_s": FAR_S,
}
"""A value of each kind, for the plan; 192.0.2.1 is nobody's address."""
MOVABLE = ("dest_name", "bandwidth_mib_s", "timeout_s")
"""Those that any bench can move a guest with."""


class AnswerTests:
    """Standard tests of every option."""

    @pytest.mark.parametrize("answer", [True, False], ids=["yes", "no"])
    @pytest.mark.parametrize("option", SWITCH_NAMES)
    def test_switch(self, kit: Kit, option: str, *, answer: bool) -> None:
        """A native, inherent, emulated or deferred answer is in effect.

        A refused one is refused by name, before either host is touched.
        """
        found = smallest({option: answer}, kit.ends(), frozenset(kit.bench.cannot))
        found = found or smallest({option: answer}, kit.ends())
        if found is None:
            kit.guest()
            assert option in subjects(kit, {option: answer})
            return
        asked, state = found
        if why := cannot(kit, asked):
            not_applicable(f"{option}={'yes' if answer else 'no'}: {why}")
        kit.guest(state)
        run = kit.moved(**asked)
        row = run.plan.settlement[option]
        assert row.asked is answer
        assert row.effective is answer
        assert row.how is not How.REFUSED
        assert getattr(run.result.effective, option) is answer
        seen = kit.bench.observed(NAME).get(option, answer)
        assert seen is answer, "the plan says so, the hypervisor did otherwise"

    @pytest.mark.parametrize("option", SWITCH_NAMES)
    def test_default(self, kit: Kit, option: str) -> None:
        """What is in effect when nobody asks is what the declaration says."""
        row = settle(Options(), kit.ends())[option]
        assert row.asked is None
        assert row.how is not How.REFUSED
        supports = [each.switch(option).default for each in kit.declared]
        if all(default is row.effective for default in supports):
            return
        assert row.why, "another answer than the declared default has a reason"

    @pytest.mark.parametrize("option", VALUE_NAMES)
    def test_value(self, kit: Kit, option: str) -> None:
        """A declared value is planned, and carried; another is refused by name."""
        if option not in SAMPLES:
            kit.guest()  # the sample is its own document
        value = kit.bench.values.get(option, ...)
        value = sample(kit, option) if value is ... else value
        asked: dict[str, object] = {option: value}
        if option in ("dest_xml", "persist_xml"):
            asked = {"dest_xml": value, "persist_xml": value}
        declared = [each.value(option).how for each in kit.declared]
        if How.REFUSED in declared and option != "timeout_s":
            kit.guest()
            assert option in subjects(kit, asked)
            return
        found = smallest(asked, kit.ends(), frozenset(kit.bench.cannot))
        found = found or smallest(asked, kit.ends())
        if option == "timeout_s" and found is None:
            kit.guest()
            assert kit.refused(**asked), "there is no knob that a timer could turn"
            return
        assert found is not None, f"{option} is declared, and never accepted"
        asked, _ = found
        if option not in (*MOVABLE, *kit.bench.values):
            not_applicable(f"{option}: the bench names no value to move with")
        kit.guest()
        run = kit.moved(**asked)
        assert getattr(run.result.effective, option) == value

    @pytest.mark.parametrize(
        "asked",
        [
            {"no_such_option": True},
            {"live": "yes"},
            {"bandwidth_mib_s": -1},
            {"dest_name": "../up"},
            {"dest_name": "-dash"},
        ],
        ids=str,
    )
    def test_malformed_request(self, kit: Kit, asked: dict[str, object]) -> None:
        """A typing mistake is an error of its own, never a default."""
        kit.guest()
        assert kit.refused(**asked)


def subjects(kit: Kit, asked: dict[str, object]) -> set[str | None]:
    """What the refusals of this request are about."""
    return {error.subject for error in kit.refused(**asked)}


def cannot(kit: Kit, asked: dict[str, object]) -> str:
    """Why the bench can't carry this request, "" if it can."""
    wanted = [option for option, answer in asked.items() if answer is not False]
    return next((kit.bench.cannot[o] for o in wanted if o in kit.bench.cannot), "")


def sample(kit: Kit, option: str) -> object:
    """A value of this option, documents taken from the guest itself."""
    if option in SAMPLES:
        return SAMPLES[option]
    with kit.open() as host:
        found = host.guest(NAME).definitions()
    text = found.live if option == "dest_xml" else found.persistent
    return text or found.persistent or found.live
