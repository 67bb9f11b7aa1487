"""What is written down bears no secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.requirements import requirement
from virtmigrate.redact import redact, redact_data, redacted_json

SECRET = "hunter2"
LEAKY = [
    f"can't open qemu+tcp://root:{SECRET}@host/system: refused",
    f"password={SECRET}",
    f"Password: {SECRET}",
    f"passwd = {SECRET}",
    f"PASSWORD={SECRET}",
    f"pa\u017fsword={SECRET}",
    f"\u017fecret={SECRET}",
    f"TO\u212aEN: {SECRET}",
    f"<graphics type='vnc' passwd='{SECRET}' port='5900'/>",
    f'<graphics type="vnc" passwd="{SECRET}"/>',
    f"<secret>{SECRET}</secret>",
    f"<session-uuid>{SECRET}</session-uuid>",
    f"session_uuid={SECRET}&x=1",
    f'{{"password": "{SECRET}"}}',
    f'{{"token":"{SECRET}"}}',
    f"https://x:{SECRET}@a/ and https://y:{SECRET}@b/",
    f"passwd='{SECRET} and {SECRET}'",
]
INNOCENT = [
    "",
    "the guest is paused",
    "qemu+ssh://root@host:22/system",
    "tcp://[::1]:49152",
    "no password is set",
    "secrets.py: token_hex",
    "<domain type='kvm'><name>demo</name></domain>",
    "12:30:01 at //server/share",
]


@pytest.mark.parametrize("text", LEAKY)
@requirement("secrets.never-shown")
def test_secrets_are_blanked(text):
    assert SECRET not in redact(text)


@pytest.mark.parametrize("text", INNOCENT)
def test_the_rest_stays(text):
    assert redact(text) == text


def test_what_is_around_a_secret_stays():
    assert (
        redact(f"<graphics passwd='{SECRET}' port='5900'/>")
        == "<graphics passwd='***' port='5900'/>"
    )


@given(st.text())
def test_redacting_twice_is_redacting_once(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("text", LEAKY)
@requirement("secrets.never-shown")
def test_data_is_redacted_string_by_string(text):
    data = {"a": [text, {"b": text}], "n": 1, "none": None, "yes": True}
    clean = redact_data(data)
    assert SECRET not in json.dumps(clean)
    assert {k: clean[k] for k in ("n", "none", "yes")} == {
        "n": 1,
        "none": None,
        "yes": True,
    }


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(LEAKY),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_data)
def test_redacted_data_keeps_its_shape(data):
    clean = redact_data(data)
    assert shape(clean) == shape(data)


@given(json_data)
@example({"pa\u017f\u017fword": "x"})
def test_text_is_redacted_as_the_data_is(data):
    assert redacted_json(data) == json.dumps(redact_data(data))


def shape(data):
    if isinstance(data, dict):
        return {key: shape(value) for key, value in data.items()}
    if isinstance(data, list):
        return [shape(value) for value in data]
    return type(data)
