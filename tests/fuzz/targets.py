"""What is parsed, and by whom: each target reads an input, or refuses it by our errors.

A target gives "read" or "refused"; whatever else it raises is a finding.
"""

from __future__ import annotations

import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path

from hypothesis import strategies as st

from tests.bad_inputs.documents import DOCUMENTS, POLICIES, POLICY, domain, plan_text
from tests.bad_inputs.journals import COOKIES, DEAD, journal
from tests.bad_inputs.requests import GRAMMAR, KEYS, SECRETS, TRANSPORTS
from tests.fuzz.mutation import JSON, altered, damaged, text
from virtmigrate.errors import Side, VirtmigrateError, leaves
from virtmigrate.insecure import INSECURE
from virtmigrate.option_rows import BY_PARAM
from virtmigrate.options import Options
from virtmigrate.plan_file import read_plan
from virtmigrate.policy_file import read_policy
from virtmigrate.presets import preset
from virtmigrate.sqlite_journal import SQLiteJournal
from virtmigrate.uri import parse_uri
from virtmigrate_libvirt import cookies, facts, typed, uri, xml
from virtmigrate_libvirt.flags import FLAGS
from virtmigrate_mock import domxml
from virtmigrate_mock.cookies import FIELDS, bake, eat

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db1809"


class Finding(Exception):
    """Something was raised that is no error of ours."""


def judged(read, *given):
    """Whether it was read or refused.

    Raises:
        Finding: Neither: an error that nobody is prepared for.
    """
    try:
        read(*given)
    except BaseException as error:
        alien = [e for e in leaves(error) if not isinstance(e, VirtmigrateError)]
        if alien or isinstance(error, KeyboardInterrupt):
            msg = f"{type(error).__name__}: {str(error)[:200]}"
            raise Finding(msg) from error
        return "refused"
    return "read"


def read_document(data):
    """A domain document, by both readers, and all that is asked of it."""
    found = xml.parse(text(data))
    assert found.vcpus <= 4096
    assert found.memory_bytes >= 0
    assert xml.parse(found.renamed("other").text()).name == "other"
    assert all(found.programs)
    found.disks()


def read_mock_document(data):
    domxml.read.__wrapped__(text(data))


def read_capabilities(data):
    facts.host_facts(text(data), side=Side.SOURCE)


def read_uri(given):
    data, insecure = given
    parsed = parse_uri(text(data), Side.SOURCE, frozenset(insecure))
    assert not parsed.host.startswith("-")
    uri.check(parsed)
    assert {key for key, _ in parsed.query} <= {
        *uri.KEYS.get(uri.transport_of(parsed), ()),
        *parsed.insecure,
    }


def read_cookie(data):
    cookies.checked(data, UUID, Side.SOURCE)


def read_mock_cookie(data):
    eat(data, "begin", "world", UUID, Side.DESTINATION)


def read_flags(given):
    flags, params = given
    options = Options.from_libvirt_flags(flags, params)
    assert options.to_libvirt_flags() == flags


def read_params(params):
    array = typed.marshal(params)
    assert sum(len(v) for v in typed.unmarshal(array).values()) == len(array)


def read_options(asked):
    typed.marshal(Options.checked(asked).to_libvirt_params())


def read_plan_data(given):
    read_plan(given if isinstance(given, str) else json.dumps(given))


def read_policy_text(data):
    read_policy(text(data), "toml")


def read_policy_data(data):
    read_policy(json.dumps(data), "json")


@lru_cache(maxsize=1)
def _a_journal():
    """The bytes of a journal with one open migration."""
    with tempfile.TemporaryDirectory() as here:
        return journal(Path(here)).read_bytes()


def read_journal(data):
    """Whatever the file is: all of its story, or an error; never a part of it."""
    with tempfile.TemporaryDirectory() as here:
        path = Path(here, "journal.db")
        path.write_bytes(data)
        path.chmod(0o600)
        Path(here).chmod(0o700)
        kept = SQLiteJournal(path)
        try:
            entries = kept.entries()
            for entry in entries:
                kept.records(entry.migration)
                kept.plan(entry.migration)
        finally:
            kept.release()
        if data[:16] == _a_journal()[:16] and entries:
            assert [e.migration for e in entries] == [DEAD]


def _texts(table):
    return [content.encode("utf-8", "surrogatepass") for content, _ in table.values()]


@lru_cache(maxsize=1)
def _a_plan():
    return json.loads(plan_text())


CAPABILITIES = (
    f"<capabilities><host><uuid>{UUID}</uuid></host><guest><arch><emulator>/usr/bin/kvm"
    "</emulator></arch></guest></capabilities>"
).encode()
SMALL = [each for each in _texts(DOCUMENTS) if len(each) < 10_000]
MARKUP = (b"<!DOCTYPE a []>", b"<a>", b"</a>", b"&#0;", b"<![CDATA[", b"xmlns='x'")
GOOD = (
    b"qemu:///system",
    b"qemu+ssh://root@host.example:22/system?socket=/run/x&mode=direct",
    b"qemu+tls://[2001:db8::1]:16514/system",
    b"qemu+ssh://host/system?netcat=/bin/nc&proxy=netcat&no_verify=1",
    b"qemu+tcp://host/system",
)
URIS = [
    GOOD,
    *(_texts(t) for t in (TRANSPORTS, KEYS, SECRETS)),
    [each for each in _texts(GRAMMAR) if len(each) < 5_000],
]
NAMES = st.sampled_from(sorted(BY_PARAM)) | st.text(max_size=90)
SCALARS = st.integers() | st.text(max_size=20) | st.booleans() | st.floats() | st.none()
VALUES = SCALARS | st.lists(st.text(max_size=8) | st.integers(), max_size=70)
PARAMS = st.dictionaries(NAMES, VALUES, max_size=5)
SENT = st.dictionaries(
    NAMES, st.integers() | st.text(max_size=20) | st.lists(st.text(), max_size=70)
)
WORD = st.integers(-(2**65), 2**65) | st.lists(st.sampled_from(sorted(FLAGS))).map(
    lambda names: sum({FLAGS[name] for name in names})
)
ASKED = st.dictionaries(
    st.sampled_from(sorted(Options.model_fields)) | st.text(), VALUES
)
COOKIE = f"<qemu-migration><name>g</name><uuid>{UUID}</uuid>{{}}</qemu-migration>\0"
BAKED = [
    COOKIE.format(domain()).encode(),
    *(c for c in COOKIES.values() if len(c) < 2000),
]
KNOWN = bake(
    "begin", dict.fromkeys(FIELDS["begin"], "x") | {"world": "world", "uuid": UUID}
)
POLICY_SEEDS = [POLICY.encode(), *(t for t in _texts(POLICIES) if len(t) < 6_000)]


TARGETS = {
    "xml": (read_document, damaged([domain().encode(), *SMALL], MARKUP)),
    "mock-xml": (read_mock_document, damaged([domain().encode(), *SMALL], MARKUP)),
    "capabilities": (read_capabilities, damaged([CAPABILITIES], MARKUP)),
    "uri": (
        read_uri,
        st.tuples(
            damaged(
                [each for group in URIS for each in group],
                (b"@", b"://", b"-oX=y", b"?a=b", b"[::1]", b"%2d"),
            ),
            st.sets(st.sampled_from(sorted(INSECURE))),
        ),
    ),
    "cookie": (read_cookie, damaged(BAKED, (b"<domain>", *MARKUP))),
    "mock-cookie": (
        read_mock_cookie,
        damaged([KNOWN, KNOWN, *BAKED]) | JSON.map(lambda d: json.dumps(d).encode()),
    ),
    "flags": (read_flags, st.tuples(WORD, PARAMS)),
    "params": (read_params, SENT),
    "options": (read_options, ASKED),
    "plan": (
        read_plan_data,
        st.deferred(lambda: altered(_a_plan()))
        | JSON
        | st.deferred(lambda: damaged([json.dumps(_a_plan()).encode()])).map(text),
    ),
    "policy": (
        read_policy_text,
        damaged(POLICY_SEEDS, (b"[", b"inf", b"nan", b"[asks]")),
    ),
    "policy-json": (
        read_policy_data,
        altered(json.loads(preset().model_dump_json())) | JSON,
    ),
    "journal": (
        read_journal,
        st.deferred(lambda: damaged([_a_journal()], (os.linesep.encode(), bytes(64)))),
    ),
}
