"""Host URIs: a strict grammar; hostile ones end in `BadInput`, no secret is shown."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate import BadInput, Side
from virtmigrate.uri import URI_MAX_CHARS, HostURI, parse_uri

GOOD = {
    "qemu:///system": ("qemu", None, None, "", None, "/system"),
    "qemu+ssh://root@host.example:22/system": (
        "qemu", "ssh", "root", "host.example", 22, "/system",
    ),
    "qemu+tls://[2001:DB8::1]:16514/system": (
        "qemu", "tls", None, "2001:db8::1", 16514, "/system",
    ),
    "mock:///tmp/world.json?host=a": ("mock", None, None, "", None, "/tmp/world.json"),
    "QEMU+SSH://Host/system": ("qemu", "ssh", None, "host", None, "/system"),
    "vz+ssh://10.0.0.2": ("vz", "ssh", None, "10.0.0.2", None, ""),
    "mock://lab?host=b": ("mock", None, None, "lab", None, ""),
    "qemu+ssh://first%2elast@h/system": (
        "qemu", "ssh", "first.last", "h", None, "/system",
    ),
    "mock:///a%20b": ("mock", None, None, "", None, "/a b"),
}  # fmt: skip

HOSTILE = [
    # a host or a user that ssh would read as an option
    "qemu+ssh://-oProxyCommand=id/system",
    "qemu+ssh://root@-oProxyCommand=id/system",
    "qemu+ssh://-oProxyCommand=id@host/system",
    "qemu+ssh://%2doProxyCommand=id@host/system",
    "qemu+ssh://--/system",
    # a host that no resolver should see
    "qemu+ssh://host;id/system",
    "qemu+ssh://$(id)/system",
    "qemu+ssh://`id`/system",
    "qemu+ssh://host|id/system",
    "qemu+ssh://a%20b/system",
    "qemu+ssh://host%00/system",
    "qemu+ssh://" + "a" * 300 + "/system",
    "qemu+ssh://host-/system",
    "qemu+ssh://.host/system",
    # brackets
    "qemu+tls://[::1/system",
    "qemu+tls://::1]/system",
    "qemu+tls://[nonsense]/system",
    "qemu+tls://[v1.x]/system",
    "qemu+tls://[127.0.0.1]/system",
    "qemu+tls://[::1]evil/system",
    "qemu+tls://[::1%25$(id)]/system",
    "qemu+tls://us[er]@host/system",
    # ports
    "qemu+tls://host:0/system",
    "qemu+tls://host:70000/system",
    "qemu+tls://host:99999999999999999999/system",
    "qemu+tls://host:-1/system",
    "qemu+tls://host:1e3/system",
    "qemu+tls://host:+22/system",
    "qemu+tls://:22/system",
    "qemu+tls://root@/system",
    "qemu+tls://host:22:22/system",
    # not a URI
    "",
    " ",
    "qemu",
    "qemu:",
    "qemu:/system",
    "//host/system",
    "/etc/passwd",
    "-c",
    "://host",
    "1qemu://host",
    "qemu+://host",
    "+ssh://host",
    "qemu+ssh+ssh://host",
    "qe mu://host",
    "qemu://host/system#fragment",
    "qemu://host/system#",
    "a" * 100_000,
    "qemu://" + "a/" * URI_MAX_CHARS,
    # bytes that don't belong in one
    "qemu://host/sys\x00tem",
    "qemu://host/sys\ntem",
    "qemu://host/\u202esystem",
    "q\u0435mu://host/system",
    "qemu://host/a%00b",
    "qemu://host/a%0ab",
    "qemu://host/a%1bb",
    # queries
    "qemu:///system?a",
    "qemu:///system?&",
    "qemu:///system?a=1&a=2",
    "qemu:///system?a=%00",
    "qemu:///system?a=b%0ac",
    "qemu:///system?a=b%0dc",
    "qemu:///system?a%00=b",
    "qemu:///system?a=%1b[31m",
]

SECRET = "hunter2-hunter2"
SECRETIVE = [
    f"qemu+tcp://root:{SECRET}@host/system",
    f"qemu+tcp://root:{SECRET}@host:16509/system?no_tty=1",
    f"qemu+tcp://root:x@{SECRET}@host/system",
    f"qemu+tcp://root:{SECRET}:more@host/system",
    f"qemu+tcp://root:{SECRET}@[::1]/system",
    f"qemu+tcp://root:{SECRET}@-host/system",
    f"qemu+tcp://root:{SECRET}@host:99999/system",
    f"qemu+tcp://root:{SECRET}@host/system#x",
    f"qemu+tcp://:{SECRET}@host/system",
    f"qemu+tcp://-x:{SECRET}@host/system",
    f"qemu+tcp://root:{SECRET}@/system",
    f"qemu+tcp://root:{SECRET}@host/system?a=1&a=2",
    f"1qemu+tcp://root:{SECRET}@host/system",
    f"qemu+tcp://root:{SECRET}\n@host/system",
    f"qemu:///system?password={SECRET}",
    f"qemu:///system?a=b&token={SECRET}&c=d",
    f"qemu:///system?password={SECRET}&password=x",
]


def outcome(text):
    """A parsed URI, or the error."""
    try:
        return parse_uri(text, Side.DESTINATION)
    except BadInput as error:
        return error


def shown(result):
    """All that a log could hold of it."""
    parts = [str(result), repr(result)]
    if isinstance(result, BadInput):
        parts += [result.message, str(result.as_dict()), repr(result.args)]
        parts += [str(result.__cause__)]
    return " ".join(parts)


@pytest.mark.parametrize("text", GOOD)
def test_good_uris_are_taken_apart(text):
    uri = parse_uri(text)
    found = (uri.scheme, uri.transport, uri.user, uri.host, uri.port, uri.path)
    assert found == GOOD[text]
    assert uri.text == text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:40]))
@requirement("say.refused-untouched")
def test_hostile_uris_are_refused_with_side_and_remedy(text):
    error = outcome(text)
    assert isinstance(error, BadInput), error
    assert error.side is Side.DESTINATION
    assert error.remedy
    assert error.exit_code == 2


def test_queries_are_read():
    uri = parse_uri("qemu:///system?socket=%2Frun%2Fx&mode=direct&empty=")
    assert uri.get("socket") == "/run/x"
    assert uri.get("empty") == ""
    assert uri.get("missing") is None


@pytest.mark.parametrize("text", SECRETIVE)
@requirement("secrets.never-shown")
def test_no_secret_is_shown(text):
    assert SECRET not in shown(outcome(text))


def test_a_secret_is_kept_for_opening():
    uri = parse_uri(f"qemu+tcp://root:{SECRET}@host/system")
    assert SECRET in uri.text
    assert str(uri) == "qemu+tcp://root:***@host/system"


def test_an_ipv6_zone_stays():
    assert parse_uri("qemu+tls://[fe80::1%25eth0]/system").host == "fe80::1%eth0"


uri_like = st.text(
    st.sampled_from(string.ascii_lowercase + "0123456789+:/@[]%?&=#.-_$`;|\\ \n\x00é"),
    max_size=60,
)
pieces = st.tuples(
    st.sampled_from(["qemu", "mock", "q+ssh", "", "+", "1"]),
    st.sampled_from(["://", ":", ":/", "//"]),
    uri_like,
).map("".join)


@given(st.one_of(st.text(), uri_like, pieces))
@example("qemu://[")
@example("a://[::1]:")
@example("a://\u2100/")
def test_anything_gives_a_uri_or_bad_input(text):
    found = outcome(text)
    if isinstance(found, HostURI):
        assert not found.host.startswith("-")
        assert not (found.user or "").startswith("-")
        assert found.path.isprintable()
        assert parse_uri(text) == found


secrets = st.text(
    st.sampled_from(string.ascii_letters + string.digits + "-_.~!$'()*+,;=:@%"),
    min_size=8,
    max_size=20,
).filter(lambda text: text.strip("=:@%*") and len(set(text)) > 4)


@given(secrets, st.sampled_from(["host", "host:22", "[::1]", "-h", "host:x", ""]))
@requirement("secrets.never-shown")
def test_no_password_is_ever_shown(secret, host):
    assert secret not in shown(outcome(f"qemu+tcp://user:{secret}@{host}/system"))
