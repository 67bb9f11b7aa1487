"""What a vz host declares, and what of a request reaches its driver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.capabilities import Form, How, Progress, SourceAfterPerform, undeclared
from virtmigrate.errors import OptionRefused, leaves
from virtmigrate.host import RunState
from virtmigrate.negotiation import Ends, settle
from virtmigrate.option_rows import SWITCHES, VALUES
from virtmigrate.options import Options
from virtmigrate.plan import GuestFacts
from virtmigrate_vz import capabilities, preflight
from virtmigrate_vz.capabilities import MISSING
from virtmigrate_vz.request import MASK, PARAMETERS

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"


def declared(host="a", *, driven=True):
    return capabilities.from_facts(
        libvirt=9_000_000, driven=driven, host=host, host_uuid=f"uuid-{host}"
    )


def ends(state=RunState.RUNNING):
    guest = GuestFacts(name="g", uuid=UUID, state=state, persistent=True)
    return Ends(declared("a"), declared("b"), guest, defined_there=False)


def refusals(state=RunState.RUNNING, **asked):
    with pytest.raises(ExceptionGroup) as caught:
        settle(Options(**asked), ends(state))
    return leaves(caught.value)


@requirement("declare.every-option")
def test_every_option_is_answered():
    host = declared()
    assert undeclared(host) == []
    assert host.progress is Progress.PERCENT
    assert host.source_after_perform is SourceAfterPerform.GONE
    assert host.knobs == ()
    assert host.forms == (Form.DRIVEN, Form.PEER_TO_PEER)
    assert declared(driven=False).forms == (Form.CALL, Form.PEER_TO_PEER)
    known = {row.name for row in SWITCHES if not row.knob} - {"one_step"}
    assert set(host.switches) == known


@requirement("compressed.inherent")
@requirement("compressed.absent")
@requirement("live.always")
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("compressed", How.INHERENT),
        ("live", How.INHERENT),
        ("tls", How.INHERENT),
        ("copy_storage", How.INHERENT),
        ("persist_dest", How.INHERENT),
        ("undefine_source", How.INHERENT),
    ],
)
def test_what_is_inherent_may_be_left_out_or_asked_for(name, how):
    for asked in ({}, {name: True}):
        row = settle(Options(**asked), ends())[name]
        assert (row.effective, row.how) == (True, how)


NOES = [
    ("live", How.EMULATED),
    ("persist_dest", How.DEFERRED),
    ("undefine_source", How.EMULATED),
]


@pytest.mark.parametrize(("name", "how"), NOES)
def test_a_no_that_is_met_otherwise(name, how):
    asked = {"undefine_source": False, name: False}
    row = settle(Options(**asked), ends())[name]
    assert (row.effective, row.how) == (False, how)


@requirement("compressed.explicit-no")
@requirement("unsafe")
@requirement("change-protection")
@requirement("tunnelled")
@requirement("direct")
@requirement("rest")
@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"compressed": False}, "Virtuozzo always compresses the memory"),
        ({"unsafe": True}, "its disks never use the host's cache"),
        ({"change_protection": True}, "Virtuozzo's locks are advisory"),
        ({"tunnelled": True}, "Virtuozzo encrypts its stream itself"),
        ({"direct": True}, "both hosts' daemons always take part"),
        ({"tls": False}, "always encrypts its stream"),
        ({"copy_storage": False}, "finds out itself which disks are shared"),
        ({"copy_storage_inc": True}, "copies a disk in full"),
        ({"bandwidth_mib_s": 5}, "its rate can't be limited"),
        ({"dest_xml": "<domain/>"}, "takes no other definition"),
        ({"persist_xml": "<domain/>"}, "takes no other definition"),
        ({"abort_on_error": True}, "libvirt's vz driver does not have it"),
        ({"postcopy": True}, "libvirt's vz driver does not have it"),
        ({"parallel": True}, "libvirt's vz driver does not have it"),
        ({"rdma_pin_all": True}, "libvirt's vz driver does not have it"),
        ({"postcopy": True}, MISSING),
        ({"listen_address": "10.0.0.1"}, MISSING),
        ({"graphics_uri": "spice://h:1"}, MISSING),
        ({"migrate_disks": ("sda",)}, MISSING),
    ],
    ids=str,
)
@requirement("vz.bandwidth")
def test_what_is_refused_is_refused_by_name_and_with_its_reason(asked, reason):
    (name,) = asked
    found = [error for error in refusals(**asked) if error.subject == name]
    assert found
    assert all(isinstance(error, OptionRefused) for error in found)
    assert any(reason in error.message for error in found)
    assert all(error.remedy for error in found)


@requirement("rest")
def test_every_value_that_is_not_known_is_refused():
    host = declared()
    for value in VALUES:
        known = value.name in ("migrate_uri", "dest_name")
        assert (host.value(value.name).how is not How.REFUSED) is known
        assert known or value.param is None or host.value(value.name).note


@requirement("rest")
def test_what_is_supported_is_listed_as_the_driver_has_it():
    """The words of the list, as flags and parameters, are what the driver takes."""
    words = MISSING.rpartition(" it has ")[2].split(", ")
    bits = sum(1 << row.bit for row in SWITCHES if row.virsh in words)
    assert bits == MASK & ~0x80, "all but NON_SHARED_INC, which has no effect"
    assert [row.param for row in VALUES if row.virsh in words] == list(PARAMETERS)


@requirement("offline.vz-disks")
def test_a_stopped_guest_moves_cold_and_its_disks_too():
    row = settle(Options(offline=True), ends(RunState.SHUTOFF))["offline"]
    assert (row.effective, row.how) == (True, How.EMULATED)
    assert "its disks that are not shared move too" in row.why


@requirement("offline.definition")
def test_a_running_guest_does_not_move_cold():
    assert any(e.subject == "offline-of-running-guest" for e in refusals(offline=True))


class Ctx:
    """As much of a context as a request needs."""

    def __init__(self, options):
        self.options = options


switches = st.fixed_dictionaries(
    {}, optional={row.name: st.booleans() for row in SWITCHES if row.bit is not None}
)


@given(switches)
def test_no_flag_leaves_the_mask(asked):
    from virtmigrate_vz.request import flags_of, params_of  # noqa: PLC0415

    try:
        options = settle(Options(**asked), ends()).effective()
    except ExceptionGroup:
        return
    for peer in (False, True):
        word = flags_of(Ctx(options), peer=peer)
        assert word & ~MASK == 0
        assert bool(word & 2) is peer
    assert set(params_of(Ctx(options))) <= set(PARAMETERS)


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("vzmigr://host", True),
        ("vzmigr://10.0.0.1:64000", True),
        ("vzmigr://[::1]:64000", True),
        ("vzmigr://host/", False),
        ("vzmigr://host/path", False),
        ("vzmigr://user@host", False),
        ("vzmigr://host?key=1", False),
        ("tcp://host", False),
        ("vzmigr://", False),
        ("vzmigr://host\n", False),
    ],
)
def test_addresses_of_a_dispatcher(uri, good):
    assert bool(preflight.URI.fullmatch(uri)) is good
