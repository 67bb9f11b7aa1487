"""All bad inputs."""

from __future__ import annotations

from tests.bad_inputs import documents, journals, requests

CASES = [*requests.CASES, *documents.CASES, *journals.CASES]
