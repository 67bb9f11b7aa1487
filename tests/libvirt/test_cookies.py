"""Cookies: passed on between daemons that are not trusted with each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.errors import BadInput, HostError, Side
from virtmigrate_libvirt.clib import COOKIE_MAX_BYTES
from virtmigrate_libvirt.cookies import checked

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"
DOMAIN = f"<domain type='kvm'><name>g</name><uuid>{UUID}</uuid></domain>"


def baked(inside="", uuid=UUID, root="qemu-migration"):
    """A cookie as QEMU's driver bakes it, its NUL included."""
    head = f"<name>g</name><uuid>{uuid}</uuid><hostname>a</hostname>"
    return f"<{root}>{head}{inside}</{root}>".encode() + b"\0"


def test_what_the_drivers_bake_is_passed_on():
    assert checked(b"", UUID, Side.SOURCE) == []
    assert checked(baked(uuid=UUID.upper()), UUID, Side.SOURCE) == []
    # vz has the session's uuid in it, and nobody's
    assert checked(baked(root="vz-migration", uuid="0" * 8), UUID, Side.SOURCE) == []


def test_a_definition_inside_is_a_document_like_any_other():
    (document,) = checked(baked(DOMAIN), UUID, Side.SOURCE)
    assert document.name == "g"
    hostile = DOMAIN.replace("<name>", "<vcpu>1000000000</vcpu><name>")
    with pytest.raises(BadInput, match="vcpu"):
        checked(baked(hostile), UUID, Side.SOURCE)


HOSTILE = {
    "garbage": b"\xff\xfe\x00garbage",
    "no XML": b"hello",
    "truncated": baked()[:-9],
    "another root": b"<domain/>",
    "another guest": baked(uuid="0000" + UUID[4:]),
    "no guest": b"<qemu-migration/>",
    "two guests": baked(f"<uuid>{UUID}</uuid>"),
    "an entity": b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + baked(),
    "too deep": baked("<a>" * 70 + "</a>" * 70),
    "too many": baked("<a/>" * 200_001),
    "too large": baked("x" * COOKIE_MAX_BYTES),
}


@pytest.mark.parametrize("what", HOSTILE)
@requirement("cookies.checked")
def test_what_is_no_cookie_of_this_guest_goes_nowhere(what):
    with pytest.raises(HostError) as caught:
        checked(HOSTILE[what], UUID, Side.DESTINATION)
    assert (caught.value.side, caught.value.subject) == (Side.DESTINATION, "cookie")
    assert "session" not in str(caught.value)


@given(st.binary(max_size=300) | st.binary(max_size=80).map(lambda b: baked() + b))
@requirement("cookies.checked")
def test_any_bytes_are_a_cookie_or_refused(data):
    try:
        checked(data, UUID, Side.SOURCE)
    except (HostError, BadInput) as error:
        assert error.remedy  # noqa: PT017 - either is fine, a third is not
