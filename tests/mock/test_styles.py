"""Each style declares every option, and the declarations are what they should be."""

from __future__ import annotations

import pytest

from tests.mock.rig import MANAGER, connect, furnished, move
from tests.requirements import requirement
from virtmigrate import BadInput
from virtmigrate.capabilities import How, undeclared
from virtmigrate.option_rows import OWN, SWITCHES, VALUES
from virtmigrate_mock import STYLES
from virtmigrate_mock.styles import style_named

STYLE_NAMES = ("qemu-like", "vz-like")
NATIVE, INHERENT, EMULATED = How.NATIVE, How.INHERENT, How.EMULATED
DEFERRED, REFUSED = How.DEFERRED, How.REFUSED
VZ = {
    "live": (INHERENT, EMULATED),
    "compressed": (INHERENT, REFUSED),
    "persist_dest": (INHERENT, DEFERRED),
    "undefine_source": (INHERENT, EMULATED),
    "paused": (NATIVE, NATIVE),
    "p2p": (NATIVE, NATIVE),
    "copy_storage": (INHERENT, REFUSED),
    "offline": (EMULATED, INHERENT),
    "tunnelled": (REFUSED, INHERENT),
    "unsafe": (REFUSED, INHERENT),
    "change_protection": (REFUSED, INHERENT),
    "direct": (REFUSED, INHERENT),
}


def declared(style):
    world = furnished(style)
    host = connect(world, "a")
    return MANAGER.relay("mock").capabilities(host)


@pytest.mark.parametrize("style", STYLE_NAMES)
@requirement("declare.every-option")
def test_every_switch_is_declared_and_nothing_else(style):
    capabilities = declared(style)
    own = {row.name for row in SWITCHES if not row.knob and row.name not in OWN}
    assert capabilities.switches.keys() - set(OWN) == own
    assert undeclared(capabilities) == []


def test_a_qemu_like_host_takes_every_value():
    capabilities = declared("qemu-like")
    given = {row.name for row in VALUES if row.param}
    assert capabilities.values.keys() == given
    assert {support.how for support in capabilities.values.values()} == {NATIVE}


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_a_refusal_has_a_reason(style):
    capabilities = declared(style)
    supports = capabilities.switches.items()
    silent = [
        name
        for name, support in supports
        if REFUSED in (support.on, support.off) and not support.note
    ]
    assert silent == []


@requirement("compressed.inherent")
@pytest.mark.parametrize(("name", "hows"), VZ.items())
def test_vz_like_answers_as_vz_does(name, hows):
    support = declared("vz-like").switches[name]
    assert (support.on, support.off) == hows


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(BadInput, match="no style") as error:
        style_named("xen-like")
    assert error.value.remedy == ", ".join(sorted(STYLES))


@pytest.mark.parametrize(
    ("style", "asked", "seen"),
    [
        ("qemu-like", {}, "compressed"),  # as differences: the policy asks for it
        ("qemu-like", {"compressed": False}, ""),
        ("qemu-like", {"tls": True, "parallel": True}, "parallel,tls"),
        ("vz-like", {}, "compressed,tls"),
    ],
)
def test_the_history_shows_what_went_over_the_wire(style, asked, seen):
    world = furnished(style)
    move(world, **asked)
    (stream,) = (line for line in world.state().history if line.what == "stream")
    assert stream.detail == seen
