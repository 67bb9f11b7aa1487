"""The one base of every pydantic model: frozen and closed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, and strict about unknown fields.

    Each field has a docstring under it, for readers: having pydantic parse them
    (`use_attribute_docstrings`) would cost a third of the import.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
