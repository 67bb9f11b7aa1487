"""Secrets never reach a log, an event, a journal or an error's text."""

from __future__ import annotations

import json
import re
from typing import TypeVar

T = TypeVar("T")
BLANK = "***"
_PLAIN = frozenset((int, float, bool, type(None)))
_WORDS = r"passw(?:or)?d|secret|token|session[-_]?uuid"
_KEY = re.compile(_WORDS, re.IGNORECASE)
_FORMS = (
    # scheme://user:password@host
    re.compile(r"(//[^/@\s:'\"]*:)[^/\s]*(?=@)"),
    # <password>…</password>
    re.compile(rf"(\b(?:{_WORDS})>)[^<]+", re.IGNORECASE),
    # password='…', "password": "…", also with the quotes escaped in JSON
    re.compile(
        rf"(\b(?:{_WORDS})(?:\\?[\"'])?\s*[=:]\s*(\\?[\"']))(?:(?!\2).)*",
        re.IGNORECASE | re.DOTALL,
    ),
    # password=…, password: …
    re.compile(rf"(\b(?:{_WORDS})\s*[=:]\s*)[^\s&'\"<>\\]+", re.IGNORECASE),
)


def redact(text: str) -> str:
    """The text with passwords in URIs, and `password=…` and its like, blanked."""
    return _blanked(text) if _suspect(text.casefold()) else text


def _suspect(folded: str) -> bool:
    """Whether a text has what every one of the forms needs.

    Almost none has: plain searches, written out, take a tenth of a pattern's time.
    """
    return (
        "@" in folded
        or "passw" in folded
        or "secret" in folded
        or "token" in folded
        or "session" in folded
    )


def _blanked(text: str) -> str:
    for form in _FORMS:
        text = form.sub(rf"\g<1>{BLANK}", text)
    return text


def redacted_json(data: object) -> str:
    """JSON data as text, redacted; a text in which nothing is suspect is as it was."""
    text = json.dumps(data)
    if "\\u" in text or _suspect(text.casefold()):  # an escape may hide a word
        return json.dumps(redact_data(data))
    return text


def redact_data(data: T) -> T:
    """JSON data with each string in it redacted; its shape stays as it is."""
    clean: object = data
    if type(data) in _PLAIN:
        return data  # most of what is written down
    if isinstance(data, str):
        clean = redact(data)
    elif isinstance(data, dict):
        clean = {
            key: value
            if type(value) in _PLAIN
            else BLANK
            if isinstance(value, str) and _KEY.fullmatch(str(key))
            else redact_data(value)
            for key, value in data.items()
        }
    elif isinstance(data, list | tuple):
        clean = [redact_data(item) for item in data]
    return clean  # type: ignore[return-value]  # the same shape
