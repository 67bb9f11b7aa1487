"""What these tests share: no daemon; libvirt's in-process test driver at most."""

from __future__ import annotations

import os

from hypothesis import settings

# Other work on the machine must not fail a property; pytest-timeout bounds each test.
settings.register_profile(
    "virtmigrate-libvirt",
    deadline=None,
    max_examples=int(os.environ.get("VIRTMIGRATE_EXAMPLES", "60")),
)
settings.load_profile("virtmigrate-libvirt")
