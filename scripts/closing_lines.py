"""Prints what each environment of a tox run came to, from tox's JSON report.

Side by side, tox hides the output of environments that pass; a reader of CI wants to
see how many tests ran in each.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

CLOSING = re.compile(
    r"^(=+ .*\d+ (passed|failed|error).* =+"
    r"|All checks passed!|Success: no issues.*|Contracts: .*|pkg: .*)$"
)


def closing_lines(output: str) -> list[str]:
    """The lines by which pytest, ruff, mypy and import-linter say how it went."""
    return [line for line in output.splitlines() if CLOSING.match(line)]


def main(report: Path) -> None:
    """Print the closing lines, environment by environment."""
    environments = json.loads(report.read_text(encoding="utf-8"))["testenvs"]
    print()
    for name, environment in environments.items():
        if "result" not in environment or name.startswith("."):
            continue  # not asked for
        if environment["result"].get("skipped"):
            print(f"-- {name}: skipped, there is no such interpreter")
            continue
        runs = environment.get("test", [])
        if not runs:
            print(f"-- {name}: FAILED, its set-up did not work")
            continue
        code = next((run["retcode"] for run in runs if run["retcode"]), 0)
        print(f"-- {name}: {'passed' if not code else f'FAILED, exit code {code}'}")
        for run in runs:
            for line in closing_lines(run["output"]):
                print(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
