"""Each combination that libvirt or QEMU refuses, provoked; and its neighbour, fine."""

from __future__ import annotations

import pytest

from tests.qemu.declared import declare, ends
from virtmigrate.constraints import CORE
from virtmigrate.errors import leaves
from virtmigrate.host import RunState
from virtmigrate.negotiation import settle
from virtmigrate.options import Options
from virtmigrate_qemu.constraints import CONSTRAINTS

PAUSED, STOPPED = RunState.PAUSED, RunState.SHUTOFF
PARALLEL = {"parallel": True}
COPY, INC = {"copy_storage": True}, {"copy_storage_inc": True}
TUNNEL = {"tunnelled": True}

PROVOKED = {
    "postcopy-of-stopped-cpus": {"postcopy": True, "live": False},
    "postcopy-lands-paused": {"postcopy": True, "paused": True},
    "postcopy-of-paused-guest": ({"postcopy": True, "paused": False}, PAUSED),
    "postcopy-tunnelled": {"postcopy": True, **TUNNEL},
    "postcopy-peer-lands-paused": {"postcopy": True, "p2p": True, "one_step": True},
    "postcopy-resume-alone": {"postcopy_resume": True},
    "offline-copy-storage": ({"offline": True, **COPY}, STOPPED),
    "offline-copy-storage-inc": ({"offline": True, **INC}, STOPPED),
    "offline-transient": (
        {"offline": True, "persist_dest": False, "undefine_source": False},
        STOPPED,
    ),
    "offline-tunnelled": ({"offline": True, **TUNNEL}, STOPPED),
    "not-offline-but-stopped": ({"offline": False}, STOPPED),
    "synchronous-writes-of-no-copy": {"copy_storage_synchronous_writes": True},
    "migrate-disks-of-no-copy": {"migrate_disks": ("vda",)},
    "migrate-disks-detect-zeroes-of-no-copy": {"migrate_disks_detect_zeroes": ("vda",)},
    "migrate-disks-target-zero-of-no-copy": {"migrate_disks_target_zero": ("vda",)},
    "tunnelled-copy-storage": {**TUNNEL, **COPY},
    "tunnelled-copy-storage-inc": {**TUNNEL, **INC},
    "disks-uri-and-port": {"disks_uri": "tcp://b", "disks_port": 4000, **COPY},
    "disks-uri-scheme": {"disks_uri": "nbd://b", **COPY},
    "disks-uri-without-server": {"disks_uri": "tcp:///", **COPY},
    "unix-memory-copy-storage": {"migrate_uri": "unix:///a", **COPY},
    "unix-memory-copy-storage-inc": {"migrate_uri": "unix:///a", **INC},
    "tunnelled-without-p2p": {**TUNNEL, "p2p": False},
    "tunnelled-parallel": {**TUNNEL, **PARALLEL},
    "tunnelled-migrate-uri": {**TUNNEL, "migrate_uri": "tcp://b"},
    "tunnelled-listen-address": {**TUNNEL, "listen_address": "::"},
    "tunnelled-disks-port": {**TUNNEL, "disks_port": 4000},
    "migrate-uri-scheme": {"migrate_uri": "http://b"},
    "migrate-uri-without-host-tcp": {"migrate_uri": "tcp:///"},
    "migrate-uri-without-host-rdma": {"migrate_uri": "rdma:///x"},
    "unix-memory-listen-address": {"migrate_uri": "unix:///a", "listen_address": "::"},
    "unix-memory-tls-name": {"migrate_uri": "unix:///a", "tls": True},
    "unix-disks-tls": {"disks_uri": "unix:///a", "tls": True, **COPY},
    "zerocopy-of-one-stream": {"zerocopy": True},
    "parallel-connections-of-one-stream": {"parallel_connections": 2},
    "auto-converge-initial-percent-of-none": {"auto_converge_initial_percent": 20},
    "auto-converge-increment-percent-of-none": {"auto_converge_increment_percent": 5},
    "methods-of-no-compression": {
        "compressed": False,
        "compression_methods": ("xbzrle",),
    },
    "parallel-without-method": {"compressed": True, **PARALLEL},
    "parallel-two-methods": {"compression_methods": ("zlib", "zstd"), **PARALLEL},
    "parallel-xbzrle": {"compression_methods": ("xbzrle",), **PARALLEL},
    "parallel-mt": {"compression_methods": ("mt",), **PARALLEL},
    "one-stream-zlib": {"compression_methods": ("zlib",)},
    "one-stream-zstd": {"compression_methods": ("zstd",)},
    "compression-mt-level-of-another-method": {"compression_mt_level": 1},
    "compression-mt-threads-of-another-method": {"compression_mt_threads": 2},
    "compression-mt-dthreads-of-another-method": {"compression_mt_dthreads": 2},
    "compression-xbzrle-cache-bytes-of-another-method": {
        "compression_xbzrle_cache_bytes": 1 << 20,
        "compressed": True,
    },
    "compression-zlib-level-of-another-method": {
        "compression_zlib_level": 3,
        "compression_methods": ("zstd",),
        **PARALLEL,
    },
    "compression-zstd-level-of-another-method": {"compression_zstd_level": 3},
}


def ids(asked, state):
    """The refusals of a request, by subject."""
    try:
        settle(Options(**asked), ends(state=state, qemu="10.1.0"))
    except ExceptionGroup as group:
        return {error.subject: error for error in leaves(group)}
    return {}


def test_each_rule_is_provoked_here():
    assert set(PROVOKED) == {rule.id for rule in CONSTRAINTS}


@pytest.mark.parametrize("rule", PROVOKED)
def test_provoked(rule):
    given = PROVOKED[rule]
    asked, state = given if isinstance(given, tuple) else (given, RunState.RUNNING)
    found = ids(asked, state)
    assert rule in found
    assert found[rule].remedy
    assert found[rule].message


FINE = [
    ({"postcopy": True}, RunState.RUNNING),
    ({"offline": True}, STOPPED),
    ({}, STOPPED),
    ({}, PAUSED),
    ({**COPY, "migrate_disks": ("vda",), "disks_port": 4000}, RunState.RUNNING),
    ({**INC, "copy_storage_synchronous_writes": True}, RunState.RUNNING),
    ({"migrate_uri": "unix:///a", "disks_uri": "unix:///b", **COPY}, RunState.RUNNING),
    ({"migrate_uri": "tcp://b:49152", "listen_address": "::"}, RunState.RUNNING),
    ({"migrate_uri": "tcp:b:49152"}, RunState.RUNNING),
    ({"tls": True, "tls_destination": "b"}, RunState.RUNNING),
    ({"zerocopy": True, **PARALLEL, "parallel_connections": 2}, RunState.RUNNING),
    ({"auto_converge": True, "auto_converge_initial_percent": 20}, RunState.RUNNING),
    ({"compressed": True}, RunState.RUNNING),
    ({"compression_methods": ("xbzrle",)}, RunState.RUNNING),
    (
        {
            "compression_methods": ("xbzrle", "mt"),
            "compression_mt_level": 3,
            "compression_xbzrle_cache_bytes": 1 << 20,
        },
        RunState.RUNNING,
    ),
    (
        {"compression_methods": ("zstd",), "compression_zstd_level": 3, **PARALLEL},
        RunState.RUNNING,
    ),
    (TUNNEL, RunState.RUNNING),
]


@pytest.mark.parametrize(("asked", "state"), FINE)
def test_what_libvirt_takes_is_not_refused(asked, state):
    try:
        settle(Options(**asked), ends(state=state))
    except ExceptionGroup as group:
        pytest.fail(f"{[str(error) for error in leaves(group)]}")


def test_rules_are_told_apart_and_say_where_they_stand():
    rules = [*CORE, *declare(qemu="9.1.0", libvirt="9.0.0").constraints]
    names = [rule.id for rule in rules]
    assert len(set(names)) == len(names)
    assert all(rule.source.startswith(("libvir", "QEMU, ")) for rule in rules)


def test_all_contradictions_come_at_once():
    found = ids(
        {"zerocopy": True, "postcopy_resume": True, "parallel_connections": 2},
        RunState.RUNNING,
    )
    assert set(found) == {
        "zerocopy-of-one-stream",
        "postcopy-resume-alone",
        "parallel-connections-of-one-stream",
    }
