"""The words of the command line that choose a policy, its limits and its consents."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from virtmigrate.cli.files import content
from virtmigrate.errors import BadInput, VirtmigrateError, leaves
from virtmigrate.insecure import INSECURE
from virtmigrate.policy import MS_MOST, YEAR_S, Objective
from virtmigrate.policy_file import MOST_BYTES, read_policy
from virtmigrate.presets import DEFAULT, PRESETS, preset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from virtmigrate.policy import Policy

PANEL = "How it ends: policy, limits, consents"
HOSTS_PANEL = "Hosts"
Insecure = Annotated[
    list[str] | None,
    typer.Option(
        "--insecure",
        metavar="CHECK",
        help=f"Switch one check off, by name; it is logged: {', '.join(INSECURE)}.",
        rich_help_panel=HOSTS_PANEL,
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="FINDING",
        help="A warning that does not matter, by its id in `check`; it stays in the "
        "plan. Repeatable. A blocker can't be ignored.",
        rich_help_panel=HOSTS_PANEL,
    ),
]
Rehearse = Annotated[
    bool,
    typer.Option(
        "--rehearse",
        help="First move a guest of no worth the same way (TLS, ports, logins): for a "
        "moment each host has one more.",
        show_default=False,
        rich_help_panel=HOSTS_PANEL,
    ),
]
CONSENTS = {
    "postcopy": "post-copy is allowed: a network cut after the switch can lose the "
    "guest",
    "pause": "the guest may be stopped for longer than --max-downtime, so that it ends",
    "throttle": "the guest's CPUs may be slowed down",
}
MEASURE_MOST_S = 60.0
MEASURE_S = 5.0
"""A plan for people takes its time to foretell the transfer."""
TEXTS = {
    "policy": ("--policy", "NAME", f"{', '.join(PRESETS)}; by default {DEFAULT}"),
    "policy_file": ("--policy-file", "FILE", "a policy of your own, TOML or JSON"),
    "objective": ("--objective", "WHAT", "what is to be small: time, gap or bytes"),
    "max_downtime": (
        "--max-downtime",
        "MS",
        "longest stop at the switchover that is caused on purpose",
    ),
    "max_time": ("--max-time", "SECONDS", "longest transfer"),
    "measure": (
        "--measure",
        "SECONDS",
        "measure the guest's writes for so long (0-60), and foretell the transfer",
    ),
}


def parameters() -> Iterator[inspect.Parameter]:
    """What a command takes beside the options of a migration."""
    for name, (word, metavar, text) in TEXTS.items():
        yield _parameter(name, str, word, text, metavar)
    for name, text in CONSENTS.items():
        yield _parameter(f"allow_{name}", bool, f"--allow-{name}", text)
        yield _parameter(f"no_allow_{name}", bool, f"--no-allow-{name}", None)
    for name, kind, default in (
        ("insecure", Insecure, None),
        ("ignore", Ignore, None),
        ("rehearse", Rehearse, False),
    ):
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
        )


def _parameter(
    name: str,
    kind: Any,  # noqa: ANN401 - a type, as data
    word: str,
    text: str | None,
    metavar: str | None = None,
) -> inspect.Parameter:
    option = typer.Option(
        word,
        metavar=metavar,
        help=text,
        hidden=text is None,
        show_default=False,
        rich_help_panel=PANEL,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if kind is str else False,
        annotation=Annotated[kind | None if kind is str else kind, option],
    )


def chosen(words: Mapping[str, object], refused: list[Exception]) -> Policy | None:
    """The policy that these words ask for; None where they say nothing.

    Args:
        words: Parameter name to value.
        refused: What is wrong is added to it.
    """
    policy = _named(words, refused)
    limits = {
        "max_downtime_ms": _number(words, "max_downtime", MS_MOST, refused, whole=True),
        "max_total_s": _number(words, "max_time", YEAR_S, refused),
    }
    consents = {name: _consent(words, name, refused) for name in CONSENTS}
    objective = _objective(words, refused)
    said = [*limits.values(), *consents.values(), objective]
    if refused or (policy is None and all(x is None for x in said)):
        return policy
    made = (policy or preset()).allowing(**consents)
    most = limits["max_downtime_ms"]
    made = made.limited(
        max_downtime_ms=None if most is None else int(most),
        max_total_s=limits["max_total_s"],
    )
    return made.model_copy(update={"objective": objective}) if objective else made


def measuring(
    words: Mapping[str, object], refused: list[Exception], default: float
) -> float:
    """For how many seconds the guest's writes are measured."""
    given = _number(words, "measure", MEASURE_MOST_S, refused, least=0.0)
    return default if given is None else given


def _named(words: Mapping[str, object], refused: list[Exception]) -> Policy | None:
    name, file = words.get("policy"), words.get("policy_file")
    try:
        if None not in (name, file):
            raise BadInput(
                "--policy and --policy-file exclude each other",
                subject="policy",
                remedy="give one of them",
            )
        if file is not None:
            return _from_file(str(file))
        return None if name is None else preset(str(name))
    except* VirtmigrateError as group:
        refused += [e for e in leaves(group) if isinstance(e, Exception)]
    return None


def _from_file(name: str) -> Policy:
    text = content(
        name,
        MOST_BYTES,
        option="--policy-file",
        subject="policy_file",
        what="a policy",
    )
    return read_policy(text, "json" if name.endswith(".json") else "toml")


def _number(
    words: Mapping[str, object],
    name: str,
    most: float,
    refused: list[Exception],
    *,
    least: float | None = None,
    whole: bool = False,
) -> float | None:
    given = words.get(name)
    if given is None:
        return None
    try:
        number = float(str(given))
    except ValueError:
        number = math.nan
    enough = number > 0 if least is None else number >= least
    if enough and number <= most and (not whole or number == int(number)):
        return number
    word, unit, text = TEXTS[name]
    refused.append(
        BadInput(
            f"{word}: {str(given)[:40]!r} is no number of {unit.lower()} that it takes",
            subject=name,
            remedy=f"{'a whole number ' if whole else ''}up to {most:g}: {text}",
        )
    )
    return None


def _consent(
    words: Mapping[str, object], name: str, refused: list[Exception]
) -> bool | None:
    yes, no = words.get(f"allow_{name}"), words.get(f"no_allow_{name}")
    if yes and no:
        refused.append(
            BadInput(
                f"--allow-{name} and --no-allow-{name} contradict each other",
                subject=f"allow_{name}",
                remedy="give one of them, or neither for the policy's own",
            )
        )
    return True if yes else False if no else None


def _objective(
    words: Mapping[str, object], refused: list[Exception]
) -> Objective | None:
    given = words.get("objective")
    if given is None:
        return None
    try:
        return Objective(str(given))
    except ValueError:
        refused.append(
            BadInput(
                f"--objective: {str(given)[:40]!r} is none",
                subject="objective",
                remedy=", ".join(Objective),
            )
        )
    return None
