"""Policies, limits and consents at the command line: good words and bad ones."""

from __future__ import annotations

import json

import pytest

from tests.requirements import requirement
from virtmigrate.forecast import Link, Workload
from virtmigrate.negotiation import WISHED
from virtmigrate.option_rows import A_POLICY_MAY_ASK
from virtmigrate.options import Options
from virtmigrate.plan_file import read_plan
from virtmigrate.policy import MS_MOST, WITH_CONSENT
from virtmigrate.presets import DEFAULT, PRESETS
from virtmigrate.streams import choices

HOSTS = ("scripted:///a", "scripted:///b")
MINE = """
name = "mine"
[limits]
max_downtime_ms = 80
max_total_s = 9
"""


def planned(terminal, *words):
    """The plan that these words make."""
    said = terminal("plan", "-c", HOSTS[0], "demo", HOSTS[1], "--json", *words)
    assert said.code == 0, said.err
    return read_plan(said.out)


def policy_of(terminal, *words):
    """The policy of that plan."""
    return planned(terminal, *words).policy


def refusals(terminal, *words):
    """What is wrong with these words."""
    said = terminal("plan", "-c", HOSTS[0], "demo", HOSTS[1], "--json", *words)
    assert said.code == 2
    return [refusal["message"] for refusal in said.json()["refusals"]]


def test_nothing_said_is_the_default_policy(terminal):
    assert policy_of(terminal) == PRESETS[DEFAULT]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_its_name(terminal, name):
    assert policy_of(terminal, "--policy", name).name == name


@requirement("ends.named-limit")
def test_limits_of_the_request_say_so(terminal):
    made = policy_of(terminal, "--max-downtime", "150", "--max-time", "60.5")
    assert (made.limits.max_downtime_ms, made.limits.max_total_s) == (150, 60.5)
    assert made.limits.max_total_s_per_gib is None
    assert made.origin("max_downtime_ms") == made.origin("max_total_s") == "request"
    assert made.origin("max_switchover_s") == f"policy {DEFAULT}"


@requirement("ends.consent")
@pytest.mark.parametrize("what", ["postcopy", "pause", "throttle"])
def test_consent_is_given_and_taken_back(terminal, what):
    assert not getattr(policy_of(terminal).consents, what)
    assert getattr(policy_of(terminal, f"--allow-{what}").consents, what)
    vdsm = ("--policy", "vdsm-suspend", f"--no-allow-{what}")
    assert not getattr(policy_of(terminal, *vdsm).consents, what)


RULE = """
[[rules]]
id = "late"
when = { passes_above = 5 }
ladder = [{ do = "downtime", value = 80 }]
"""


@requirement("ends.policy-file")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        (MINE + RULE.replace("passes_above = 5", ""), "rules.0.when"),
        (MINE + RULE + RULE, "rules.1.id: 'late'"),
        (MINE + RULE.replace("late", "deadline"), "rules.0.id: 'deadline'"),
        (MINE + RULE.replace("late", "timeout"), "rules.0.id: 'timeout'"),
        (MINE.replace("s = 9", "s = true"), "limits.max_total_s"),
        (MINE.replace("s = 9", "s = '60'"), "limits.max_total_s"),
        (MINE + RULE.replace("= 5", "= true"), "rules.0.when.passes_above"),
        (MINE + "[consents]\npause = 1", "consents.pause"),
        (MINE + "[sizing]\nleast = inf", "sizing.least"),
        (MINE + "[asks]\nauto_converge = 'yes'", "asks.auto_converge"),
        (MINE + "[alarms_s]\nprepair = 600", "alarms_s: 'prepair'"),
        (MINE + RULE.replace("80", "81"), "rules.0.ladder.0"),
        (MINE + RULE.replace("downtime", "bandwidth") * 2, "rules.1.id"),
        (
            "at_start = [{ do = 'downtime', value = 300 }]" + MINE,
            "at_start.0: a downtime of 300 ms is more than max_downtime_ms, 80",
        ),
        (MINE + "[origins]\nmax_downtime_ms = 'request'", "origins"),
    ],
)
def test_what_a_policy_file_says_in_vain_is_refused_by_its_place(
    terminal, tmp_path, text, place
):
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    told = refusals(terminal, "--policy-file", str(file))
    assert any(f"--policy-file: {place}" in message for message in told), told


@requirement("ends.policy-file")
def test_a_policy_file_has_numbers_with_and_without_a_point(terminal, tmp_path):
    file = tmp_path / "policy.toml"
    alarms = "[alarms_s]\nprepare = 600\nmake_disks = 0.5\n"
    file.write_text(MINE + RULE + alarms, encoding="utf-8")
    made = policy_of(terminal, "--policy-file", str(file))
    assert made.alarms_s == {"prepare": 600.0, "make_disks": 0.5}
    assert made.limits.max_total_s == 9.0


@requirement("ends.policy-file")
def test_a_rule_may_permit_all_that_the_limit_does(terminal, tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text(MINE + RULE.replace("80", str(MS_MOST)), encoding="utf-8")
    assert policy_of(terminal, "--policy-file", str(file)).rules[0].id == "late"


@requirement("ends.named-limit")
def test_a_plan_still_says_where_its_limits_come_from(terminal):
    limited = ("--policy", "nova", "--max-downtime", "90", "--timeout", "5")
    assert policy_of(terminal, *limited).origin("max_downtime_ms") == "request"


@requirement("ends.policy-file")
def test_a_policy_asks_for_nothing_that_a_caller_has_to_answer_for(terminal, tmp_path):
    file = tmp_path / "policy.toml"
    asks = "[asks]\nunsafe=true\none_step=true\nremove_source_disks=true\ntimeout_s=5\n"
    file.write_text(MINE + asks, encoding="utf-8")
    words = ("--policy-file", str(file), "--json")
    said = terminal("plan", "-c", HOSTS[0], "demo", HOSTS[1], *words)
    assert said.code == 2
    told = {each["message"]: each["remedy"] for each in said.json()["refusals"]}
    assert told == {
        f"--policy-file: asks: {name} is not for a policy to ask for": (
            f"give it with the request: {word}"
        )
        for name, word in (
            ("unsafe", "--unsafe"),
            ("one_step", "--one-step"),
            ("remove_source_disks", "--remove-source-disks"),
            ("timeout_s", "--timeout"),
        )
    }


def test_what_a_policy_wants_it_may_ask_for():
    policies = [policy.allowing(postcopy=True) for policy in PRESETS.values()]
    known = Workload(memory_bytes=1 << 30)
    wanted = {
        name
        for policy in (*PRESETS.values(), *policies)
        for asked in (Options(), Options(parallel=True))
        for wishes in choices(policy, asked, known, Link(1, "by --bandwidth"))
        for name in wishes
    }
    assert wanted <= A_POLICY_MAY_ASK


THROTTLES = [name for name, policy in PRESETS.items() if policy.consents.throttle]


@requirement("ends.consent")
@pytest.mark.parametrize("name", THROTTLES)
@pytest.mark.parametrize(
    ("words", "throttled"), [((), True), (("--no-allow-throttle",), False)]
)
def test_who_allows_no_throttling_gets_none(terminal, name, words, throttled):
    plan = planned(terminal, "--policy", name, *words)
    settled = plan.settlement["auto_converge"]
    assert settled.effective is throttled
    assert (settled.why == WISHED) is throttled


@requirement("ends.consent")
@pytest.mark.parametrize("option", ["postcopy", "auto_converge"])
def test_what_a_policy_file_asks_for_needs_its_consent(terminal, tmp_path, option):
    file = tmp_path / "policy.toml"
    file.write_text(f"{MINE}[asks]\n{option} = true", encoding="utf-8")
    words = ("--policy-file", str(file))
    consent = "--allow-" + WITH_CONSENT[option]
    assert planned(terminal, *words).settlement[option].effective is False
    assert planned(terminal, *words, consent).settlement[option].effective is True


def test_the_objective_is_one_of_three(terminal):
    assert policy_of(terminal, "--objective", "gap").objective == "gap"


@requirement("ends.policy-file")
@pytest.mark.parametrize("name", PRESETS)
def test_what_policies_shows_is_what_a_policy_file_reads(terminal, tmp_path, name):
    shown = terminal("policies", name, "--json")
    file = tmp_path / "policy.json"
    file.write_text(shown.out, encoding="utf-8")
    assert policy_of(terminal, "--policy-file", str(file)) == PRESETS[name]


def test_a_policy_file_may_be_toml(terminal, tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text(MINE, encoding="utf-8")
    assert policy_of(terminal, "--policy-file", str(file)).limits.max_downtime_ms == 80


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--policy", "novva"), "novva"),
        (("--policy-file", "/nowhere/p.toml"), "/nowhere/p.toml"),
        (("--policy", ""), "no policy ''"),
        (("--policy-file", ""), "--policy-file: file ''"),
        (("--policy", "", "--policy-file", ""), "exclude each other"),
        (("--policy", "nova", "--policy-file", "x"), "exclude each other"),
        (("--max-downtime", "0"), "--max-downtime"),
        (("--max-downtime", "1.5"), "--max-downtime"),
        (("--max-downtime", "-3"), "--max-downtime"),
        (("--max-downtime", "2000001"), "--max-downtime"),
        (("--max-time", "nan"), "--max-time"),
        (("--max-time", "inf"), "--max-time"),
        (("--max-time", "soon"), "--max-time"),
        (("--measure", "61"), "--measure"),
        (("--measure", "-1"), "--measure"),
        (("--objective", "glory"), "glory"),
        (("--allow-pause", "--no-allow-pause"), "contradict each other"),
    ],
)
def test_bad_words_are_refused_by_name(terminal, words, names):
    (message,) = refusals(terminal, *words)
    assert names in message


@requirement("say.all-at-once")
def test_all_that_is_wrong_is_told_at_once(terminal):
    told = refusals(
        terminal,
        "--policy=novva", "--max-downtime=x", "--max-time=-1", "--objective=y",
        "--allow-pause", "--no-allow-pause", "--disks-port=70000",
    )  # fmt: skip
    assert len(told) == 6


@requirement("ends.policy-file")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[[",
        "name = 'a'",
        MINE + "colour = 'red'",
        MINE + "at_deadline = ['suspend']",
        MINE + "[[rules]]\nid='x'\nwhen={}\nladder=[{do='downtime'}]",
        MINE + "[asks]\nnonsense = true",
        MINE + "[asks]\nlive = 3",
        MINE.replace("80", "nan"),
        "x" * 100_000,
        "\x00",
    ],
)
def test_a_bad_policy_file_is_refused_whole(terminal, tmp_path, text):
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    assert all(
        "--policy-file" in m for m in refusals(terminal, "--policy-file", str(file))
    )


def test_policies_lists_them_all(terminal):
    listed = terminal("policies", "--json").json()
    assert listed["default"] == DEFAULT
    assert list(listed["policies"]) == list(PRESETS)
    shown = terminal("policies").out
    assert all(name in shown for name in PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_policy_is_explained(terminal, name):
    said = terminal("policies", name)
    assert said.code == 0
    assert "max-downtime" in said.out
    assert "deadline" in said.out


def test_an_unknown_policy_is_refused(terminal):
    said = terminal("policies", "novva", "--json")
    assert said.code == 2
    assert "novva" in json.dumps(said.json())
