from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtmigrate_lab.rpc import (
    HEADER,
    LEAST,
    LENGTH,
    MOST,
    REMOTE_PROGRAM,
    Framer,
    Garbled,
    Kind,
)


def packet(procedure, kind=Kind.CALL, serial=1, payload=b"", program=REMOTE_PROGRAM):
    body = HEADER.pack(program, 1, procedure, kind, serial, 0) + payload
    return LENGTH.pack(LENGTH.size + len(body)) + body


@given(st.lists(st.binary(max_size=50), max_size=5), st.sets(st.integers(0, 400)))
def test_messages_come_out_whole_however_they_were_cut(payloads, cuts):
    packets = [packet(i, payload=p) for i, p in enumerate(payloads)]
    stream, framer, found, last = b"".join(packets), Framer(), [], 0
    for cut in [*sorted(c for c in cuts if c < len(stream)), len(stream)]:
        found += framer.feed(stream[last:cut])
        last = cut
    assert [m.raw for m in found] == packets
    assert [m.procedure for m in found] == list(range(len(payloads)))


@pytest.mark.parametrize("length", [0, 4, LEAST - 1, MOST + 1, 0xFFFFFFFF])
def test_an_impossible_length_is_garbage(length):
    with pytest.raises(Garbled):
        Framer().feed(LENGTH.pack(length))


def test_the_longest_message_is_taken():
    assert Framer().feed(LENGTH.pack(MOST)) == []
