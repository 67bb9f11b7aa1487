"""Builds every wheel, installs them by path into an empty environment, and uses them.

By path, because a name would let a package of that name in the index win. Needs `uv` on
PATH, and the index for what the wheels depend on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENTRY_POINTS = {
    "lab": "virtmigrate_lab.plugin",
    "mock": "virtmigrate_mock.plugin",
    "qemu": "virtmigrate_qemu.plugin",
    "vz": "virtmigrate_vz.plugin",
}
ASK_ENTRY_POINTS = """
from importlib.metadata import entry_points
for point in entry_points(group="virtmigrate"):
    point.load()
    print(point.name, point.value)
"""


def run(*command: str | Path, **extra: str) -> str:
    """Run a command outside of the checkout; its output, or its failure aloud."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=extra.pop("cwd", "/"),
        env={**os.environ, **extra},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    if done.returncode:
        shown = " ".join(str(word) for word in command)
        sys.exit(f"pkg: exit code {done.returncode}: {shown}\n{done.stdout}")
    return done.stdout


def readme_example() -> str:
    """The first Python block of the README."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.split("```python\n", 1)[1].split("```", 1)[0]


def main() -> None:
    """Build, install, ask, migrate."""
    with tempfile.TemporaryDirectory() as scratch:
        wheels, venv = Path(scratch, "wheels"), Path(scratch, "venv")
        run(
            "uv",
            "build",
            "-q",
            "--all-packages",
            "--wheel",
            "-o",
            wheels,
            cwd=str(ROOT),
        )
        built = sorted(wheels.glob("*.whl"))
        run("uv", "venv", "-q", "-p", sys.executable, venv)
        core = next(wheel for wheel in built if wheel.name.startswith("virtmigrate-"))
        others = [wheel for wheel in built if wheel != core]
        python = venv / "bin" / "python"
        run("uv", "pip", "install", "-q", "-p", python, f"{core}[cli]", *others)

        state = {"VIRTMIGRATE_STATE_DIR": str(Path(scratch, "state"))}
        asked = run(python, "-c", ASK_ENTRY_POINTS).split("\n")
        found = dict(line.split() for line in asked if line)
        if found != ENTRY_POINTS:
            sys.exit(f"pkg: entry points are {found}, not {ENTRY_POINTS}")
        version = run(venv / "bin" / "virtmigrate", "--version").strip()
        plugins = run(venv / "bin" / "virtmigrate", "plugins", **state)
        silent = [name for name in ENTRY_POINTS if name not in plugins]
        if silent:
            sys.exit(f"pkg: `virtmigrate plugins` does not name {silent}:\n{plugins}")
        run(python, "-c", readme_example(), **state)
    print(f"pkg: {len(built)} wheels built, installed by path and used: {version}")


if __name__ == "__main__":
    main()
