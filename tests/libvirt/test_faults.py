"""libvirt's errors to our tree: answered or lost, side, remedy, no secret."""

from __future__ import annotations

import pytest

from tests.requirements import requirement
from virtmigrate.errors import (
    AnswerLost,
    GuestNotFound,
    HostError,
    HostUnreachable,
    JobAborted,
    Side,
)
from virtmigrate_libvirt.codes import MEANINGS, Code
from virtmigrate_libvirt.faults import (
    About,
    Fault,
    never_sent,
    silent,
    translate,
    unopened,
)

ABOUT = About(Side.DESTINATION, "qemu+ssh://b/system", "finish")
QEMU, RPC, REMOTE = 10, 7, 13

LOST = [
    (38, RPC, "End of file while reading data: Input/output error"),
    (38, RPC, "Cannot write data: Broken pipe"),
    (1, RPC, "internal error: connection closed due to keepalive timeout"),
    (1, RPC, "internal error: client socket is closed"),
    (39, RPC, "Unable to decode message header"),
    (39, REMOTE, "something about the wire"),
]


@pytest.mark.parametrize("fault", LOST)
def test_a_connection_that_fails_loses_the_answer(fault):
    error = translate(Fault(*fault), ABOUT)
    assert type(error) is AnswerLost
    assert error.side is Side.DESTINATION
    assert error.subject == ABOUT.host
    assert error.remedy


ANSWERED = [
    (38, QEMU, "unable to connect to server at 'b:49152': Connection refused"),
    (9, QEMU, "operation failed: job 'migration out' unexpectedly failed"),
    (1, QEMU, "internal error: qemu unexpectedly closed the monitor"),
    (1, RPC, "Library function returned error but did not set virError"),
    (39, RPC, "Unable to encode message payload"),
    (55, QEMU, "Requested operation is not valid: domain is not running"),
    (68, QEMU, "Timed out during operation: cannot acquire state change lock"),
    (81, QEMU, "Unsafe migration: Migration without shared storage is unsafe"),
    (4711, 99, "an error of the future"),
]


@pytest.mark.parametrize("fault", ANSWERED)
def test_an_answered_error_is_one(fault):
    error = translate(Fault(*fault), ABOUT)
    assert type(error) is HostError
    assert str(fault[0]) in error.message
    assert "finish" in error.message


def test_an_abort_is_told_from_a_failure():
    assert type(translate(Fault(78, QEMU, "canceled by client"), ABOUT)) is JobAborted


def test_no_such_guest_is_an_answer_only_where_it_was_the_question():
    fault = Fault(Code.NO_DOMAIN, QEMU, "Domain not found")
    lookup = About(Side.SOURCE, "qemu:///system", "looking", lookup=True)
    assert type(translate(fault, lookup)) is GuestNotFound
    assert type(translate(fault, ABOUT)) is HostError


@pytest.mark.parametrize("code", MEANINGS)
@requirement("errors.no-libvirt")
def test_every_listed_error_becomes_what_the_table_says(code):
    error = translate(Fault(code, QEMU, "said"), ABOUT)
    assert type(error) is MEANINGS[code].kind
    assert error.remedy == (MEANINGS[code].remedy or None)


def test_a_call_that_was_never_sent_is_no_lost_answer():
    error = never_sent(ABOUT, "the connection is closed")
    assert type(error) is HostUnreachable
    assert "never sent" in error.message


def test_a_deadline_loses_the_answer_and_says_how_long_it_was():
    error = silent(ABOUT, 30.0)
    assert type(error) is AnswerLost
    assert "30 s" in error.message


IDENTITY = [
    (
        38,
        RPC,
        "Cannot recv data: Host key verification failed.: Connection reset by pe",
    ),
    (
        38,
        RPC,
        "Cannot recv data: @@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
    ),
    (
        38,
        RPC,
        "Cannot recv data: root@b: Permission denied (publickey).: Connection re",
    ),
    (
        38,
        RPC,
        "Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file or di",
    ),
    (1, RPC, "Our own certificate /etc/pki/libvirt/clientcert.pem failed validation"),
    (38, RPC, "Cannot recv data: Unable to read TLS confirmation: Input/output error"),
    (1, QEMU, "Unable to access credentials /etc/pki/qemu/ca-cert.pem: No such file"),
    (9, QEMU, "job 'migration out' failed: The certificate hasn't got a known issuer"),
    (9, QEMU, "job 'migration out' failed: Certificate does not match the hostname b"),
]


@pytest.mark.parametrize("fault", IDENTITY)
@requirement("transport.remedy")
def test_who_is_not_who_they_should_be_is_no_matter_of_logs_or_addresses(fault):
    opening = unopened(Fault(*fault), ABOUT)
    assert type(opening) is HostUnreachable
    answered = translate(Fault(*fault), ABOUT)  # of a daemon that connects by itself
    assert type(answered) is HostError
    for error in (opening, answered):
        assert error.side is Side.DESTINATION
        assert any(word in error.remedy for word in ("certificates", "key"))


@pytest.mark.parametrize("code", [38, 45, 29, 1])
def test_a_host_that_can_not_be_opened_is_unreachable(code):
    error = unopened(Fault(code, RPC, "authentication failed"), ABOUT)
    assert type(error) is HostUnreachable
    assert ABOUT.host in error.message
    assert error.remedy
