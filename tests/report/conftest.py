"""Reports are drawn from journals; what the core's tests share serves here too."""

from __future__ import annotations

from tests.core.conftest import journal, path, terminal, world

__all__ = ["journal", "path", "terminal", "world"]
