"""Copies the example plugin out of the repository, installs it, and runs its tests.

As its author would: core and kit are installed as wheels, the plugin by its own
pyproject.toml, into an empty environment. Needs `uv` on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES = 150
"""The example is at most so long: lines of code, blank ones and prose apart."""
MOVE = """
from pathlib import Path
from virtmigrate import MemoryJournal, Migrator
from virtmigrate_paper.hypervisor import boot
for host in "ab":
    Path(host).mkdir()
boot(Path("a"), "web")
uris = [f"paper://{Path(host).absolute()}" for host in "ab"]
print(Migrator(journal=MemoryJournal()).migrate("web", *uris).outcome)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; its output, or its failure aloud."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=inherited,
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
        sys.exit(f"template: exit code {done.returncode}: {shown}\n{done.stdout}")
    return done.stdout


def code_lines(folder: Path) -> int:
    """Lines of code of a source tree."""
    lines = [
        line.strip()
        for path in folder.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return sum(bool(line) and not line.startswith(("#", '"""')) for line in lines)


def main() -> None:
    """Copy, build, install, test, move a guest."""
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        plugin, wheels, venv = (here / name for name in ("plugin", "wheels", "venv"))
        shutil.copytree(
            ROOT / "examples" / "plugin",
            plugin,
            ignore=shutil.ignore_patterns("__pycache__", ".*"),
        )
        many = code_lines(plugin / "src")
        if many > LINES:
            sys.exit(f"template: the example has {many} lines of code, not {LINES}")
        for package in ("virtmigrate", "virtmigrate-testkit"):
            build = ["uv", "build", "-q", "--wheel", "--package", package]
            run(*build, "-o", wheels, cwd=ROOT)
        run("uv", "venv", "-q", "-p", sys.executable, venv, cwd=here)
        python = venv / "bin" / "python"
        install = ["uv", "pip", "install", "-q", "-p", python]
        run(*install, *sorted(wheels.glob("*.whl")), f"{plugin}[test]", cwd=here)
        shown = run(python, "-m", "pytest", "-q", cwd=plugin)
        if "succeeded" not in run(python, "-c", MOVE, cwd=here):
            sys.exit("template: the installed plugin moved no guest")
    closing = [line for line in shown.splitlines() if "tests run" in line]
    print(f"template: {many} lines of code; {closing[0]}")


if __name__ == "__main__":
    main()
