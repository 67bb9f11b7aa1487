"""From words to a request: everything that is wrong with it is told at once."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from virtmigrate.cli.files import content
from virtmigrate.cli.steering import chosen, measuring
from virtmigrate.errors import BadInput, Side, VirtmigrateError, leaves
from virtmigrate.findings import ignorable
from virtmigrate.insecure import known
from virtmigrate.option_rows import SWITCHES, VALUES, Value
from virtmigrate.options import Options
from virtmigrate.uri import parse_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from virtmigrate.cli.tools import Tools
    from virtmigrate.policy import Policy

FILE_MAX_BYTES = 1 << 20
DIGITS_MAX = 30
_NUMBER = re.compile(rf"-?[0-9]{{1,{DIGITS_MAX}}}")


@dataclass(frozen=True, slots=True)
class Request:
    """One migration as it was asked for.

    Attributes:
        guest: Name or UUID at the source.
        source: Host URI.
        destination: Host URI.
        options: The options.
        policy: How it is brought to an end; None = the default one.
        measure_s: For how long the guest's writes are measured.
        ignore: Findings that do not matter, by id.
        rehearse: Whether the way is tried first.
    """

    guest: str
    source: str
    destination: str
    options: Options
    policy: Policy | None
    measure_s: float
    ignore: frozenset[str]
    rehearse: bool

    def arguments(self) -> dict[str, Any]:
        """Those of `Migrator.plan` and its like, by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def read(
    tools: Tools,
    guest: str,
    source: str | None,
    destination: str,
    words: Mapping[str, object],
    *,
    measure_s: float = 0.0,
) -> Request:
    """Check everything that can be checked without a host.

    Args:
        tools: Knows the plugins and the default source.
        guest: As typed.
        source: Of `-c` after the command; None = that before it.
        destination: As typed.
        words: Parameter name (`arguments.py`, `steering.py`) to value.
        measure_s: The command's own default.

    Raises:
        ExceptionGroup: Of `Refused`: all that is wrong.
    """
    refused: list[Exception] = []
    tools.waive(words.get("insecure"))
    with _noting(refused):
        known(tools.insecure)
    ignore: frozenset[str] = frozenset()
    with _noting(refused):
        ignore = ignorable(_listed(words.get("ignore")))
    asked, options = _asked(words, refused), Options()
    with _noting(refused):
        options = Options.checked(asked)
    # What is wrong with a limit is told besides what is wrong with an option.
    wrong: list[Exception] = []
    policy = chosen(words, wrong)
    seconds = measuring(words, wrong, measure_s)
    refused += wrong
    with _noting(refused):
        _check_guest(guest)
    here = ""
    with _noting(refused, Side.SOURCE):
        here = tools.source(source)
        _check_uri(tools, here, Side.SOURCE)
    with _noting(refused, Side.DESTINATION):
        _check_uri(tools, destination, Side.DESTINATION)
    if refused:
        msg = "the request is malformed"
        raise ExceptionGroup(msg, refused)
    rehearse = bool(words.get("rehearse"))
    return Request(guest, here, destination, options, policy, seconds, ignore, rehearse)


@contextmanager
def _noting(refused: list[Exception], side: Side = Side.REQUEST) -> Iterator[None]:
    """Note what is wrong with one part of the request, and go on to the next.

    Args:
        refused: Gets it.
        side: Whose part it is.
    """
    try:
        yield
    except* VirtmigrateError as group:
        errors = [e for e in leaves(group) if isinstance(e, VirtmigrateError)]
        for error in errors:
            if error.side is Side.REQUEST:
                error.side = side
        refused += errors


def _check_guest(guest: str) -> None:
    if not guest.strip():
        raise BadInput("GUEST is empty", subject="guest", remedy="name a guest")


def _listed(given: object) -> list[str]:
    """What a repeatable option was given, nothing or more."""
    return list(map(str, given)) if isinstance(given, list) else []


def _check_uri(tools: Tools, uri: str, side: Side) -> None:
    parsed = parse_uri(uri, side, tools.insecure)
    tools.manager.hypervisor_for(parsed).check_uri(parsed)


def _asked(words: Mapping[str, object], refused: list[Exception]) -> dict[str, object]:
    """Options by field name, as far as they could be read."""
    asked: dict[str, object] = {}
    for switch in SWITCHES:
        yes, no = words.get(switch.name), words.get(f"no_{switch.name}")
        if yes and no:
            refused.append(
                BadInput(
                    f"--{switch.virsh} and --no-{switch.virsh} contradict each other",
                    subject=switch.name,
                    remedy="give one of them, or neither for the default",
                )
            )
        elif yes or no:
            asked[switch.name] = bool(yes)
    for value in VALUES:
        given = words.get(value.name)
        if given:
            try:
                asked[value.name] = _value(value, given)
            except BadInput as error:
                refused.append(error)
        elif given == "":
            asked[value.name] = given
    return asked


def _value(row: Value, given: object) -> object:
    if isinstance(given, list | tuple):
        return tuple(part for item in given for part in str(item).split(","))
    text = str(given)
    if row.from_file:
        return _content(row, text)
    if row.kind != "string" and _NUMBER.fullmatch(text):
        return int(text)
    return text


def _content(row: Value, name: str) -> str:
    """The text of a file; its size is bounded before it is read."""
    return content(
        name,
        FILE_MAX_BYTES,
        option=f"--{row.virsh}",
        subject=row.name,
        what="domain XML",
    )
