"""What may be opened. Every refusal names its reason and what is accepted."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.errors import BadInput
from virtmigrate.insecure import INSECURE
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt.uri import INSECURE as WAIVABLE
from virtmigrate_libvirt.uri import KEYS, check, opened_as

ACCEPTED = [
    "qemu:///system",
    "qemu:///session",
    "qemu+unix:///system?socket=/run/libvirt/libvirt-sock",
    "qemu+unix:///system?socket=/tmp/x/sock&mode=direct",
    "qemu+ssh://root@host.example/system",
    "qemu+ssh://host.example:2222/system?keyfile=/home/u/.ssh/id&mode=auto",
    "qemu+libssh2://host/system",
    "qemu+libssh://host/system",
    "qemu+tls://host.example/system",
    "qemu://host.example/system",
    "qemu+ssh://[2001:db8::1]/system",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text):
    parsed = parse_uri(text)
    check(parsed)
    assert parsed.text == text, "what was checked is what is opened"


REFUSED = {
    "qemu+ext:///system?command=/bin/true": "runs a program",
    "qemu+ext://host/system": "runs a program",
    "qemu+tcp://host/system": "clear text",
    "qemu+foo://host/system": "not on the list",
    "qemu+ssh://host/system?command=/bin/true": "runs a program",
    "qemu+ssh://host/system?netcat=/bin/true": "runs a program",
    "qemu+ssh://host/system?proxy=netcat": "run a program",
    "qemu+ssh://host/system?no_verify=1": "identity",
    "qemu+libssh2://host/system?known_hosts_verify=ignore": "identity",
    "qemu+libssh://host/system?known_hosts=/tmp/k": "trusted",
    "qemu+tls://host/system?no_verify=1": "identity",
    "qemu+tls://host/system?pkipath=/tmp/pki": "trusted",
    "qemu+tls://host/system?tls_priority=NULL": "weaken",
    "qemu+ssh://host/system?name=test:///default": "another driver",
    "qemu:///system?authfile=/etc/shadow": "credentials",
    "qemu:///system?unknown=1": "not on the list",
    "qemu:///system?keyfile=/x": "not on the list",
    "qemu+unix://host/system": "no host name",
    "qemu+ssh:///system": "no host",
    "qemu:///embed?root=/tmp": "path",
    "qemu:///": "path",
    "qemu:///system/../session": "path",
    "qemu+ssh://host/system?mode=evil": "mode",
    "qemu+ssh://host/system?socket=relative": "absolute path",
    "qemu+ssh://host/system?socket=/a;reboot": "absolute path",
    "qemu+ssh://host/system?socket=/a/../b": "absolute path",
    "qemu+ssh://host/system?keyfile=-oProxyCommand=x": "absolute path",
    "qemu+ssh://host/system?socket=/$(reboot)": "absolute path",
    "qemu+ssh://user:secret@host/system": "password",
}


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_refused(text, why):
    with pytest.raises(BadInput) as caught:
        check(parse_uri(text))
    assert why in caught.value.message
    assert caught.value.remedy
    assert caught.value.subject == "uri"
    assert "secret" not in str(caught.value)


WAIVED = {
    "qemu+tcp://host/system": ["tcp"],
    "qemu+ssh://host/system?no_verify=1": ["no_verify"],
    "qemu+tls://host/system?no_verify=1": ["no_verify"],
    "qemu+ssh://host/system?command=/usr/bin/ssh": ["command"],
    "qemu+ssh://host/system?netcat=/usr/bin/nc&proxy=netcat": ["netcat", "proxy"],
    "qemu+libssh2://host/system?known_hosts_verify=auto": ["known_hosts_verify"],
    "qemu+libssh://host/system?known_hosts=/etc/ssh/known": ["known_hosts"],
    "qemu+tls://host/system?pkipath=/etc/pki/own": ["pkipath"],
    "qemu+tls://host/system?tls_priority=NORMAL": ["tls_priority"],
}


@pytest.mark.parametrize("text", WAIVED)
@requirement("insecure.named")
def test_each_key_is_let_through_by_its_own_name_only(text):
    needed = frozenset(WAIVED[text])
    check(parse_uri(text, insecure=needed))
    for missing in needed:
        others = frozenset(INSECURE) - {missing}
        with pytest.raises(BadInput) as caught:
            check(parse_uri(text, insecure=others))
        assert f"--insecure {missing}, which is logged" in caught.value.remedy


EVERYTHING = frozenset(INSECURE)
NEVER = [
    "qemu+ssh://-oProxyCommand=id/system",
    "qemu+ext:///system?command=/bin/true",
    "qemu+ssh://host/system?command=-oProxyCommand=x",
    "qemu+ssh://host/system?netcat=/bin/nc;reboot",
    "qemu+ssh://host/system?netcat=/bin/sh -c reboot",
    "qemu+ssh://host/system?command=/usr/../bin/sh",
    "qemu+ssh://host/system?proxy=/bin/sh",
    "qemu+ssh://host/system?name=test:///default",
    "qemu+ssh://host/system?authfile=/etc/shadow",
    "qemu+ssh://host/system?no_verify=yes",
    "qemu+tls://host/system?command=/usr/bin/ssh",
    "qemu+tls://host/system?tls_priority=$(id)",
    "qemu+tcp://host/system?no_verify=1",
    "qemu+tcp:///system",
    "qemu+ssh://user:secret@host/system",
]


@pytest.mark.parametrize("text", NEVER)
@requirement("insecure.named")
def test_nothing_lets_these_through(text):
    with pytest.raises(BadInput):
        check(parse_uri(text, insecure=EVERYTHING))


def test_what_can_be_waived_is_in_the_cores_table():
    keys = frozenset().union(*WAIVABLE.values(), {"tcp"})
    assert keys == frozenset(INSECURE) - {"emulator", "commandline"}


words = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)


@given(transport=words, key=words, value=st.text(string.printable, max_size=20))
def test_nothing_that_is_not_named_gets_through(transport, key, value):
    try:
        uri = parse_uri(f"qemu+{transport}://host/system?{key}={value}")
        check(uri)
    except BadInput:
        return
    assert transport in KEYS
    assert {k for k, _ in uri.query} <= KEYS[transport]


def test_ssh_is_told_never_to_ask():
    opened = opened_as(parse_uri("qemu+ssh://h/system?socket=/run/a/b"))
    assert opened == "qemu+ssh://h/system?socket=/run/a/b&no_tty=1"


def test_other_transports_are_opened_as_they_are():
    text = "qemu+unix:///system?socket=/run/a/b"
    assert opened_as(parse_uri(text)) == text
