"""Policies are judged without hosts; examples and journal are the core's."""

from __future__ import annotations

from tests.core.conftest import journal, path

__all__ = ["journal", "path"]
