"""Packets that no client sends: an error or a hang-up, and the host goes on."""

from __future__ import annotations

import os
import random
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vz_host.conftest import virsh
from virtmigrate_lab.rpc import REMOTE_PROGRAM, Framer, Garbled
from virtmigrate_lab.vz_host.procedures import PROCEDURES
from virtmigrate_lab.vz_host.wire import ERROR, frame, unpack

ANSWER_S = 10


def ask(host, data, *, end=True):
    """Send bytes; the messages that come back before it hangs up, or the first."""
    framer, found = Framer(), []
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_S)
        client.connect(str(host.socket))
        client.sendall(data)
        if end:
            client.shutdown(socket.SHUT_WR)
        while not found:
            got = client.recv(1 << 16)
            if not got:
                break
            found += framer.feed(got)
    return found


def call(procedure, payload=b"", program=REMOTE_PROGRAM, version=1):
    return frame((program, version, procedure, 0, 7, 0), payload)


def error_of(message):
    assert (message.kind, message.status, message.serial) == (1, 1, 7)
    code, domain, text, *_ = unpack(ERROR, message.raw[28:])
    return code, domain, text


def test_an_unknown_procedure(hosts):
    (reply,) = ask(hosts["a"], call(9999), end=False)
    assert error_of(reply) == (39, 7, "unknown procedure: 9999")


@pytest.mark.parametrize("program", [0x20008087, 0x68000, 1])
def test_another_program(hosts, program):
    (reply,) = ask(hosts["a"], call(1, program=program), end=False)
    code, _, text = error_of(reply)
    assert code == 39
    assert f"Cannot find program {program}" in text


@pytest.mark.parametrize("length", [0, 4, 27, 1 << 26, 0xFFFFFFFF])
def test_an_impossible_length_is_hung_up_on(hosts, length):
    assert ask(hosts["a"], struct.pack(">I", length) + bytes(24)) == []


def test_half_a_packet(hosts):
    assert ask(hosts["a"], call(1)[:20]) == []


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 9])
def test_what_is_no_call_is_hung_up_on(hosts, kind):
    assert ask(hosts["a"], frame((REMOTE_PROGRAM, 1, 1, kind, 7, 0))) == []


TAKING = sorted(number for number, one in PROCEDURES.items() if one.takes)


@pytest.mark.parametrize(
    "junk", [b"", b"\xff" * 40, b"\0" * 4000], ids=["", "ff", "00"]
)
def test_arguments_that_are_none(hosts, junk):
    for number in TAKING:
        (reply,) = ask(hosts["a"], call(number, junk), end=False)
        code, _, text = error_of(reply)
        assert code == 39
        assert text.startswith("Unable to decode: ")


def test_too_many_calls_at_once_are_hung_up_on(hosts):
    hosts["a"].control()
    assert len(ask(hosts["a"], call(3) * 5000)) <= 5000
    assert virsh(hosts["a"], "list").code == 0


def test_garbage_by_the_thousand(hosts):
    dice = random.Random(7)
    for _ in range(300):
        good = call(dice.choice(sorted(PROCEDURES)), os.urandom(dice.randrange(64)))
        bad = bytearray(good)
        for _ in range(dice.randrange(4)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(hosts["a"].socket))
            client.sendall(bytes(bad[: dice.randrange(1, len(bad) + 1)]))
    assert virsh(hosts["a"], "list").code == 0


SIGNATURES = sorted({p.takes for p in PROCEDURES.values()} | {ERROR})


@given(st.sampled_from(SIGNATURES), st.binary(max_size=200))
def test_no_payload_breaks_the_reader(signature, payload):
    try:
        fields = unpack(signature, payload)
    except Garbled:
        return
    assert len(fields) == len(signature.split())
