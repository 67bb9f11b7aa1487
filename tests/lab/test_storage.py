"""The storage of the lab's hosts: what is shared is, what is not is not."""

from __future__ import annotations

import errno

import pytest

from virtmigrate_lab.errors import LabRefused
from virtmigrate_lab.pools import POOLS, TINY_MIB

pytestmark = pytest.mark.lab

MIB = 1 << 20
SEEN_BY_BOTH = {
    ("shared", "shared"),
    ("shared", "remount"),
    ("shared", "symlink"),
    ("remount", "shared"),
    ("remount", "remount"),
    ("remount", "symlink"),
    ("symlink", "shared"),
    ("symlink", "remount"),
    ("symlink", "symlink"),
}
"""A pool of host a, and the pools of host b in which its files are."""


def volumes(host, pool):
    lines = host.virsh(f"pool-refresh {pool}; vol-list {pool}").splitlines()
    return {line.split()[0] for line in lines if line.strip()}


def test_a_host_sees_what_another_wrote_only_where_they_share(lab):
    a, b = lab.hosts["a"], lab.hosts["b"]
    for pool in POOLS:
        a.virsh("vol-create-as", pool, f"{pool}.raw", "4096")
    seen = {
        (volume.removesuffix(".raw"), theirs)
        for theirs in POOLS
        for volume in volumes(b, theirs)
    }
    assert seen == SEEN_BY_BOTH


def test_what_is_made_in_a_pool_from_outside_is_a_volume(lab):
    for host in lab.hosts.values():
        for pool in POOLS:
            made = lab.pool_path(host.name, pool) / f"{host.name}-{pool}.raw"
            made.write_bytes(bytes(4096))
            assert made.name in volumes(host, pool)
            path = host.virsh("vol-path", "--pool", pool, made.name).strip()
            assert path == f"{lab.pool_target(host.name, pool)}/{made.name}"


def test_a_tiny_pool_gets_full(lab):
    path = lab.pool_path("a", "tiny") / "big"
    with pytest.raises(OSError) as caught, path.open("wb") as file:  # noqa: PT012
        for _ in range(TINY_MIB + 1):
            file.write(bytes(MIB))
    assert caught.value.errno == errno.ENOSPC
    assert not list(lab.pool_path("b", "tiny").iterdir())


def test_pools_are_as_new_after_a_test_has_used_them(lab):
    a, b = lab.hosts["a"], lab.hosts["b"]
    a.virsh("vol-create-as", "shared", "left.raw", "4096")
    b.virsh("pool-refresh", "shared")
    a.virsh("pool-destroy", "local")
    a.virsh("pool-define-as", "mine", "dir", "--target", "/var/tmp")
    a.virsh("pool-start", "mine")
    lab.tidy()
    assert set(a.virsh("pool-list", "--name").split()) == set(POOLS)
    for host in (a, b):
        assert host.virsh("vol-list", "shared").split() == []


def test_pools_come_back_with_their_daemon(lab):
    lab.hosts["b"].daemon.kill()
    lab.daemon_restart("b")
    assert set(lab.hosts["b"].virsh("pool-list", "--name").split()) == set(POOLS)


def test_a_pool_that_no_host_has_is_refused(lab):
    with pytest.raises(LabRefused, match="no pool nfs"):
        lab.pool_path("a", "nfs")
