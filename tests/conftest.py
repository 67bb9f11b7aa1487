"""What every test shares: how many examples a property looks at, and no clock."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# Other work on the machine must not fail a property; pytest-timeout bounds each test.
# The examples that `tox -m fast` can afford; VIRTMIGRATE_EXAMPLES asks for more.
settings.register_profile(
    "virtmigrate",
    deadline=None,
    max_examples=int(os.environ.get("VIRTMIGRATE_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("virtmigrate")

# What the first interpreter shows for all: processes that are killed, policies replayed
# step by step, every kill point. The others show that all parts run there.
THOROUGH = (
    "core/test_cli_conduct.py",
    "core/test_cli_options.py",
    "core/test_cli_policy.py",
    "core/test_engine_faults.py",
    "core/test_engine_random.py",
    "core/test_sqlite_killed.py",
    "mock/test_cli_mock.py",
    "mock/test_files.py",
    "mock/test_kill_points.py",
    "mock/test_misfortunes.py",
    "policy/test_adaptive.py",
    "policy/test_controller.py",
    "policy/test_replays.py",
    "report/test_cli_report.py",
    "vz/test_blockers.py",
    "vz/test_cli.py",
    "vz/test_copy_faults.py",
    "vz/test_faults.py",
    "vz/test_images.py",
)
collect_ignore = list(THOROUGH) if os.environ.get("VIRTMIGRATE_BRIEF") else []

# Workers side by side share no journal, not even where a test forgets its own.
worker, state = map(os.environ.get, ("PYTEST_XDIST_WORKER", "VIRTMIGRATE_STATE_DIR"))
if worker and state:
    os.environ["VIRTMIGRATE_STATE_DIR"] = f"{state}/{worker}"

# Whoever runs tests in the background has these ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
