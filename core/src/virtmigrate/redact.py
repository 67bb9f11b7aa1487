"""Secrets never reach a log, an event, a journal or an error's text."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(//[^/@\s:'\"]*):[^/\s'\"]*@")
_SECRET = re.compile(
    r"(?i)\b(passw(?:or)?d|secret|token|session[-_]?uuid)(\s*[=:>]\s*)"
    r"[^\s&'\"<>]+"
)


def redact(text: str) -> str:
    """The text with passwords in URIs, and `password=…` and its like, blanked."""
    return _SECRET.sub(r"\1\2***", _USERINFO.sub(r"\1:***@", text))
