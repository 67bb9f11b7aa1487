from __future__ import annotations

import shutil
from importlib.resources import files

import pytest

from virtmigrate_lab import guest_build

MULTIBOOT_MAGIC = (0x1BADB002).to_bytes(4, "little")
MULTIBOOT_REACH = 8192
BINARY = (files("virtmigrate_lab") / "guest" / "guest.elf").read_bytes()


def test_the_binary_is_what_a_boot_loader_takes():
    assert BINARY.startswith(b"\x7fELF")
    assert MULTIBOOT_MAGIC in BINARY[:MULTIBOOT_REACH]


@pytest.mark.skipif(
    not (shutil.which("gcc") and shutil.which("ld")), reason="no compiler here"
)
def test_the_binary_is_made_of_its_sources(tmp_path):
    guest_build.build(tmp_path / "guest.elf")
    built = (tmp_path / "guest.elf").read_bytes()
    assert MULTIBOOT_MAGIC in built[:MULTIBOOT_REACH]
    if guest_build.toolchain() == guest_build.TOOLCHAIN:
        assert built == BINARY
