"""A reader of CI sees what each environment came to, passed or not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "closing_lines.py"


def closing_lines(tmp_path, environments):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"testenvs": environments}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, SCRIPT, report],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=20,
        check=True,
    )
    return done.stdout.strip().splitlines()


def test_each_environment_shows_its_runner_s_last_word(tmp_path):
    ran = [{"retcode": 0, "output": "collected 3\n===== 3 passed in 0.10s =====\n"}]
    failed = [
        {"retcode": 0, "output": "All checks passed!\n"},
        {"retcode": 1, "output": "E  assert\n==== 1 failed, 2 passed in 1.00s ====\n"},
    ]
    assert closing_lines(
        tmp_path,
        {
            "3.11-core": {"result": {}, "test": ran},
            "lint": {"result": {}, "test": failed},
            "3.13-core": {"result": {"skipped": True}},
            "3.11-min": {"result": {}},
            "3.11-lab": {},
        },
    ) == [
        "-- 3.11-core: passed",
        "===== 3 passed in 0.10s =====",
        "-- lint: FAILED, exit code 1",
        "All checks passed!",
        "==== 1 failed, 2 passed in 1.00s ====",
        "-- 3.13-core: skipped, there is no such interpreter",
        "-- 3.11-min: FAILED, its set-up did not work",
    ]
