"""What stands in for a guest: run by its program, and nothing else of it."""

from __future__ import annotations

import pytest

from tests.qemu.hosts import World
from tests.requirements import requirement
from virtmigrate_libvirt import stand_in
from virtmigrate_libvirt.xml import parse

NAME, UUID = "virtmigrate-rehearsal-x", "00000000-0000-4000-8000-000000000001"
GUEST = """
<domain type='kvm'><name>g</name><uuid>00000000-0000-4000-8000-00000000000a</uuid>
<memory unit='GiB'>64</memory><vcpu>8</vcpu>
<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><nvram>/v/g.fd</nvram></os>
<devices>{emulator}<disk type='file'><source file='/d/g.img'/><target dev='vda'/></disk>
<interface type='network'><source network='default'/></interface></devices></domain>
"""
PROGRAM = "<emulator>/usr/libexec/qemu-kvm</emulator>"


def definition(emulator=PROGRAM):
    like = parse(GUEST.format(emulator=emulator))
    return parse(stand_in.definition(like, NAME, UUID))


@requirement("preflight.rehearsal")
def test_it_is_run_as_the_guest_is():
    found = definition()
    assert (found.kind, found.architecture, found.machine) == (
        "kvm",
        "x86_64",
        "pc-q35-7.2",
    )
    assert found.emulator == "/usr/libexec/qemu-kvm"
    assert (found.name, found.uuid) == (NAME, UUID)


@requirement("preflight.rehearsal")
def test_nothing_else_of_the_guest_is_in_it():
    found = definition()
    assert found.memory_bytes == stand_in.MEMORY_MIB << 20
    assert found.vcpus == 1
    assert not found.disks()
    for path in ("devices/interface", "os/nvram", "devices/graphics", "cpu"):
        assert not found.nodes(path), path


def test_a_program_that_the_host_chooses_is_left_to_it():
    assert definition(emulator="").emulator == ""


@pytest.mark.parametrize("live", [None, "", "<domain/>", "<!DOCTYPE x><domain/>"])
def test_a_guest_that_can_not_be_read_has_none(live):
    assert stand_in.start(None, live, NAME, UUID) is False


@requirement("preflight.rehearsal")
def test_what_was_tried_is_not_said_to_be_unchecked():
    world = World(options={"tls": True, "p2p": True})
    way = {"migrate_uri", "p2p", "tls"}
    assert way <= {found.subject for found in world.report()}
    assert not way & {found.subject for found in world.but(tried=True).report()}
