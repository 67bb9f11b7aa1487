"""What a QEMU host declares: every option, from what its daemon reports."""

from __future__ import annotations

import pytest

from tests.qemu.declared import declare, ends
from tests.requirements import requirement
from virtmigrate.capabilities import Form, How, Knob, Progress, undeclared
from virtmigrate.errors import OptionRefused
from virtmigrate.forecast import Link, Workload
from virtmigrate.negotiation import form_of, settle
from virtmigrate.option_rows import OWN, SWITCHES, VALUES
from virtmigrate.options import Options
from virtmigrate.presets import preset
from virtmigrate.streams import choices
from virtmigrate.wishes import settle_with
from virtmigrate_qemu.since import Since, shown, version


def refusals(both, **asked):
    with pytest.raises(ExceptionGroup) as caught:
        settle(Options(**asked), both)
    return list(caught.value.exceptions)


def settled(settlement, name):
    row = settlement[name]
    return row.effective, row.how


@requirement("declare.every-option")
def test_every_option_is_declared_and_nothing_else():
    declared = declare()
    assert set(declared.switches) == {row.name for row in SWITCHES} - set(OWN)
    assert set(declared.values) == {row.name for row in VALUES}
    assert undeclared(declared) == []


def test_what_it_can_do():
    declared = declare()
    assert declared.versions == {"libvirt": "12.5.0", "qemu": "9.0.0"}
    assert declared.progress is Progress.BYTES
    assert set(declared.knobs) == set(Knob)
    assert declared.forms == (Form.DRIVEN, Form.PEER_TO_PEER, Form.CALL)


@requirement("direct")
def test_direct_is_refused_by_name():
    (error,) = refusals(ends(), direct=True)
    assert isinstance(error, OptionRefused)
    assert error.subject == "direct"
    assert "--direct" in error.message
    assert "not supported by the source host" in error.message


def test_a_bare_move_on_new_and_on_old_hosts():
    for reported in ({}, {"libvirt": "9.0.0", "qemu": "7.2.0"}):
        settlement = settle(Options(), ends(**reported))
        for name in ("live", "persist_dest", "undefine_source"):
            assert settled(settlement, name) == (True, How.NATIVE)


def test_live_no_is_the_hypervisors_own():
    settlement = settle(Options(live=False), ends())
    assert settled(settlement, "live") == (False, How.NATIVE)


def test_change_protection_is_always_on_and_can_not_be_off():
    settlement = settle(Options(), ends())
    assert settled(settlement, "change_protection") == (True, How.NATIVE)
    (error,) = refusals(ends(), change_protection=False)
    assert error.subject == "change_protection"
    bare = settle(Options(), ends(change_protection=False))
    assert bare["change_protection"].effective is False
    (error,) = refusals(ends(change_protection=False), change_protection=True)
    assert "can't lock" in error.message


TOO_OLD = {
    "postcopy_resume": ({"postcopy_resume": True, "postcopy": True}, "8.5.0"),
    "zerocopy": ({"zerocopy": True, "parallel": True}, "8.5.0"),
    "copy_storage_synchronous_writes": (
        {"copy_storage_synchronous_writes": True, "copy_storage": True},
        "8.0.0",
    ),
    "switchover_bandwidth_mib_s": ({"switchover_bandwidth_mib_s": 9}, "11.1.0"),
    "migrate_disks_detect_zeroes": (
        {"copy_storage": True, "migrate_disks_detect_zeroes": ("vda",)},
        "10.9.0",
    ),
    "migrate_disks_target_zero": (
        {"copy_storage": True, "migrate_disks_target_zero": ("vda",)},
        "12.2.0",
    ),
    "disks_uri": ({"disks_uri": "tcp://b"}, "6.8.0"),
}


@pytest.mark.parametrize("name", TOO_OLD)
def test_what_an_old_host_lacks_is_refused_with_the_version_it_needs(name):
    asked, needed = TOO_OLD[name]
    errors = refusals(ends(libvirt="5.3.0"), **asked)
    mine = [error for error in errors if error.subject == name]
    assert mine
    assert all(needed in error.message for error in mine)
    settle(Options(**asked), ends(qemu="10.1.0"))


def test_an_old_qemu_is_told_from_an_old_libvirt():
    (error,) = refusals(ends(qemu="3.9.0"), parallel=True)[:1]
    assert "QEMU 4.0" in error.message


@pytest.mark.parametrize(
    ("reported", "methods"),
    [({}, ("zstd",)), ({"libvirt": "9.0.0"}, None), ({"qemu": "4.2.0"}, None)],
)
def test_streams_are_compressed_where_both_are_new_enough(reported, methods):
    """As the policy wishes, on a link that is known to be slow."""
    asked, known = Options(parallel=True), Workload(memory_bytes=1 << 30)
    (wishes,) = choices(preset(), asked, known, Link(100, "as an earlier move had it"))
    settlement = settle_with(asked, ends(**reported), wishes)
    assert settlement.effective().compression_methods == methods
    plain = settle_with(Options(parallel=True, compressed=False), ends(), wishes)
    assert plain.effective().compression_methods is None


@pytest.mark.parametrize(
    ("reported", "method", "other"),
    [
        ({"libvirt": "9.0.0"}, "zlib", {"parallel": True}),
        ({"qemu": "9.1.0"}, "mt", {}),
    ],
)
def test_a_compression_method_that_is_not_to_be_had(reported, method, other):
    errors = refusals(ends(**reported), compression_methods=(method,), **other)
    assert f"no-compression-{method}" in {error.subject for error in errors}
    settle(Options(compression_methods=(method,), **other), ends())


FORMS = [
    ({}, {}, Form.DRIVEN),
    ({"driven": False}, {}, Form.CALL),
    ({}, {"p2p": True}, Form.PEER_TO_PEER),
    ({}, {"tunnelled": True}, Form.PEER_TO_PEER),
]


@pytest.mark.parametrize(("reported", "asked", "form"), FORMS)
def test_the_form(reported, asked, form):
    both = ends(**reported)
    assert form_of(settle(Options(**asked), both), both)[0] is form


@requirement("switch.postcopy")
def test_post_copy_that_we_do_not_drive_is_refused_whoever_consents():
    """It would land paused, which libvirt refuses together with post-copy."""
    both = ends(driven=False)
    for consent in (None, True):
        (error,) = refusals(both, postcopy=True, one_step=consent)
        assert error.subject == "postcopy-call-lands-paused"
        (error,) = refusals(ends(), postcopy=True, p2p=True, one_step=consent)
        assert error.subject == "postcopy-peer-lands-paused"
        assert "--p2p" in error.remedy
    settle(Options(postcopy=True), ends())


@requirement("switch.postcopy")
@pytest.mark.parametrize(
    ("qemu", "can"), [("7.2.22", False), ("10.0.0", False), ("10.1.0", True)]
)
def test_post_copy_with_several_streams_needs_a_qemu_that_can(qemu, can):
    both = ends(qemu=qemu)
    asked = Options(parallel=True)
    wished = settle_with(asked, both, {"postcopy": True}).effective()
    assert (wished.parallel, wished.postcopy) == (True, can)
    if can:
        settle(Options(parallel=True, postcopy=True), both)
        return
    (error,) = refusals(both, parallel=True, postcopy=True)
    assert error.subject == "postcopy-parallel"
    assert "QEMU 10.1" in error.message


def test_no_form_without_parameters():
    assert declare(params=False).forms == ()


def test_peer_to_peer_is_refused_where_the_driver_lacks_it():
    (error,) = refusals(ends(p2p=False), p2p=True)
    assert "peer-to-peer" in error.message


def test_an_option_may_ask_for_another():
    settlement = settle(Options(tunnelled=True), ends())
    assert settlement["p2p"].effective is True
    settlement = settle(Options(compression_methods=("xbzrle",)), ends())
    assert settlement["compressed"].effective is True
    assert settlement["compressed"].why == "--comp-methods asks for it"


@pytest.mark.parametrize(
    ("libvirt", "qemu", "said"),
    [
        (9_000_000, 7_002_000, ""),
        (8_004_000, 7_002_000, "it needs libvirt 8.5.0, 8.4.0 runs there"),
        (9_000_000, 7_000_050, "it needs QEMU 7.1, 7.0.50 runs there"),
    ],
)
def test_versions(libvirt, qemu, said):
    assert Since("8.5.0", "7.1").missing(libvirt, qemu) == said


def test_a_version_goes_through_text():
    assert shown(version("11.1")) == "11.1.0"
    assert version("12.2.3") == 12_002_003
