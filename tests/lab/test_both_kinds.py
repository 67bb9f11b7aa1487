"""A lab of real QEMU hosts and vz hosts: side by side, and never across."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.requirements import requirement
from virtmigrate import Migrator, Options
from virtmigrate.errors import NotMovable, leaves
from virtmigrate_lab import Lab
from virtmigrate_lab.needs import obstacles
from virtmigrate_lab.pytest_plugin import refuse

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def both():
    """One qemu host and two vz hosts, a guest on the first of each kind."""
    if reasons := obstacles():
        refuse(reasons)
    directory = Path(tempfile.mkdtemp(prefix="vml-"))
    try:
        with Lab.up("qemu:1,vz:2", state_dir=directory) as lab:
            lab.guest_start("q", host="a", memory_mib=24, working_set_mib=4)
            lab.guest_start("v", host="vz-a")
            yield lab
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_a_lab_of_both_kinds(both):
    kinds = {name: host.kind for name, host in both.hosts.items()}
    assert kinds == {"a": "qemu", "vz-a": "vz", "vz-b": "vz"}
    assert both.guest_names() == ["q", "v"]
    assert both.guest_check("q").ok
    assert both.guest_check("v").ok


@requirement("pair.refused-by-name")
@pytest.mark.parametrize(
    ("guest", "here", "there", "text", "remedy"),
    [
        ("q", "a", "vz-a", "a guest of qemu can't move to a host of vz", "a qemu host"),
        ("v", "vz-a", "a", "a guest of vz can't move to a host of qemu", "a vz host"),
    ],
)
@pytest.mark.parametrize("asked", [{}, {"live": False, "paused": True}], ids=str)
def test_across_kinds_is_refused_in_the_plan(
    both, guest, here, there, text, remedy, asked
):
    uris = both.hosts[here].uri, both.hosts[there].uri
    with Migrator() as migrator, pytest.raises(ExceptionGroup) as caught:
        migrator.plan(guest, *uris, Options(**asked))
    (error,) = leaves(caught.value)
    assert isinstance(error, NotMovable)
    assert (error.message, error.subject) == (text, guest)
    assert remedy in error.remedy
    assert both.guest_check(guest).ok


@requirement("pair.refused-by-name")
def test_each_kind_moves_in_a_lab_of_both(both):
    with Migrator() as migrator:
        uris = both.hosts["vz-a"].uri, both.hosts["vz-b"].uri
        assert migrator.migrate("v", *uris, Options()).succeeded
        assert both.guest_check("v").running_on == ["vz-b"]
        assert migrator.migrate("v", *reversed(uris), Options()).succeeded
