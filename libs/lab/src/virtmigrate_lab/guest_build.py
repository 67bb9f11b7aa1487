"""Builds the guest program from its sources: ``python -m virtmigrate_lab.guest_build``.

The binary is in the package, so that a lab needs no compiler. The same compiler and
linker (:data:`TOOLCHAIN`) make the same bytes; a test holds them to it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from virtmigrate_lab.commands import run

TOOLCHAIN = "gcc 12.2.0, binutils 2.40"
"""What the binary in the package was built with (Debian 12)."""

CFLAGS = (
    *("-m32", "-march=i686", "-O2", "-Wall", "-Wextra", "-Werror"),
    *("-ffreestanding", "-fno-builtin", "-fno-pic", "-fno-stack-protector"),
    *("-fno-asynchronous-unwind-tables", "-fcf-protection=none"),
    "-mgeneral-regs-only",
)
LDFLAGS = ("-m", "elf_i386", "-n", "-s", "--build-id=none", "--no-warn-rwx-segments")


def toolchain() -> str:
    """The compiler and the linker of this machine, in the words of TOOLCHAIN."""
    gcc = run(["gcc", "-dumpfullversion"]).strip()
    linker = re.search(r"(\d+\.\d+)", run(["ld", "--version"]).splitlines()[0])
    return f"gcc {gcc}, binutils {linker[1] if linker else 'unknown'}"


def build(target: Path) -> None:
    """Compile, assemble and link the guest program.

    Raises:
        LabError: there is no compiler, or it finds fault with the sources.
    """
    with (
        as_file(files("virtmigrate_lab") / "guest") as sources,
        tempfile.TemporaryDirectory() as scratch,
    ):
        objects = []
        for name in ("boot.S", "guest.c", "disk.c"):
            made = Path(scratch) / f"{name}.o"
            run(["gcc", *CFLAGS, "-c", str(sources / name), "-o", str(made)])
            objects.append(str(made))
        script = str(sources / "guest.ld")
        run(["ld", *LDFLAGS, "-T", script, *objects, "-o", str(target)])


if __name__ == "__main__":
    build(Path(sys.argv[1]))
