"""What the core's tests share. They are pure: no plugin, no libvirt, no daemon."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.core.runs import Run
from tests.core.scripted import World

# Other work on the machine must not fail a property; pytest-timeout bounds each test.
settings.register_profile("virtmigrate", deadline=None)
settings.load_profile("virtmigrate")


@pytest.fixture
def world():
    """Two scripted hosts with a running, persistent guest on the first."""
    return World()


@pytest.fixture
def run(world):
    """Migrations in that world, with journal and events."""
    return Run(world)
