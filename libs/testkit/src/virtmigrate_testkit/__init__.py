"""virtmigrate-testkit: what a hypervisor plugin must do, as tests that its author runs.

Write a `Bench` (two hosts and guests on them), hand it to `conformance()`, run pytest.
What the plugin declares is exercised, what it does not declare is tested to be refused.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(
        f"virtmigrate_testkit.{name}"
        for name in (
            "answers",
            "declaration",
            "events",
            "kit",
            "knobs",
            "misfortune",
            "objects",
            "persistence",
            "phases",
            "refusals",
        )
    )
)

# Only now may they be imported.
from virtmigrate_testkit.bench import Bench, Copy  # noqa: E402
from virtmigrate_testkit.conformance import (  # noqa: E402
    Conformance,
    conformance,
    differs,
)

__all__ = ["Bench", "Conformance", "Copy", "conformance", "differs"]
